/** Pairs of values: kept for good, found by either hash. */
import type { Database } from "better-sqlite3";
import type { Page } from "../../../proxy/ports.ts";
import type { PairSought, PairsQuery, PairTaught, ValuePairRow } from "../../../proxy/ids/value-pairs.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";

/** What has ended goes when something is taught, so many at a time. */
const ENDED_AT_ONCE = 100;

type Row = ValuePairRow & { readonly seq: number };

const COLUMNS = "seq, kind, legacy, next, sealed, at_ms AS at, until_ms AS until";

export interface ValuePairs {
  /** In one transaction. */
  teach(pairs: readonly ValuePairRow[], now: number): readonly PairTaught[];
  find(sought: readonly PairSought[], now: number): readonly (ValuePairRow | null)[];
  list(query: PairsQuery, now: number): Page<ValuePairRow>;
}

/** Statements are prepared once they are needed: most stores never keep a pair. */
export function prepareValuePairs(db: Database): ValuePairs {
  let prepared: ReturnType<typeof prepare> | null = null;
  const statements = (): ReturnType<typeof prepare> => (prepared ??= prepare(db));

  const teach = db.transaction((pairs: readonly ValuePairRow[], now: number): readonly PairTaught[] => {
    const { bySide, insert, dropEnded, drop } = statements();
    dropEnded.run(now, ENDED_AT_ONCE);
    return pairs.map((pair): PairTaught => {
      const [legacy, next] = (["legacy", "next"] as const).map((side) => {
        const row = bySide[side].get(pair.kind, pair[side]);
        if (row === undefined || isThere(row, now)) return row?.seq;
        drop.run(row.seq);
        return undefined;
      });
      if (legacy !== undefined || next !== undefined) return legacy === next ? "known" : "conflict";
      insert.run(pair);
      return "kept";
    });
  });

  return {
    teach: (pairs, now) => teach.immediate(pairs, now),
    find(sought, now) {
      const { bySide } = statements();
      return sought.map(({ kind, side, hash }) => {
        const row = bySide[side].get(kind, hash);
        return row === undefined || !isThere(row, now) ? null : withoutSeq(row);
      });
    },
    list(query, now) {
      const limit = pageLimit(query.limit);
      const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor("values", query.cursor).number;
      const rows = statements().list.all({ kind: query.kind ?? null, before, now, limit: limit + 1 });
      return page("values", rows, limit, ({ seq }) => [seq], withoutSeq);
    },
  };
}

function prepare(db: Database) {
  const by = (side: "legacy" | "next") =>
    db.prepare<[string, string], Row>(`SELECT ${COLUMNS} FROM value_pair WHERE kind = ? AND ${side} = ?`);
  return {
    bySide: { legacy: by("legacy"), next: by("next") },
    insert: db.prepare<[ValuePairRow]>(
      `INSERT INTO value_pair (kind, legacy, next, sealed, at_ms, until_ms)
       VALUES (@kind, @legacy, @next, @sealed, @at, @until)`,
    ),
    drop: db.prepare("DELETE FROM value_pair WHERE seq = ?"),
    dropEnded: db.prepare(
      "DELETE FROM value_pair WHERE seq IN (SELECT seq FROM value_pair WHERE until_ms <= ? ORDER BY until_ms LIMIT ?)",
    ),
    list: db.prepare<[Record<string, string | number | null>], Row>(
      `SELECT ${COLUMNS} FROM value_pair
       WHERE seq < @before AND (@kind IS NULL OR kind = @kind) AND (until_ms IS NULL OR until_ms > @now)
       ORDER BY seq DESC LIMIT @limit`,
    ),
  };
}

function withoutSeq({ seq: _, ...row }: Row): ValuePairRow {
  return row;
}

function isThere({ until }: Row, now: number): boolean {
  return until === null || until > now;
}
