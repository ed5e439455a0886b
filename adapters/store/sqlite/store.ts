/** The embedded store: one SQLite file, locked for this process alone and owned by a thread of its own. */
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import type { Clock, Store } from "../../../proxy/ports.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { pageLimit } from "../cursor.ts";
import { DEFAULT_RETENTION, type Retention } from "../retention.ts";
import { DEFAULT_BACKLOG, type BacklogLimits } from "../backlog.ts";
import { Committer } from "./committer.ts";
import { eraseDivergences } from "./erasure.ts";
import type { Opened } from "./messages.ts";
import { prepareStoreFile } from "./place.ts";

const PATIENCE_MS = 10_000;

export interface SqliteStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  /** Routes whose writes are mirrored: they get a gap after an unclean end even if the store never saw one of theirs. */
  readonly routes?: readonly string[];
  readonly retention?: Partial<Retention>;
  readonly backlog?: Partial<BacklogLimits>;
  /** How long a question, a flush or the end may wait for the disk. Default 10 s. */
  readonly patienceMs?: number;
  /**
   * What the journal knows of the run before, where there is one: asked once the file is this process's alone, with the
   * position up to which the store has counted.
   */
  readonly journalAccount?: (countedUpTo: number) => Promise<JournalAccount>;
}

export interface SqliteStore extends Store {
  /** How the run before ended, where a corrupt file was put, and what an operator should know of it. */
  readonly opened: Pick<Opened, "previousEnd" | "setAside" | "notes">;
}

/**
 * @throws CrossfadeError `store-locked` where another process has the file; `store-unavailable` where it cannot be used
 * (no folder, no permission, network file system, another program's database, a newer schema). A corrupt file is no
 * error: it is set aside, and `opened` and `health` say so.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const file = await prepareStoreFile(options.file);
  const committer = new Committer({
    file,
    clock: options.clock,
    routes: options.routes ?? [],
    retention: { ...DEFAULT_RETENTION, ...options.retention },
    backlog: { ...DEFAULT_BACKLOG, ...options.backlog },
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    journalAccount: options.journalAccount ?? null,
  });
  const opened = await committer.opened;
  return {
    generation: opened.generation,
    opened,
    append: (writes) => committer.append(writes),
    flush: () => committer.flush(),
    health: () => committer.health(),
    journalMark: () => committer.journalMark(),
    pairsKept: () => committer.pairsKept(),
    close: () => committer.close(),
    onGroupEvent: (listener) => committer.listeners.add(listener),
    eraseDivergences: (query) => eraseDivergences(committer, file, query),
    ...questionsOf(committer, options.clock),
  };
}

type Questioning = Omit<
  Store,
  | "generation"
  | "append"
  | "flush"
  | "health"
  | "journalMark"
  | "pairsKept"
  | "close"
  | "onGroupEvent"
  | "eraseDivergences"
>;

/** Every question the port has. Records travel as their JSON text. */
function questionsOf(committer: Committer, clock: Clock): Questioning {
  const parse = (record: string): DivergenceRecord => JSON.parse(record) as DivergenceRecord;
  return {
    outcomeCounts: () => committer.ask("outcomeCounts", null),
    eligibleCounts: () => committer.ask("eligibleCounts", null),
    groups: (query) => committer.ask("groups", { ...query, now: clock.now() }),
    decideGroup: (id, decision) => committer.ask("decideGroup", { id, decision, now: clock.now() }),
    repairs: (query) => committer.ask("repairs", query),
    repairWork: (query) => committer.ask("repairWork", query),
    endRepair: ({ id, revision }, end) => committer.ask("endRepair", { id, revision, end }),
    gaps: (query) => committer.ask("gaps", query),
    overrides: () => committer.ask("overrides", null),
    phases: () => committer.ask("phases", null),
    movePhases: (moves) => committer.ask("movePhases", moves),
    audit: (query) => committer.ask("audit", query),
    openWork: () => committer.ask("openWork", null),
    places: () => committer.ask("places", null),
    // Nothing that is appended has to do with values.
    teachValues: (pairs) => committer.askAtOnce("teachValues", { pairs, now: clock.now() }),
    findValues: (sought) => committer.askAtOnce("findValues", { sought, now: clock.now() }),
    valuePairs: (query) => committer.askAtOnce("valuePairs", { query, now: clock.now() }),
    gateEvidence: () => committer.ask("gateEvidence", null),
    rowJobs: () => committer.ask("rowJobs", null),
    othersGateEvidence: () => Promise.resolve([]),
    leanings: () => committer.ask("leanings", null),

    async divergences(query) {
      const limit = pageLimit(query.limit);
      const items: DivergenceRecord[] = [];
      let cursor = query.cursor;
      for (;;) {
        // Each answer looks into so many records at most, and commits go on between two answers.
        const rest = { ...query, limit: limit - items.length, ...(cursor === undefined ? {} : { cursor }) };
        const { records, more } = await committer.ask("divergences", rest);
        items.push(...records.map(parse));
        if (more === null || items.length >= limit) return { items, next: more };
        cursor = more;
      }
    },

    async divergence(id) {
      const record = await committer.ask("divergence", id);
      return record === null ? null : parse(record);
    },

    async pairs(query) {
      const limit = pageLimit(query.limit);
      const items: StoredPair[] = [];
      let cursor = query.cursor;
      for (;;) {
        // Each answer carries so many bytes at most, and commits go on between two answers.
        const rest = { ...query, limit: limit - items.length, ...(cursor === undefined ? {} : { cursor }) };
        const { pairs, more } = await committer.ask("pairs", rest);
        items.push(...pairs.map((pair) => JSON.parse(pair) as StoredPair));
        if (more === null || items.length >= limit) return { items, next: more };
        cursor = more;
      }
    },

    async pair(id) {
      const pair = await committer.ask("pair", id);
      return pair === null ? null : (JSON.parse(pair) as StoredPair);
    },

    async group(id) {
      const found = await committer.ask("group", { id, now: clock.now() });
      return found === null ? null : { group: found.group, samples: found.samples.map(parse) };
    },
  };
}
