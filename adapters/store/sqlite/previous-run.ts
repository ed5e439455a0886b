/**
 * What an opening owes to the run before it: writes without an outcome are settled as `unknown`, gaps it left open end,
 * and where it did not close the store (or the store itself was lost) every route gets a gap, which stays until a
 * reconcile is clean (docs/semantics.md, "Journal").
 */
import type { Database } from "better-sqlite3";
import { statSync } from "node:fs";
import type { Missing } from "../../../proxy/evidence/evidence.ts";
import { makeUlid } from "../../../proxy/identity.ts";
import type { JournalAccount } from "../../../proxy/journal.ts";
import { prepareEssentials } from "./commit.ts";
import { Essentials } from "../essentials.ts";
import type { Opened, OpeningOrder } from "./messages.ts";

/** What is known of a file that is gone or had to be set aside. */
export interface Lost {
  /** null: the file itself is gone. */
  readonly setAside: string | null;
  readonly damage: string;
  /** Epoch ms, perhaps with a fraction: what it accounted for since then may be lost. */
  readonly from: number;
  readonly damagedTables: readonly string[];
  /** Whether it is known up to where the journal was counted. */
  readonly journalMarkKnown: boolean;
}

interface Life {
  readonly generation: number;
  readonly run: string;
  readonly last_batch: number;
  readonly heartbeat: number;
  readonly clean: number;
}

/** A process that is restarted again and again leaves one gap, not one for each time. */
const ADJOINING_MS = 60_000;
const MAX_UNCLEAN_GAPS = 100;

/** What the journal knows of the run before, told what the store has counted; null: there is no journal. */
export type AskJournal = (countedUpTo: number) => JournalAccount | null;

/** Runs inside the opening's transaction. */
export function accountForPreviousRun(
  db: Database,
  order: OpeningOrder,
  lost: Lost | null,
  ask: AskJournal,
): Omit<Opened, "inode"> {
  const { now, again, run } = order;
  const life = db.prepare<[], Life>("SELECT generation, run, last_batch, heartbeat, clean FROM life").get();
  const sameRun = life !== undefined && life.run === run;
  const lastBatch = sameRun ? life.last_batch : 0;
  const setAside = lost?.setAside ?? null;
  const gone = lost ?? (life === undefined ? goneFile(order) : null);
  const counted = db.prepare<[], number>("SELECT position FROM journal_mark").pluck().get() ?? 0;
  if (sameRun && gone === null) {
    return { generation: life.generation, previousEnd: "clean", setAside, lastBatch, journalMark: counted, notes: [] };
  }

  // In the same run the writes without an outcome are still on their way, and the journal goes on.
  const journal = sameRun ? null : ask(counted);
  const unclean = gone !== null || (life !== undefined && life.clean === 0);
  const isCovered = journal !== null && gone === null && journal.coversGeneration === life?.generation;
  const since = gone?.from ?? life?.heartbeat ?? now;
  const notes: string[] = [];
  if (journal !== null && lost?.journalMarkKnown !== false) applyUncounted(db, order, journal);
  const begins = beginningsOf(db, order, since);
  const uneven = sameRun ? NOTHING_UNEVEN : settleAsUnknown(db, now, journal?.open ?? []);
  if (unclean && !isCovered) {
    const broken = journal === null || journal.damage === null ? "" : `; journal damaged: ${journal.damage}`;
    const why = gone === null ? `unclean end while unjournaled${broken}` : `store lost: ${gone.damage}`;
    notes.push(...describe(order.file, gone, recordGaps(db, order, begins, why)));
  } else if (journal !== null && journal.damage !== null) {
    const why = `journal damaged: ${journal.damage}`;
    notes.push(`the ${why}; what could be read of it is delivered, and ${gapsOf(recordGaps(db, order, begins, why))}`);
  } else {
    const partly = new Map(uneven.routes.map((route) => [route, begins.get(route) ?? since]));
    // Gaps that are open still end now, and say the same.
    const open = new Set(db.prepare<[], string>("SELECT route FROM gap WHERE to_ms IS NULL").pluck().all());
    for (const { route, from } of journal?.unjournaled ?? []) if (!open.has(route)) partly.set(route, from);
    const why = "writes were not journaled when the run before ended";
    if (partly.size > 0) notes.push(`${why}: ${gapsOf(recordGaps(db, order, partly, why))}`);
  }
  if (!sameRun) {
    const writes = uneven.unknown === 1 ? "write" : "writes";
    if (uneven.unknown > 0) {
      notes.push(`${uneven.unknown} ${writes} of the previous run had no outcome yet: counted as unknown`);
    }
    db.prepare("UPDATE gap SET to_ms = ? WHERE to_ms IS NULL").run(now);
    if (journal !== null) db.prepare("UPDATE journal_mark SET position = ?").run(journal.upTo);
  }
  const generation = again?.generation ?? nextGeneration(life, gone, now);
  db.prepare(
    `INSERT OR REPLACE INTO life (only, generation, run, last_batch, heartbeat, clean) VALUES (1, ?, ?, ?, ?, 0)`,
  ).run(generation, run, lastBatch, now);
  const previousEnd = unclean ? "unclean" : life === undefined ? "none" : "clean";
  return { generation, previousEnd, setAside, lastBatch, journalMark: journal?.upTo ?? counted, notes };
}

