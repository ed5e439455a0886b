/** The store of tests and of `--store memory:`: the same contract, bounded, gone with the process. */
import { AUDIT_KEPT, type AuditEntry } from "../../proxy/evidence/audit.ts";
import { CrossfadeError } from "../../proxy/errors.ts";
import {
  type DivergenceRecord,
  type GapRecord,
  type GroupDecision,
  type GroupRecord,
  isMissingAt,
  type ListedGroup,
  type OutcomeCount,
  type RepairEnd,
  type RepairRecord,
  type RepairWork,
} from "../../proxy/evidence/evidence.ts";
import type { KeptGateEvidence } from "../../proxy/moves/gate-evidence.ts";
import { addLeaning, type Leaning, leaningName, repairLeaning } from "../../proxy/moves/leanings.ts";
import { isStill, type KeptPhase, type PhaseMove } from "../../proxy/moves/kept-phase.ts";
import { isFailure } from "../../proxy/evidence/groups.ts";
import { changeOverrides, type Override } from "../../proxy/moves/overrides.ts";
import type {
  Clock,
  DivergenceQuery,
  ErasedRecords,
  ErasureQuery,
  GroupQuery,
  OpenWork,
  Page,
  PairQuery,
  RepairWorkQuery,
  Store,
  StoreHealth,
  StoreWrite,
} from "../../proxy/ports.ts";
import type { RowJobEnd } from "../../proxy/rows/row-jobs.ts";
import type { PairsKept, StoredPair } from "../../proxy/evidence/stored-pair.ts";
import type { PairSought, PairsQuery, PairTaught, ValuePairRow } from "../../proxy/ids/value-pairs.ts";
import { decodeCursor, encodeCursor, pageLimit, type ListName } from "./cursor.ts";
import { rowJobName } from "./rows.ts";
import { GroupListeners, type GroupListener } from "./listeners.ts";
import { MemoryPlaces } from "./memory-places.ts";
import { MemoryEvidence } from "./memory-evidence.ts";
import { MemoryRepairs } from "./memory-repairs.ts";
import { MemoryPairs } from "./memory-pairs.ts";
import { MemoryValues, withoutSeq } from "./memory-values.ts";
import { DEFAULT_RETENTION, type Retention } from "./retention.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly retention?: Partial<Retention>;
}

export function openMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

interface Totals {
  readonly outcomes: Map<string, OutcomeCount>;
  eligible: number;
  comparedReads: number;
}

interface ListQuery {
  readonly route?: string;
  readonly limit: number;
  readonly cursor?: string;
}

