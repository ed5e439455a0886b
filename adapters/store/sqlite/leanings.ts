/** What leaned on legacy or on Crossfade: one row a route and kind, added to. */
import type { Database } from "better-sqlite3";
import type { Leaning } from "../../../proxy/moves/leanings.ts";

/** Every call is made inside a transaction. */
export function prepareLeanings(db: Database): (more: Leaning) => void {
  const add = db.prepare(
    `INSERT INTO leaning (route, kind, times, first_ms, last_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (route, kind) DO UPDATE SET times = times + excluded.times,
       first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)`,
  );
  return ({ route, on, times, first, last }) => add.run(route, on, times, Math.trunc(first), Math.trunc(last));
}

export function leanings(db: Database): readonly Leaning[] {
  return db
    .prepare<[], Leaning>(
      `SELECT route, kind AS "on", times, first_ms AS first, last_ms AS last FROM leaning ORDER BY route, kind`,
    )
    .all();
}
