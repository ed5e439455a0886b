/** What was counted for the gate: one row each, written anew when it changes. */
import type { Database } from "better-sqlite3";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";

/** Every call is made inside a transaction. */
export function prepareGateEvidence(db: Database): (row: KeptGateEvidence) => void {
  const put = db.prepare("INSERT OR REPLACE INTO gate_evidence (route, known) VALUES (?, ?)");
  return (row) => put.run(row.route, JSON.stringify(row));
}

export function gateEvidence(db: Database): readonly KeptGateEvidence[] {
  const rows = db.prepare<[], string>("SELECT known FROM gate_evidence ORDER BY route").pluck().all();
  return rows.map((known) => JSON.parse(known) as KeptGateEvidence);
}