class MemoryStore implements Store {
  readonly generation = 1;
  readonly #clock: Clock;
  readonly #retention: Retention;
  readonly #evidence: MemoryEvidence;
  readonly #pairs: MemoryPairs;
  readonly #listeners = new GroupListeners();
  readonly #places: MemoryPlaces;
  readonly #values = new MemoryValues();
  readonly #totals = new Map<string, Totals>();
  readonly #repairs: MemoryRepairs;
  readonly #gaps = new Map<string, GapRecord & { readonly seq: number }>();
  readonly #audit: { readonly seq: number; readonly entry: AuditEntry }[] = [];
  readonly #gateEvidence = new Map<string, KeptGateEvidence>();
  readonly #leanings = new Map<string, Leaning>();
  readonly #rowJobs = new Map<string, RowJobEnd>();
  readonly #phases = new Map<string, KeptPhase>();
  #overrides: readonly Override[] = [];
  #seq = 0;
  #lost = 0;
  #journalMark = 0;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#retention = { ...DEFAULT_RETENTION, ...options.retention };
    this.#evidence = new MemoryEvidence(this.#retention, (route) => this.#compared(route));
    this.#repairs = new MemoryRepairs(this.#retention.repairKeys);
    this.#places = new MemoryPlaces(this.#retention);
    this.#pairs = new MemoryPairs(this.#retention);
  }

  append(writes: readonly StoreWrite[]): void {
    if (this.#closed) {
      this.#lost += writes.length;
      return;
    }
    for (const write of writes) this.#apply(write);
    this.#evidence.evict(this.#clock.now());
    this.#pairs.evict(this.#clock.now());
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  health(): StoreHealth {
    return { kind: "memory", problem: null, isKeeping: true, lostWrites: this.#lost, pendingWrites: 0 };
  }

  journalMark(): number {
    return this.#journalMark;
  }

  async outcomeCounts(): Promise<readonly OutcomeCount[]> {
    this.#refuseIfClosed();
    return [...this.#totals.values()].flatMap(({ outcomes }) => [...outcomes.values()]);
  }

  async eligibleCounts(): ReturnType<Store["eligibleCounts"]> {
    this.#refuseIfClosed();
    return [...this.#totals].map(([route, { eligible }]) => ({ route, count: eligible }));
  }

  async divergences(query: DivergenceQuery): Promise<Page<DivergenceRecord>> {
    this.#refuseIfClosed();
    const before = query.cursor === undefined ? Infinity : decodeCursor("divergences", query.cursor).number;
    const found = this.#evidence.find(query, before, pageLimit(query.limit) + 1, this.#clock.now());
    return page(
      "divergences",
      found,
      query.limit,
      ({ seq }) => [seq],
      ({ record }) => record,
    );
  }

  async divergence(id: string): Promise<DivergenceRecord | null> {
    this.#refuseIfClosed();
    return this.#evidence.record(id);
  }

  async groups(query: GroupQuery): Promise<Page<ListedGroup>> {
    this.#refuseIfClosed();
    const after = query.cursor === undefined ? null : decodeCursor("groups", query.cursor);
    const found = this.#evidence
      .groups(this.#clock.now())
      .filter(({ route, state }) => isAsked(query, route) && (query.states?.includes(state) ?? true))
      .sort((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1))
      .filter(({ count, id }) => after === null || count < after.number || (count === after.number && id > after.id));
    return page(
      "groups",
      found,
      query.limit,
      ({ count, id }) => [count, id],
      (group) => group,
    );
  }

  async group(id: string): ReturnType<Store["group"]> {
    this.#refuseIfClosed();
    return this.#evidence.group(id, this.#clock.now());
  }

  async decideGroup(id: string, decision: GroupDecision): Promise<GroupRecord | null> {
    this.#refuseIfClosed();
    if (!this.#evidence.decide(id, decision)) return null;
    return this.#evidence.group(id, this.#clock.now())?.group ?? null;
  }

  async eraseDivergences(query: ErasureQuery): Promise<ErasedRecords> {
    this.#refuseIfClosed();
    return { ...this.#evidence.erase(query), pairs: this.#pairs.erase(query), setAside: [] };
  }

  async pairs(query: PairQuery): Promise<Page<StoredPair>> {
    this.#refuseIfClosed();
    const before = query.cursor === undefined ? Infinity : decodeCursor("pairs", query.cursor).number;
    return page(
      "pairs",
      this.#pairs.find(query, before),
      query.limit,
      ({ seq }) => [seq],
      ({ pair }) => pair,
    );
  }

  async pair(id: string): Promise<StoredPair | null> {
    this.#refuseIfClosed();
    return this.#pairs.get(id);
  }

  pairsKept(): PairsKept {
    return this.#pairs.kept();
  }

  onGroupEvent(listener: GroupListener): () => void {
    return this.#listeners.add(listener);
  }

  async repairs(query: ListQuery): Promise<Page<RepairRecord>> {
    this.#refuseIfClosed();
    const after = query.cursor === undefined ? 0 : decodeCursor("repairs", query.cursor).number;
    const found = this.#repairs.all().filter(({ id, route }) => id > after && isAsked(query, route));
    return page(
      "repairs",
      found,
      query.limit,
      ({ id }) => [id],
      ({ id: _, place: __, ...repair }) => repair,
    );
  }

  async repairWork(query: RepairWorkQuery): Promise<readonly RepairWork[]> {
    this.#refuseIfClosed();
    const { after, dueAt, reasons, limit } = query;
    const found = this.#repairs
      .all()
      .filter(({ id, route, reason }) => id > after && isAsked(query, route) && reasons?.includes(reason) !== false)
      .filter((one) => dueAt === null || isDue(one, dueAt));
    return found.slice(0, pageLimit(limit));
  }

  async endRepair({ id, revision }: Pick<RepairWork, "id" | "revision">, end: RepairEnd): Promise<"done" | "changed"> {
    this.#refuseIfClosed();
    return this.#repairs.end(id, revision, end);
  }

  async gaps(query: ListQuery): Promise<Page<GapRecord>> {
    this.#refuseIfClosed();
    const before = query.cursor === undefined ? Infinity : decodeCursor("gaps", query.cursor).number;
    const found = [...this.#gaps.values()].filter(({ seq, route }) => seq < before && isAsked(query, route)).reverse();
    return page(
      "gaps",
      found,
      query.limit,
      ({ seq }) => [seq],
      ({ seq: _, ...gap }) => gap,
    );
  }

  async overrides(): Promise<readonly Override[]> {
    this.#refuseIfClosed();
    return this.#overrides;
  }

  async audit(query: ListQuery): Promise<Page<AuditEntry>> {
    this.#refuseIfClosed();
    const before = query.cursor === undefined ? Infinity : decodeCursor("audit", query.cursor).number;
    return page(
      "audit",
      this.#audit.filter(({ seq }) => seq < before).reverse(),
      query.limit,
      ({ seq }) => [seq],
      ({ entry }) => entry,
    );
  }

  async phases(): ReturnType<Store["phases"]> {
    this.#refuseIfClosed();
    return [...this.#phases.values()];
  }

  async movePhases(moves: readonly PhaseMove[]): ReturnType<Store["movePhases"]> {
    this.#refuseIfClosed();
    const stands = ({ row, instead }: PhaseMove): boolean => isStill(this.#phases.get(row.route), instead);
    if (!moves.every(stands)) return "changed";
    for (const { row } of moves) this.#phases.set(row.route, row);
    return "done";
  }

  async openWork(): ReturnType<Store["openWork"]> {
    this.#refuseIfClosed();
    const work = new Map<string, OpenWork>();
    const add = (route: string, more: (open: OpenWork) => Partial<OpenWork>): void => {
      const open = work.get(route) ?? noWork(route);
      work.set(route, { ...open, ...more(open) });
    };
    for (const { route, state, misses } of this.#repairs.all()) {
      const more = state === "parked" ? 1 : 0;
      add(route, ({ repairs, parked, legacyMisses }) => ({
        repairs: repairs + 1,
        parked: parked + more,
        legacyMisses: { ...legacyMisses, repairs: legacyMisses.repairs + Number(isMissingAt("legacy", misses)) },
      }));
    }
    for (const { route, misses } of this.#gaps.values()) {
      add(route, ({ gaps, legacyMisses }) => ({
        gaps: gaps + 1,
        legacyMisses: { ...legacyMisses, gaps: legacyMisses.gaps + Number(isMissingAt("legacy", misses)) },
      }));
    }
    for (const { route, state, signature } of this.#evidence.groups(this.#clock.now())) {
      if (!isFailure(signature)) add(route, ({ causes }) => ({ causes: { ...causes, [state]: causes[state] + 1 } }));
    }
    return [...work.values()];
  }

  async places(): ReturnType<Store["places"]> {
    this.#refuseIfClosed();
    return this.#places.all();
  }

  async teachValues(pairs: readonly ValuePairRow[]): Promise<readonly PairTaught[]> {
    this.#refuseIfClosed();
    return pairs.map((pair) => this.#values.teach(pair, this.#clock.now()));
  }

  async findValues(sought: readonly PairSought[]): Promise<readonly (ValuePairRow | null)[]> {
    this.#refuseIfClosed();
    return sought.map((one) => this.#values.find(one, this.#clock.now()));
  }

  async valuePairs(query: PairsQuery): Promise<Page<ValuePairRow>> {
    this.#refuseIfClosed();
    const before = query.cursor === undefined ? Infinity : decodeCursor("values", query.cursor).number;
    const found = this.#values.list(query.kind, before, this.#clock.now());
    return page("values", found, query.limit, ({ seq }) => [seq], withoutSeq);
  }

  async gateEvidence(): ReturnType<Store["gateEvidence"]> {
    this.#refuseIfClosed();
    return [...this.#gateEvidence.values()];
  }

  async othersGateEvidence(): ReturnType<Store["othersGateEvidence"]> {
    this.#refuseIfClosed();
    return [];
  }

  async leanings(): ReturnType<Store["leanings"]> {
    this.#refuseIfClosed();
    return [...this.#leanings.values()];
  }

  async rowJobs(): ReturnType<Store["rowJobs"]> {
    this.#refuseIfClosed();
    return [...this.#rowJobs.values()];
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #apply(write: StoreWrite): void {
    switch (write.type) {
      case "eligible":
        this.#totalsOf(write.route).eligible += 1;
        return;
      case "compared-read":
        this.#totalsOf(write.route).comparedReads += 1;
        return;
      case "count": {
        const { outcomes } = this.#totalsOf(write.route);
        const { route, outcome, reason } = write;
        const name = reason ?? outcome;
        outcomes.set(name, { route, outcome, reason, count: (outcomes.get(name)?.count ?? 0) + 1 });
        return;
      }
      case "divergence":
        this.#addDivergence(write);
        return;
      case "gap-withdrawn":
        this.#gaps.delete(write.id);
        return;
      case "journal-mark":
        this.#journalMark = write.position;
        return;
      case "pair":
        this.#pairs.add(write);
        return;
      case "repair":
        this.#repairs.add(write);
        this.#addLeaning(repairLeaning(write));
        return;
      case "gap-opened": {
        const { id, route, from, why, misses = null } = write;
        if (!this.#gaps.has(id)) this.#gaps.set(id, { seq: ++this.#seq, id, route, from, to: null, why, misses });
        return;
      }
      case "gap-closed": {
        const gap = this.#gaps.get(write.id);
        if (gap !== undefined && gap.to === null) this.#gaps.set(write.id, { ...gap, to: write.to });
        return;
      }
      case "pin":
        this.#overrides = changeOverrides(this.#overrides, write.override, write.override);
        return;
      case "unpin":
        this.#overrides = changeOverrides(this.#overrides, write, null);
        return;
      case "audit":
        this.#audit.push({ seq: ++this.#seq, entry: write.entry });
        if (this.#audit.length > AUDIT_KEPT) this.#audit.shift();
        return;
      case "places":
        this.#places.keep(write.places, this.#clock.now());
        return;
      case "gate-evidence":
        for (const row of write.rows) this.#gateEvidence.set(row.route, row);
        return;
      case "shadow":
        // It ends with its process, and records no gaps by itself.
        return;
      case "leaned":
        this.#addLeaning(write.leaning);
        return;
      case "row-job":
        this.#rowJobs.set(rowJobName(write.end), write.end);
        return;
      default: {
        const never: never = write;
        throw new TypeError(`no such write: ${JSON.stringify(never)}`);
      }
    }
  }

  #addLeaning(leaning: Leaning): void {
    const name = leaningName(leaning);
    this.#leanings.set(name, addLeaning(this.#leanings.get(name), leaning));
  }

  #addDivergence({ record, json, signature }: Extract<StoreWrite, { type: "divergence" }>): void {
    const event = this.#evidence.add(record, json, signature);
    if (event !== null) this.#listeners.tell([event]);
  }

  #totalsOf(route: string): Totals {
    let totals = this.#totals.get(route);
    if (totals === undefined)
      this.#totals.set(route, (totals = { outcomes: new Map(), eligible: 0, comparedReads: 0 }));
    return totals;
  }

  #compared(route: string): number {
    const totals = this.#totals.get(route);
    if (totals === undefined) return 0;
    const counted = (["match", "ignored", "divergent"] as const).map((name) => totals.outcomes.get(name)?.count ?? 0);
    return counted.reduce((sum, count) => sum + count, totals.comparedReads);
  }

  #refuseIfClosed(): void {
    if (!this.#closed) return;
    throw new CrossfadeError("store-unavailable", "the memory store is closed", { source: "store" });
  }
}

const NO_CAUSES: OpenWork["causes"] = { new: 0, acknowledged: 0, fixed: 0, regressed: 0 };

function noWork(route: string): OpenWork {
  return { route, repairs: 0, parked: 0, gaps: 0, legacyMisses: { repairs: 0, gaps: 0 }, causes: NO_CAUSES };
}

function isDue({ state, notBefore, nextTry }: RepairWork, at: number): boolean {
  return state === "open" && [notBefore, nextTry].every((time) => time === null || Date.parse(time) <= at);
}

function isAsked(query: Pick<ListQuery, "route">, route: string): boolean {
  return query.route === undefined || query.route === route;
}

function page<Row, Item>(
  list: ListName,
  rows: readonly Row[],
  asked: number,
  position: (row: Row) => readonly (string | number)[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const limit = pageLimit(asked);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor(list, position(last)) : null;
  return { items: shown.map(toItem), next };
}
