/** Applies batches, each in one transaction: counts, repairs and gaps here, records and groups in evidence.ts. */
import type { Database } from "better-sqlite3";
import { AUDIT_KEPT } from "../../../proxy/evidence/audit.ts";
import type { Retention } from "../retention.ts";
import { prepareEvidence } from "./evidence.ts";
import { prepareGateEvidence } from "./gate-evidence.ts";
import { epochMs, type Batch, type ControlRow, type EssentialRows, type PairSizes } from "../rows.ts";
import type { Committed } from "./messages.ts";
import { prepareLeanings } from "./leanings.ts";
import { preparePairs } from "./pairs.ts";
import { preparePlaces } from "./places.ts";
import { prepareRepairs } from "./repairs.ts";
import { prepareRowJobs } from "./row-jobs.ts";

export interface Commit {
  (batch: Batch): Committed;
  /** As of the last commit. */
  pairSizes(): PairSizes;
}

/** Counts, repairs and gaps; `openedAt`: epoch ms of this opening; no write of a route that is new in this run can be older. */
export function prepareEssentials(
  db: Database,
  retention: Retention,
  openedAt: number,
): ((essentials: EssentialRows, sealedAt: number) => void) & { readonly reload: () => void } {
  const repairs = prepareRepairs(db, retention.repairKeys);
  const control = prepareControls(db);
  const places = preparePlaces(db, retention);
  const keepGateEvidence = prepareGateEvidence(db);
  const addLeaning = prepareLeanings(db);
  const keepRowJob = prepareRowJobs(db);
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
    `INSERT INTO gap (id, route, from_ms, to_ms, why, unclean_end, misses) VALUES (?, ?, ?, NULL, ?, 0, ?)
     ON CONFLICT (id) DO NOTHING`,
  );
  const closeGap = db.prepare("UPDATE gap SET to_ms = ? WHERE id = ? AND to_ms IS NULL");
  const withdrawGap = db.prepare("DELETE FROM gap WHERE id = ?");
  const sayShadow = db.prepare(
    "INSERT OR REPLACE INTO shadow (route, service, generation) VALUES (?, ?, (SELECT generation FROM life))",
  );
  const markJournal = db.prepare("UPDATE journal_mark SET position = ?");

  const add = (essentials: EssentialRows, sealedAt: number): void => {
    for (const row of totalsOf(essentials)) addTotals.run({ ...row, sealedAt, openedAt });
    for (const row of essentials.outcomes) countOutcome.run(row.route, row.outcome, row.reason ?? "", row.count);
    for (const row of essentials.repairs) repairs.add(row, sealedAt);
    for (const row of essentials.gaps) {
      if (row.change === "opened") openGap.run(row.id, row.route, epochMs(row.from, sealedAt), row.why, row.misses);
      else if (row.change === "closed") closeGap.run(epochMs(row.to, sealedAt), row.id);
      else withdrawGap.run(row.id);
    }
    for (const row of essentials.controls) control(row);
    if (essentials.places.length > 0) places.keep(essentials.places, sealedAt);
    for (const row of essentials.gateEvidence) keepGateEvidence(row);
    for (const { route, service } of essentials.shadows) sayShadow.run(route, service);
    for (const row of essentials.leanings) addLeaning(row);
    for (const end of essentials.rowJobs) keepRowJob(end);
    if (essentials.journalMark !== null) markJournal.run(essentials.journalMark);
  };
  return Object.assign(add, { reload: () => repairs.reload() });
}

/** Each call returns what is new about groups. `openedAt`: as above. */
export function prepareCommit(db: Database, retention: Retention, openedAt: number): Commit {
  const evidence = prepareEvidence(db, retention);
  const pairs = preparePairs(db, retention);
  const addEssentials = prepareEssentials(db, retention, openedAt);
  const mark = db.prepare("UPDATE life SET last_batch = ?, heartbeat = ?");
  const lastBatch = db.prepare<[], number>("SELECT last_batch FROM life").pluck();

  const apply = db.transaction((batch: Batch): Committed => {
    const { sealedAt, essentials } = batch;
    addEssentials(essentials, sealedAt);
    for (const row of batch.evidence) evidence.add(row);
    for (const row of batch.pairs) pairs.add(row);
    const events = evidence.finish();
    evidence.evict(sealedAt);
    pairs.evict(sealedAt);
    mark.run(batch.number, sealedAt);
    return { events, pairs: pairs.sizes() };
  });

  const commit = (batch: Batch): Committed => {
    try {
      return apply.immediate(batch);
    } catch (thrown) {
      evidence.reload();
      addEssentials.reload();
      pairs.reload();
      // An error of COMMIT itself leaves open whether it happened; the number in the same transaction tells.
      if (lastBatch.get() !== batch.number) throw thrown;
      return { events: [], pairs: pairs.sizes() };
    }
  };
  return Object.assign(commit, { pairSizes: () => pairs.sizes() });
}

function prepareControls(db: Database): (row: ControlRow) => void {
  const pin = db.prepare("INSERT OR REPLACE INTO override (route, setting, override) VALUES (?, ?, ?)");
  const unpin = db.prepare("DELETE FROM override WHERE route = ? AND setting = ?");
  const audit = db.prepare("INSERT INTO audit (entry) VALUES (?)");
  const evict = db.prepare("DELETE FROM audit WHERE seq <= ?");
  return (row) => {
    switch (row.type) {
      case "pin":
        pin.run(row.override.route ?? "", row.override.setting, JSON.stringify(row.override));
        return;
      case "unpin":
        unpin.run(row.route ?? "", row.setting);
        return;
      case "audit":
        evict.run(Number(audit.run(JSON.stringify(row.entry)).lastInsertRowid) - AUDIT_KEPT);
        return;
      default: {
        const never: never = row;
        throw new TypeError(`no such write: ${JSON.stringify(never)}`);
      }
    }
  };
}

interface TotalsRow {
  readonly route: string;
  readonly eligible: number;
  readonly settled: number;
  readonly comparedReads: number;
}

function totalsOf(essentials: EssentialRows): Iterable<TotalsRow> {
  const rows = new Map<string, TotalsRow>();
  for (const row of essentials.totals) rows.set(row.route, { ...row, settled: 0 });
  for (const { route, count } of essentials.outcomes) {
    const row = rows.get(route) ?? { route, eligible: 0, settled: 0, comparedReads: 0 };
    rows.set(route, { ...row, settled: row.settled + count });
  }
  return rows.values();
}
