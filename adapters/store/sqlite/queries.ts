/** Answers questions from the tables. Every answer is bounded: a page, or one row for each route. */
import type { Database } from "better-sqlite3";
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { GapRecord, Missing, OutcomeCount } from "../../../proxy/evidence/evidence.ts";
import type { Override } from "../../../proxy/moves/overrides.ts";
import { coversPlace } from "../../../proxy/evidence/covers-place.ts";
import type { DivergenceQuery, OpenWork, Page } from "../../../proxy/ports.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../cursor.ts";
import { erase, overwrite, shownKeys } from "./erasure.ts";
import { causes, decideGroup, defineStateNow, group, groups, GROUPS_IN_STATES, listOfStates } from "./group-queries.ts";
import { gateEvidence } from "./gate-evidence.ts";
import { leanings } from "./leanings.ts";
import type { ListQuery, Question, Questions } from "./messages.ts";
import { page } from "../page.ts";
import { movePhases, phases } from "./phases.ts";
import { endRepair, repairs, repairWork } from "./repairs.ts";
import { rowJobs } from "./row-jobs.ts";
import { places } from "./places.ts";
import { pair, pairs } from "./pairs.ts";
import { prepareValuePairs } from "./value-pairs.ts";

/** Rows whose differences are looked into for one answer; commits go on between two of them. */
const EXAMINED_AT_ONCE = 5_000;

type Answer = Questions[keyof Questions]["value"];

export function prepareQueries(db: Database): (question: Question) => Answer {
  db.function("covers_place", { deterministic: true }, (asked, at) => Number(coversPlace(String(asked), String(at))));
  defineStateNow(db);
  const values = prepareValuePairs(db);
  return (question) => {
    switch (question.name) {
      case "outcomeCounts":
        return outcomeCounts(db);
      case "eligibleCounts":
        return db
          .prepare<[], { route: string; count: number }>(
            "SELECT route, eligible AS count FROM route_total ORDER BY route",
          )
          .all();
      case "divergences":
        return divergences(db, question.args);
      case "divergence":
        return (
          db.prepare<[string], string>("SELECT record FROM divergence WHERE id = ?").pluck().get(question.args) ?? null
        );
      case "groups":
        return groups(db, question.args);
      case "group":
        return group(db, question.args);
      case "decideGroup":
        return decideGroup(db, question.args);
      case "pairs":
        return pairs(db, question.args);
      case "pair":
        return pair(db, question.args);
      case "shownKeys":
        return shownKeys(db, question.args);
      case "erase":
        return erase(db, question.args);
      case "overwrite":
        return overwrite(db);
      case "repairs":
        return repairs(db, question.args);
      case "repairWork":
        return repairWork(db, question.args);
      case "endRepair":
        return endRepair(db, question.args);
      case "gaps":
        return gaps(db, question.args);
      case "overrides":
        return overrides(db);
      case "audit":
        return audit(db, question.args);
      case "places":
        return places(db);
      case "gateEvidence":
        return gateEvidence(db);
      case "leanings":
        return leanings(db);
      case "rowJobs":
        return rowJobs(db);
      case "phases":
        return phases(db);
      case "movePhases":
        return movePhases(db, question.args);
      case "openWork":
        return openWork(db);
      case "teachValues":
        return values.teach(question.args.pairs, question.args.now);
      case "findValues":
        return values.find(question.args.sought, question.args.now);
      case "valuePairs":
        return values.list(question.args.query, question.args.now);
      default: {
        const never: never = question;
        throw new TypeError(`no such question: ${JSON.stringify(never)}`);
      }
    }
  };
}

function outcomeCounts(db: Database): readonly OutcomeCount[] {
  return db
    .prepare<[], OutcomeCount>(
      "SELECT route, outcome, nullif(reason, '') AS reason, count FROM outcome_total ORDER BY route, outcome, reason",
    )
    .all();
}