/** Counts what the journal has and the store had not committed when it ended. */
function applyUncounted(db: Database, order: OpeningOrder, { uncounted }: JournalAccount): void {
  const essentials = new Essentials();
  for (const { write } of uncounted) if (write.type !== "divergence" && write.type !== "pair") essentials.add(write);
  prepareEssentials(db, order.retention, order.now)(essentials.rows(), order.now);
}

/**
 * Whether there was a store before this one, which has no life yet: this run had one, or its key file is there, which
 * is made after a store's first opening (proxy/record/secret-key.ts).
 */
function goneFile({ file, again }: OpeningOrder): Lost | null {
  const gone = (from: number, words: string): Lost => ({
    setAside: null,
    damage: `${file} ${words}`,
    from,
    damagedTables: [],
    journalMarkKnown: true,
  });
  const key = statSync(`${file}.key`, { throwIfNoEntry: false });
  // What runs before this one left in it is gone as well.
  if (again !== null) return gone(Math.min(again.since, key?.mtimeMs ?? Infinity), "was removed or replaced");
  return key === undefined ? null : gone(key.mtimeMs, "was not there or empty");
}

/**
 * Order stamps begin with the generation, so it must not fall back below one that was used. Where it cannot be read,
 * the seconds since 1970 are above it: a store that is opened less than once a second cannot have come that far.
 */
function nextGeneration(life: Life | undefined, gone: Lost | null, now: number): number {
  if (life !== undefined) return life.generation + 1;
  return gone === null ? 1 : Math.floor(now / 1000);
}

interface Uneven {
  /** Writes that were counted as unknown. */
  readonly unknown: number;
  /** Routes whose accounts of the run before did not come out even. */
  readonly routes: readonly string[];
}

const NOTHING_UNEVEN: Uneven = { unknown: 0, routes: [] };

