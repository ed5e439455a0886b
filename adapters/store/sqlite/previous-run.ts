/**
 * What an opening owes to the run before it: writes without an outcome are settled as `unknown`, gaps it left open end,
 * and where it did not close the store (or the store itself was lost) every route gets a gap, which stays until a
 * reconcile is clean (docs/semantics.md, "Journal").
 */
import type { Database } from "better-sqlite3";
import { statSync } from "node:fs";
import { makeUlid } from "../../../proxy/identity.ts";
import type { Opened, OpeningOrder } from "./messages.ts";

/** What is known of a file that is gone or had to be set aside. */
export interface Lost {
  /** null: the file itself is gone. */
  readonly setAside: string | null;
  readonly damage: string;
  /** Epoch ms, perhaps with a fraction: what it accounted for since then may be lost. */
  readonly from: number;
  readonly damagedTables: readonly string[];
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

/** Runs inside the opening's transaction. */
export function accountForPreviousRun(db: Database, order: OpeningOrder, lost: Lost | null): Omit<Opened, "inode"> {
  const { now, again, run } = order;
  const life = db.prepare<[], Life>("SELECT generation, run, last_batch, heartbeat, clean FROM life").get();
  const sameRun = life !== undefined && life.run === run;
  const lastBatch = sameRun ? life.last_batch : 0;
  const setAside = lost?.setAside ?? null;
  const gone = lost ?? (life === undefined ? goneFile(order) : null);
  if (sameRun && gone === null)
    return { generation: life.generation, previousEnd: "clean", setAside, lastBatch, notes: [] };

  const unclean = gone !== null || (life !== undefined && life.clean === 0);
  const notes: string[] = [];
  if (unclean) {
    const why = gone === null ? "unclean end while unjournaled" : `store lost: ${gone.damage}`;
    const routes = recordGaps(db, order, gone?.from ?? life?.heartbeat ?? now, why);
    notes.push(...describe(order.file, gone, routes));
  }
  // In the same run the writes without an outcome are still on their way.
  if (!sameRun) {
    const unsettled = settleAsUnknown(db, now);
    const writes = unsettled === 1 ? "write" : "writes";
    if (unsettled > 0) notes.push(`${unsettled} ${writes} of the previous run had no outcome yet: counted as unknown`);
    db.prepare("UPDATE gap SET to_ms = ? WHERE to_ms IS NULL").run(now);
  }
  const generation = again?.generation ?? nextGeneration(life, gone, now);
  db.prepare(
    `INSERT OR REPLACE INTO life (only, generation, run, last_batch, heartbeat, clean) VALUES (1, ?, ?, ?, ?, 0)`,
  ).run(generation, run, lastBatch, now);
  const previousEnd = unclean ? "unclean" : life === undefined ? "none" : "clean";
  return { generation, previousEnd, setAside, lastBatch, notes };
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
  });
  if (again !== null) return gone(again.since, "was removed or replaced");
  const key = statSync(`${file}.key`, { throwIfNoEntry: false });
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

function settleAsUnknown(db: Database, now: number): number {
  const rows = db
    .prepare<[], { route: string; missing: number }>(
      "SELECT route, eligible - settled AS missing FROM route_total WHERE eligible > settled",
    )
    .all();
  const count = db.prepare(
    `INSERT INTO outcome_total (route, outcome, reason, count) VALUES (?, 'unknown', '', ?)
     ON CONFLICT (route, outcome, reason) DO UPDATE SET count = count + excluded.count`,
  );
  for (const { route, missing } of rows) count.run(route, missing);
  db.prepare("UPDATE route_total SET settled = eligible, balanced_at = ?").run(now);
  return rows.reduce((sum, { missing }) => sum + missing, 0);
}

function recordGaps(db: Database, order: OpeningOrder, from: number, why: string): number {
  const { now } = order;
  const known = db
    .prepare<[], { route: string; unsettled: number; balanced_at: number }>(
      "SELECT route, eligible - settled AS unsettled, balanced_at FROM route_total WHERE eligible > 0",
    )
    .all();
  const begins = new Map(order.routes.map((route) => [route, from]));
  // A write without an outcome may have begun as early as the last moment at which there was none.
  for (const row of known) begins.set(row.route, row.unsettled > 0 ? Math.min(from, row.balanced_at) : from);
  const latest = db.prepare<[string], { seq: number; to_ms: number; count: number }>(
    "SELECT max(seq) AS seq, to_ms, count(*) AS count FROM gap WHERE route = ? AND unclean_end = 1",
  );
  const extend = db.prepare("UPDATE gap SET to_ms = ?, why = ? WHERE seq = ?");
  const insert = db.prepare("INSERT INTO gap (id, route, from_ms, to_ms, why, unclean_end) VALUES (?, ?, ?, ?, ?, 1)");
  for (const [route, start] of begins) {
    // Times of files have fractions of a millisecond, which the column refuses.
    const begin = Math.floor(Math.min(start, now));
    const before = latest.get(route);
    const adjoins = before !== undefined && before.count > 0 && begin - before.to_ms < ADJOINING_MS;
    if (before !== undefined && (adjoins || before.count >= MAX_UNCLEAN_GAPS)) extend.run(now, why, before.seq);
    else insert.run(makeUlid(now), route, begin, now, why);
  }
  return begins.size;
}

function describe(file: string, gone: Lost | null, routes: number): readonly string[] {
  const gaps = `a gap is recorded for ${routes} ${routes === 1 ? "route" : "routes"}; reconcile closes it`;
  if (gone === null) return [`the previous run ended without closing the store ${file}: ${gaps}`];
  if (gone.setAside === null)
    return [`store lost: ${gone.damage}; a new one was begun, without what was pinned, and ${gaps}`];
  const missing = gone.damagedTables.length === 0 ? "all" : `all but ${gone.damagedTables.join(", ")}`;
  return [
    `store ${file} is damaged (${gone.damage}) and was set aside as ${gone.setAside}; ` +
      `of its totals, repairs and gaps ${missing} could be kept, its evidence is in that file; ${gaps}`,
  ];
}
