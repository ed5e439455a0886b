/** Applies batches, each in one transaction: counts, repairs and gaps here, records and groups in evidence.ts. */
import type { Database } from "better-sqlite3";
import type { GroupEvent } from "../../../proxy/evidence.ts";
import type { Retention } from "../retention.ts";
import { prepareEvidence } from "./evidence.ts";
import { epochMs, type Batch } from "./messages.ts";
import { prepareRepairs } from "./repairs.ts";

/** Each call returns what is new about groups. `openedAt`: epoch ms of this opening; no write of a route that is new in this run can be older. */
export function prepareCommit(
  db: Database,
  retention: Retention,
  openedAt: number,
): (batch: Batch) => readonly GroupEvent[] {
  const evidence = prepareEvidence(db, retention);
  const repairs = prepareRepairs(db, retention.repairKeys);
  const countOutcome = db.prepare(
    `INSERT INTO outcome_total (route, outcome, reason, count) VALUES (?, ?, ?, ?)
     ON CONFLICT (route, outcome, reason) DO UPDATE SET count = count + excluded.count`,
  );
  const addTotals = db.prepare(
    `INSERT INTO route_total (route, eligible, settled, compared_reads, balanced_at)
     VALUES (@route, @eligible, @settled, @comparedReads, iif(@eligible = @settled, @sealedAt, @openedAt))
     ON CONFLICT (route) DO UPDATE SET
       eligible = eligible + @eligible, settled = settled + @settled, compared_reads = compared_reads + @comparedReads,
       balanced_at = iif(eligible + @eligible = settled + @settled, @sealedAt, balanced_at)`,
  );
  const openGap = db.prepare(
    "INSERT INTO gap (id, route, from_ms, to_ms, why, unclean_end) VALUES (?, ?, ?, NULL, ?, 0) ON CONFLICT (id) DO NOTHING",
  );
  const closeGap = db.prepare("UPDATE gap SET to_ms = ? WHERE id = ? AND to_ms IS NULL");
  const mark = db.prepare("UPDATE life SET last_batch = ?, heartbeat = ?");
  const lastBatch = db.prepare<[], number>("SELECT last_batch FROM life").pluck();

  const apply = db.transaction((batch: Batch): readonly GroupEvent[] => {
    const { sealedAt, essentials } = batch;
    for (const row of totalsOf(batch)) addTotals.run({ ...row, sealedAt, openedAt });
    for (const row of essentials.outcomes) countOutcome.run(row.route, row.outcome, row.reason ?? "", row.count);
    for (const row of essentials.repairs) repairs.add(row, sealedAt);
    for (const row of essentials.gaps) {
      if (row.opened) openGap.run(row.id, row.route, epochMs(row.from, sealedAt), row.why);
      else closeGap.run(epochMs(row.to, sealedAt), row.id);
    }
    for (const row of batch.evidence) evidence.add(row);
    const events = evidence.finish();
    evidence.evict(sealedAt);
    mark.run(batch.number, sealedAt);
    return events;
  });

  return (batch) => {
    try {
      return apply.immediate(batch);
    } catch (thrown) {
      evidence.reload();
      repairs.reload();
      // An error of COMMIT itself leaves open whether it happened; the number in the same transaction tells.
      if (lastBatch.get() !== batch.number) throw thrown;
      return [];
    }
  };
}

interface TotalsRow {
  readonly route: string;
  readonly eligible: number;
  readonly settled: number;
  readonly comparedReads: number;
}

function totalsOf({ essentials }: Batch): Iterable<TotalsRow> {
  const rows = new Map<string, TotalsRow>();
  for (const row of essentials.totals) rows.set(row.route, { ...row, settled: 0 });
  for (const { route, count } of essentials.outcomes) {
    const row = rows.get(route) ?? { route, eligible: 0, settled: 0, comparedReads: 0 };
    rows.set(route, { ...row, settled: row.settled + count });
  }
  return rows.values();
}
