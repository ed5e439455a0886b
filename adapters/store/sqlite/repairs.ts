/** The repair list: marks fold into one row for each key; an attempt ends the revision that it saw and no other. */
import type { Database } from "better-sqlite3";
import type {
  Missing,
  RepairEvidence,
  RepairRecord,
  RepairWork,
  SealedPlace,
} from "../../../proxy/evidence/evidence.ts";
import type { Page, RepairWorkQuery } from "../../../proxy/ports.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { page } from "../page.ts";
import { epochMs, type RepairRow } from "../rows.ts";
import type { ListQuery, Questions } from "./messages.ts";

/** How many keys each route has on the list, for each open file. */
const keyCounts = new WeakMap<Database, Map<string, number>>();

function countKeys(db: Database): Map<string, number> {
  const rows = db.prepare<[], [string, number]>("SELECT route, count(*) FROM repair GROUP BY route").raw();
  const counts = new Map(rows.all());
  keyCounts.set(db, counts);
  return counts;
}

/** `add`: within the batch's transaction; `at` stands in for a time that cannot be read. `reload`: after a rollback. */
export function prepareRepairs(
  db: Database,
  keysPerRoute: number,
): { add(row: RepairRow, at: number): void; reload(): void } {
  const again = db.prepare(
    `UPDATE repair SET reason = @reason, exchange_id = @exchangeId, times = times + @times, revision = revision + @times,
       not_before_ms = nullif(max(ifnull(not_before_ms, 0), ifnull(@notBefore, 0)), 0),
       place = ifnull(@place, place), part = max(part, @part), uncreated = max(uncreated, @uncreated),
       misses = iif(misses IS @misses AND misses_of = revision, @misses, NULL), misses_of = revision + @times,
       parked = 0, attempts = 0, next_try_ms = NULL, last_error = NULL, evidence = NULL
     WHERE route = @route AND whole = @whole AND key = @key`,
  );
  const insert = db.prepare(
    `INSERT INTO repair (route, whole, key, reason, exchange_id, since, times, revision, not_before_ms, place, part, uncreated, misses, misses_of)
     VALUES (@route, @whole, @key, @reason, @exchangeId, @since, @times, @times, @notBefore, @place, @part, @uncreated, @misses, @times)`,
  );
  let keys = countKeys(db);

  function add(row: RepairRow, at: number): void {
    const bound = {
      ...row,
      whole: row.key === null ? 1 : 0,
      key: row.key ?? "",
      notBefore: row.notBefore === null ? null : epochMs(row.notBefore, at),
      place: row.place?.sealed ?? null,
      part: row.place?.part === true ? 1 : 0,
      uncreated: row.place?.uncreated === true ? 1 : 0,
    };
    if (again.run(bound).changes > 0) return;
    const known = keys.get(row.route) ?? 0;
    // The list is never evicted, so past its bound it becomes coarser instead of longer.
    if (row.key !== null && known >= keysPerRoute) {
      add({ ...row, key: null, place: null }, at);
      return;
    }
    insert.run(bound);
    keys.set(row.route, known + 1);
  }

  return { add, reload: () => (keys = countKeys(db)) };
}

interface Row {
  readonly seq: number;
  readonly route: string;
  readonly key: string | null;
  readonly reason: RepairRecord["reason"];
  readonly exchangeId: string;
  readonly since: string;
  readonly times: number;
  readonly revision: number;
  readonly not_before_ms: number | null;
  readonly place: string | null;
  readonly part: 0 | 1;
  readonly uncreated: 0 | 1;
  readonly parked: 0 | 1;
  readonly attempts: number;
  readonly next_try_ms: number | null;
  readonly last_error: string | null;
  readonly evidence: string | null;
  readonly misses: Missing;
}

const COLUMNS = `seq, route, iif(whole, NULL, key) AS key, reason, exchange_id AS exchangeId, since, times, revision,
  not_before_ms, place, part, uncreated, parked, attempts, next_try_ms, last_error, evidence, iif(misses_of = revision, misses, NULL) AS misses`;

/** The longest open first. */
export function repairs(db: Database, query: ListQuery): Page<RepairRecord> {
  const limit = pageLimit(query.limit);
  const after = query.cursor === undefined ? 0 : decodeCursor("repairs", query.cursor).number;
  const rows = db
    .prepare<[Record<string, string | number | null>], Row>(
      `SELECT ${COLUMNS} FROM repair
       WHERE seq > @after AND (@route IS NULL OR route = @route) ORDER BY seq LIMIT @limit`,
    )
    .all({ after, route: query.route ?? null, limit: limit + 1 });
  return page("repairs", rows, limit, ({ seq }) => [seq], toRecord);
}

export function repairWork(db: Database, query: RepairWorkQuery): readonly RepairWork[] {
  const rows = db
    .prepare<[Record<string, string | number | null>], Row>(
      `SELECT ${COLUMNS} FROM repair
       WHERE seq > @after AND (@route IS NULL OR route = @route) AND (@dueAt IS NULL OR
         (NOT parked AND ifnull(not_before_ms, 0) <= @dueAt AND ifnull(next_try_ms, 0) <= @dueAt))
         AND (@reasons IS NULL OR reason IN (SELECT value FROM json_each(@reasons)))
       ORDER BY seq LIMIT @limit`,
    )
    .all({
      after: query.after,
      route: query.route ?? null,
      dueAt: query.dueAt,
      reasons: query.reasons === undefined ? null : JSON.stringify(query.reasons),
      limit: pageLimit(query.limit),
    });
  return rows.map((row) => ({
    ...toRecord(row),
    id: row.seq,
    place: placeOf(row),
  }));
}

function placeOf({ place, part, uncreated }: Row): SealedPlace | null {
  if (place === null) return null;
  return { sealed: place, part: part === 1, ...(uncreated === 1 ? { uncreated: true } : {}) };
}

export function endRepair(db: Database, { id, revision, end }: Questions["endRepair"]["args"]): "done" | "changed" {
  if (end.kind === "equal") {
    const gone = db
      .prepare<[number, number], string>("DELETE FROM repair WHERE seq = ? AND revision = ? RETURNING route")
      .pluck()
      .get(id, revision);
    if (gone === undefined) return "changed";
    const counts = keyCounts.get(db);
    counts?.set(gone, (counts.get(gone) ?? 1) - 1);
    return "done";
  }
  const { state, attempts, notBefore, nextTry, lastError, evidence } = end;
  const changed = db
    .prepare(
      `UPDATE repair SET parked = @parked, attempts = @attempts, not_before_ms = @notBefore, next_try_ms = @nextTry,
         last_error = @lastError, evidence = @evidence
       WHERE seq = @id AND revision = @revision`,
    )
    .run({
      id,
      revision,
      parked: state === "parked" ? 1 : 0,
      attempts,
      notBefore: notBefore === null ? null : epochMs(notBefore, 0),
      nextTry: nextTry === null ? null : epochMs(nextTry, 0),
      lastError,
      evidence: evidence === null ? null : JSON.stringify(evidence),
    });
  return changed.changes > 0 ? "done" : "changed";
}

function toRecord(row: Row): RepairRecord {
  const { route, key, reason, exchangeId, since, times, revision, attempts } = row;
  return {
    route,
    key,
    reason,
    exchangeId,
    since,
    times,
    revision,
    notBefore: isoOrNull(row.not_before_ms),
    state: row.parked === 1 ? "parked" : "open",
    attempts,
    nextTry: isoOrNull(row.next_try_ms),
    lastError: row.last_error,
    evidence: row.evidence === null ? null : (JSON.parse(row.evidence) as RepairEvidence),
    misses: row.misses,
  };
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
