/** Exchanges kept whole: a few of each bucket, within their bytes and their time. */
import type { Database } from "better-sqlite3";
import type { PairQuery } from "../../../proxy/ports.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../cursor.ts";
import type { Retention } from "../retention.ts";
import { surplusPair } from "../samples.ts";
import type { PairRow, PairSizes } from "../rows.ts";
import type { Questions } from "./messages.ts";

/** One commit evicts no more than this; what is over waits for the next. */
const EVICTED_AT_ONCE = 200;
/** Bytes of pairs that one answer carries: each is read, cloned and parsed in one turn. */
const ANSWER_MAX_BYTES = 1024 * 1024;

export interface Pairs {
  add(row: PairRow): void;
  evict(now: number): void;
  sizes(): PairSizes;
  /** After a rollback. */
  reload(): void;
}

/** Every call but `sizes` is made inside a transaction, `reload` after one. */
export function preparePairs(db: Database, { keepMs, keepPairBytes }: Retention): Pairs {
  const insert = db.prepare(
    `INSERT INTO pair (id, at_ms, route, bucket, group_id, outcome, key, bytes, pair)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  );
  const ofBucket = db.prepare<[string], string>("SELECT id FROM pair WHERE bucket = ? ORDER BY seq").pluck();
  const remove = db.prepare<[string], number>("DELETE FROM pair WHERE id = ? RETURNING bytes").pluck();
  const removeBefore = db
    .prepare<[number, number], number>(
      "DELETE FROM pair WHERE seq IN (SELECT seq FROM pair WHERE at_ms < ? ORDER BY at_ms LIMIT ?) RETURNING bytes",
    )
    .pluck();
  const removeOldest = db
    .prepare<[], number>("DELETE FROM pair WHERE seq = (SELECT min(seq) FROM pair) RETURNING bytes")
    .pluck();
  const measure = db.prepare<[], PairSizes>(
    "SELECT count(*) AS kept, CAST(total(bytes) AS INTEGER) AS bytes FROM pair",
  );
  let { kept, bytes } = measure.get() ?? { kept: 0, bytes: 0 };

  function gone(removed: number | undefined): boolean {
    if (removed === undefined) return false;
    kept -= 1;
    bytes -= removed;
    return true;
  }

  function add({ id, at, route, bucket, group, outcome, key, pair }: PairRow): void {
    const size = Buffer.byteLength(pair);
    if (insert.run(id, at, route, bucket, group, outcome, key, size, pair).changes === 0) return;
    kept += 1;
    bytes += size;
    const surplus = surplusPair(ofBucket.all(bucket));
    if (surplus !== null) gone(remove.get(surplus));
  }

  function evict(now: number): void {
    if (kept === 0) return;
    for (const removed of removeBefore.all(now - keepMs, EVICTED_AT_ONCE)) gone(removed);
    for (let i = 0; i < EVICTED_AT_ONCE && bytes > keepPairBytes; i++) if (!gone(removeOldest.get())) return;
  }

  function reload(): void {
    ({ kept, bytes } = measure.get() ?? { kept: 0, bytes: 0 });
  }

  return { add, evict, sizes: () => ({ kept, bytes }), reload };
}

/** Newest first. `more`: a cursor where older ones follow, also after a page that is not full. */
export function pairs(db: Database, query: PairQuery): Questions["pairs"]["value"] {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor("pairs", query.cursor).number;
  const rows = db
    .prepare<[Record<string, string | number | null>], { readonly seq: number; readonly pair: string }>(
      `SELECT seq, pair FROM pair
       WHERE seq < @before AND (@route IS NULL OR route = @route) AND (@group IS NULL OR group_id = @group)
         AND (@outcome IS NULL OR outcome = @outcome) ORDER BY seq DESC LIMIT @limit`,
    )
    .iterate({
      before,
      route: query.route ?? null,
      group: query.group ?? null,
      outcome: query.outcome ?? null,
      limit: limit + 1,
    });
  const found: string[] = [];
  let length = 0;
  let last = 0;
  for (const { seq, pair } of rows) {
    if (found.length === limit || length > ANSWER_MAX_BYTES) {
      return { pairs: found, more: encodeCursor("pairs", [last]) };
    }
    found.push(pair);
    length += pair.length;
    last = seq;
  }
  return { pairs: found, more: null };
}

export function pair(db: Database, id: string): string | null {
  return db.prepare<[string], string>("SELECT pair FROM pair WHERE id = ?").pluck().get(id) ?? null;
}
