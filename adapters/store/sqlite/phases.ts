/** The phases of routes: one row each, moved together or not at all. */
import type { Database } from "better-sqlite3";
import { isStill, type KeptPhase, type PhaseMove } from "../../../proxy/moves/kept-phase.ts";

export function phases(db: Database): readonly KeptPhase[] {
  const rows = db.prepare<[], string>("SELECT kept FROM phase ORDER BY route").pluck().all();
  return rows.map((kept) => JSON.parse(kept) as KeptPhase);
}

/** A power cut must not take a cutover back: clients have been answered by the new primary since. */
export function movePhases(db: Database, moves: readonly PhaseMove[]): "done" | "changed" {
  const synchronous = db.pragma("synchronous", { simple: true }) as number;
  db.pragma("synchronous = FULL");
  try {
    return db.transaction(() => moveAll(db, moves))();
  } finally {
    db.pragma(`synchronous = ${synchronous}`);
  }
}

function moveAll(db: Database, moves: readonly PhaseMove[]): "done" | "changed" {
  const find = db.prepare<[string], string>("SELECT kept FROM phase WHERE route = ?").pluck();
  const put = db.prepare("INSERT OR REPLACE INTO phase (route, kept) VALUES (?, ?)");
  for (const { row, instead } of moves) {
    const kept = find.get(row.route);
    if (!isStill(kept === undefined ? undefined : (JSON.parse(kept) as KeptPhase), instead)) return "changed";
  }
  for (const { row } of moves) put.run(row.route, JSON.stringify(row));
  return "done";
}