/** `open`: writes that the journal goes on with. More of them than the store knows of are counted as eligible. */
function settleAsUnknown(db: Database, now: number, open: JournalAccount["open"]): Uneven {
  const stillOpen = new Map(open.map(({ route, count }) => [route, count]));
  for (const route of stillOpen.keys()) {
    db.prepare("INSERT OR IGNORE INTO route_total VALUES (?, 0, 0, 0, ?)").run(route, now);
  }
  const rows = db
    .prepare<[], { route: string; missing: number }>("SELECT route, eligible - settled AS missing FROM route_total")
    .all();
  const count = db.prepare(
    `INSERT INTO outcome_total (route, outcome, reason, count) VALUES (?, 'unknown', '', ?)
     ON CONFLICT (route, outcome, reason) DO UPDATE SET count = count + excluded.count`,
  );
  const balance = db.prepare("UPDATE route_total SET eligible = eligible + ?, settled = settled + ? WHERE route = ?");
  const routes: string[] = [];
  let total = 0;
  for (const { route, missing } of rows) {
    const unknown = missing - (stillOpen.get(route) ?? 0);
    if (unknown === 0) continue;
    routes.push(route);
    if (unknown > 0) count.run(route, unknown);
    balance.run(Math.max(0, -unknown), Math.max(0, unknown), route);
    total += Math.max(0, unknown);
  }
  db.prepare("UPDATE route_total SET balanced_at = ? WHERE eligible = settled").run(now);
  return { unknown: total, routes };
}

/** Since when each route's accounts may be incomplete. */
function beginningsOf(db: Database, { routes }: OpeningOrder, from: number): ReadonlyMap<string, number> {
  const known = db
    .prepare<[], { route: string; unsettled: number; balanced_at: number }>(
      "SELECT route, eligible - settled AS unsettled, balanced_at FROM route_total WHERE eligible > 0",
    )
    .all();
  const begins = new Map(routes.map((route) => [route, from]));
  // A write without an outcome may have begun as early as the last moment at which there was none.
  for (const row of known) begins.set(row.route, row.unsettled > 0 ? Math.min(from, row.balanced_at) : from);
  return begins;
}

function recordGaps(db: Database, { now }: OpeningOrder, begins: ReadonlyMap<string, number>, why: string): number {
  const latest = db.prepare<[string], { seq: number; to_ms: number; count: number }>(
    "SELECT max(seq) AS seq, to_ms, count(*) AS count FROM gap WHERE route = ? AND unclean_end = 1",
  );
  const extend = db.prepare(
    "UPDATE gap SET to_ms = @now, why = @why, misses = iif(misses IS @misses, misses, NULL) WHERE seq = @seq",
  );
  const insert = db.prepare(
    "INSERT INTO gap (id, route, from_ms, to_ms, why, unclean_end, misses) VALUES (?, ?, ?, ?, ?, 1, ?)",
  );
  // Said by the run that ended: an older version that ran since has said nothing.
  const shadowOf = db
    .prepare<[string], Missing>(
      "SELECT service FROM shadow WHERE route = ? AND generation = (SELECT generation FROM life)",
    )
    .pluck();
  for (const [route, start] of begins) {
    // Times of files have fractions of a millisecond, which the column refuses.
    const begin = Math.floor(Math.min(start, now));
    const before = latest.get(route);
    const adjoins = before !== undefined && before.count > 0 && begin - before.to_ms < ADJOINING_MS;
    const misses = shadowOf.get(route) ?? null;
    if (before !== undefined && (adjoins || before.count >= MAX_UNCLEAN_GAPS))
      extend.run({ now, why, misses, seq: before.seq });
    else insert.run(makeUlid(now), route, begin, now, why, misses);
  }
  return begins.size;
}

function gapsOf(routes: number): string {
  return `a gap is recorded for ${routes} ${routes === 1 ? "route" : "routes"}; reconcile closes it`;
}

function describe(file: string, gone: Lost | null, routes: number): readonly string[] {
  const gaps = gapsOf(routes);
  if (gone === null) return [`the previous run ended without closing the store ${file}: ${gaps}`];
  if (gone.setAside === null)
    return [`store lost: ${gone.damage}; a new one was begun, without what was pinned, and ${gaps}`];
  const missing = gone.damagedTables.length === 0 ? "all" : `all but ${gone.damagedTables.join(", ")}`;
  return [
    `store ${file} is damaged (${gone.damage}) and was set aside as ${gone.setAside}; ` +
      `of its totals, repairs and gaps ${missing} could be kept, its evidence is in that file; ${gaps}`,
  ];
}