/** Newest first. `more`: a cursor where older ones may follow, also after a page that is not full. */
function divergences(db: Database, query: DivergenceQuery): Questions["divergences"]["value"] {
  const limit = pageLimit(query.limit);
  const filters: string[] = [];
  const bound: Record<string, string | number> = {};
  const filter = (sql: string, values: Record<string, string | number | undefined>): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) return;
      bound[name] = value;
    }
    filters.push(sql);
  };
  if (query.cursor !== undefined) filter("seq < @before", { before: decodeCursor("divergences", query.cursor).number });
  filter("route = @route", { route: query.route });
  filter("outcome = @outcome", { outcome: query.outcome });
  filter("group_id = @group", { group: query.group });
  filter(`group_id IN (${GROUPS_IN_STATES})`, { states: query.states && listOfStates(query.states) });
  filter("instr(kinds, ',' || @kind || ',') > 0", { kind: query.kind });
  // The index on at_ms holds seq: where the time begins is found without reading a record.
  filter("at_ms >= @since AND seq >= (SELECT min(seq) FROM divergence WHERE at_ms >= @since)", { since: query.since });
  const cheap = filters.length === 0 ? "TRUE" : filters.join(" AND ");
  const floor = query.at === undefined ? 0 : examinedFloor(db, cheap, bound);
  filter(DIFFERENCE_AT, { at: query.at });
  const rows = db
    .prepare<[typeof bound], { seq: number; record: string }>(
      `SELECT seq, record FROM divergence WHERE ${[...filters, "seq >= @floor"].join(" AND ")} ORDER BY seq DESC LIMIT @limit`,
    )
    .all({ ...bound, floor, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  let more: string | null = null;
  if (rows.length > limit && last !== undefined) more = encodeCursor("divergences", [last.seq]);
  else if (floor > 0) more = encodeCursor("divergences", [floor]);
  return { records: page.map(({ record }) => record), more };
}

/** The difference with the pointer is the one with the kind, where both are asked for. */
const DIFFERENCE_AT = `EXISTS (
  SELECT 1 FROM json_each(record, '$.differences') AS difference
  WHERE covers_place(@at, difference.value ->> '$.at')
    AND (@anyKind OR difference.value ->> '$.kind' = @kind))`;

/** The last row that one answer may look into, or 0 where all are few enough. */
function examinedFloor(db: Database, cheap: string, bound: Record<string, string | number>): number {
  bound["anyKind"] = "kind" in bound ? 0 : 1;
  bound["kind"] ??= "";
  const { anyKind: _, ...cheapBound } = bound;
  const found = db
    .prepare<[typeof cheapBound], number>(
      `SELECT seq FROM divergence WHERE ${cheap} ORDER BY seq DESC LIMIT 1 OFFSET ${EXAMINED_AT_ONCE - 1}`,
    )
    .pluck()
    .get(cheapBound);
  return found ?? 0;
}

/** The newest first. */
function gaps(db: Database, query: ListQuery): Page<GapRecord> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor("gaps", query.cursor).number;
  const rows = db
    .prepare<
      [Record<string, string | number | null>],
      { seq: number; id: string; route: string; from_ms: number; to_ms: number | null; why: string; misses: Missing }
    >(
      `SELECT seq, id, route, from_ms, to_ms, why, misses FROM gap
       WHERE seq < @before AND (@route IS NULL OR route = @route) ORDER BY seq DESC LIMIT @limit`,
    )
    .all({ before, route: query.route ?? null, limit: limit + 1 });
  return page(
    "gaps",
    rows,
    limit,
    ({ seq }) => [seq],
    ({ id, route, from_ms, to_ms, why, misses }) => {
      const to = to_ms === null ? null : new Date(to_ms).toISOString();
      return { id, route, from: new Date(from_ms).toISOString(), to, why, misses };
    },
  );
}

function overrides(db: Database): readonly Override[] {
  const rows = db.prepare<[], string>("SELECT override FROM override ORDER BY route, setting").pluck().all();
  return rows.map((row) => JSON.parse(row) as Override);
}

/** The newest first. */
function audit(db: Database, query: ListQuery): Page<AuditEntry> {
  const limit = pageLimit(query.limit);
  const before = query.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor("audit", query.cursor).number;
  const rows = db
    .prepare<[number, number], { seq: number; entry: string }>(
      "SELECT seq, entry FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",
    )
    .all(before, limit + 1);
  return page(
    "audit",
    rows,
    limit,
    ({ seq }) => [seq],
    ({ entry }) => JSON.parse(entry) as AuditEntry,
  );
}

interface OpenRow extends Pick<OpenWork, "route" | "repairs" | "parked" | "gaps"> {
  readonly repairsLegacyMisses: number;
  readonly gapsLegacyMisses: number;
}

function openWork(db: Database): readonly OpenWork[] {
  const work = new Map<string, OpenWork>();
  const legacyMisses = { repairs: 0, gaps: 0 };
  const none = {
    repairs: 0,
    parked: 0,
    gaps: 0,
    legacyMisses,
    causes: { new: 0, acknowledged: 0, fixed: 0, regressed: 0 },
  };
  const rows = db
    .prepare<[], OpenRow>(
      `SELECT route, sum(repairs) AS repairs, sum(parked) AS parked, sum(gaps) AS gaps,
         sum(repairsLegacyMisses) AS repairsLegacyMisses, sum(gapsLegacyMisses) AS gapsLegacyMisses FROM (
         SELECT route, count(*) AS repairs, sum(parked) AS parked, 0 AS gaps,
           count(*) FILTER (WHERE misses_of IS NOT revision OR misses IS NOT 'next') AS repairsLegacyMisses,
           0 AS gapsLegacyMisses FROM repair GROUP BY route
         UNION ALL
         SELECT route, 0, 0, count(*), 0, count(*) FILTER (WHERE misses IS NOT 'next') FROM gap GROUP BY route
       ) GROUP BY route ORDER BY route`,
    )
    .all();
  for (const { repairsLegacyMisses, gapsLegacyMisses, ...row } of rows) {
    const misses = { repairs: repairsLegacyMisses, gaps: gapsLegacyMisses };
    work.set(row.route, { ...none, ...row, legacyMisses: misses });
  }
  for (const { route, state, count } of causes(db)) {
    const known = work.get(route) ?? { ...none, route };
    work.set(route, { ...known, causes: { ...known.causes, [state]: count } });
  }
  return [...work.values()];
}
