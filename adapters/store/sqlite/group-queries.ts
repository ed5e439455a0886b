/** Questions about groups, and the one change that is made to them from outside: what an operator decides. */
import type { Database } from "better-sqlite3";
import type { GroupDecision, GroupRecord, GroupState, ListedGroup } from "../../../proxy/evidence/evidence.ts";
import { stateNow } from "../../../proxy/evidence/group-states.ts";
import type { Page } from "../../../proxy/ports.ts";
import { decodeCursor, pageLimit } from "../cursor.ts";
import { viewGroup } from "../group-view.ts";
import type { GroupsAsked, Questions } from "./messages.ts";
import { page } from "../page.ts";

/** Every exchange of a route that was compared: writes by their outcomes, reads by a count of their own. */
export const COMPARED_OF_ROUTE = (route: string): string => `
  (SELECT CAST(total(count) AS INTEGER) FROM outcome_total AS o WHERE o.route = ${route} AND outcome IN ('match', 'ignored', 'divergent'))
  + ifnull((SELECT compared_reads FROM route_total AS t WHERE t.route = ${route}), 0)`;

const COLUMNS = `
  id, route, method, signature, g.count AS count, tainted, first_ms AS firstMs, last_ms AS lastMs,
  first_build AS firstBuild, last_build AS lastBuild, state, decision, compared_first AS comparedAtFirst, compared_last AS comparedAtLast,
  ${COMPARED_OF_ROUTE("g.route")} AS compared,
  (SELECT json_group_array(json_array(hour, h.count)) FROM group_hour AS h WHERE h.group_id = g.id) AS hours`;

/** At most 10 for each group, found by the partial index. */
const SAMPLES = `
  (SELECT json_group_array(d.id ORDER BY d.seq) FROM divergence AS d WHERE d.group_id = g.id AND d.sample > 0)`;

interface GroupRow {
  readonly id: string;
  readonly route: string;
  readonly method: string;
  readonly signature: string;
  readonly count: number;
  readonly tainted: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly firstBuild: string | null;
  readonly lastBuild: string | null;
  readonly state: GroupState;
  readonly decision: string | null;
  readonly comparedAtFirst: number;
  readonly comparedAtLast: number;
  readonly compared: number;
  readonly hours: string;
}

/** The state that a group is shown with; statements name what it takes by STATE_NOW. */
export function defineStateNow(db: Database): void {
  db.function("state_now", { deterministic: true }, (state, count, compared, comparedAtFirst, comparedAtLast) =>
    stateNow(state as GroupState, {
      count: Number(count),
      compared: Number(compared),
      comparedAtFirst: Number(comparedAtFirst),
      comparedAtLast: Number(comparedAtLast),
    }),
  );
}

const STATE_NOW = (compared: string): string =>
  `state_now(g.state, g.count, ${compared}, compared_first, compared_last)`;

/** Of @states, as `listOfStates` spells them. */
const IS_IN_STATES = (compared: string): string => `instr(@states, ',' || ${STATE_NOW(compared)} || ',') > 0`;

export function listOfStates(states: readonly GroupState[]): string {
  return `,${states.join(",")},`;
}

export const GROUPS_IN_STATES = `
  SELECT id FROM divergence_group AS g WHERE ${IS_IN_STATES(COMPARED_OF_ROUTE("g.route"))}`;

function toGroup(row: GroupRow, now: number): GroupRecord {
  const { compared, ...kept } = row;
  return viewGroup(
    {
      ...kept,
      signature: JSON.parse(row.signature) as GroupRecord["signature"],
      decision: row.decision === null ? null : (JSON.parse(row.decision) as GroupDecision),
      hours: JSON.parse(row.hours) as [number, number][],
    },
    compared,
    now,
  );
}

/** The most frequent first, as the counts are when each page is read. */
export function groups(db: Database, query: GroupsAsked): Page<ListedGroup> {
  const limit = pageLimit(query.limit);
  const after = query.cursor === undefined ? null : decodeCursor("groups", query.cursor);
  const rows = db
    .prepare<[Record<string, string | number | null>], GroupRow & { samples: string }>(
      `SELECT ${COLUMNS}, ${SAMPLES} AS samples FROM divergence_group AS g
       WHERE (@route IS NULL OR route = @route)
         AND (@count IS NULL OR g.count < @count OR (g.count = @count AND id > @id))
         AND (@states IS NULL OR ${IS_IN_STATES("compared")})
       ORDER BY g.count DESC, id LIMIT @limit`,
    )
    .all({
      route: query.route ?? null,
      count: after?.number ?? null,
      id: after?.id ?? "",
      states: query.states === undefined ? null : listOfStates(query.states),
      limit: limit + 1,
    });
  return page(
    "groups",
    rows,
    limit,
    (row) => [row.count, row.id],
    ({ samples, ...row }) => ({ ...toGroup(row, query.now), samples: JSON.parse(samples) as string[] }),
  );
}

export function group(db: Database, { id, now }: Questions["group"]["args"]): Questions["group"]["value"] {
  const row = readGroup(db, id);
  if (row === undefined) return null;
  const samples = db
    .prepare<[string], string>("SELECT record FROM divergence WHERE group_id = ? AND sample > 0 ORDER BY seq")
    .pluck()
    .all(id);
  return { group: toGroup(row, now), samples };
}

/** A group that is opened again is open until it has been missing for long from here on. */
export function decideGroup(
  db: Database,
  { id, decision, now }: Questions["decideGroup"]["args"],
): Questions["decideGroup"]["value"] {
  const changed = db
    .prepare(
      `UPDATE divergence_group AS g SET state = ?, decision = ?, compared_last = ${COMPARED_OF_ROUTE("g.route")} WHERE id = ?`,
    )
    .run(decision.state, JSON.stringify(decision), id);
  const row = changed.changes === 0 ? undefined : readGroup(db, id);
  return row === undefined ? null : toGroup(row, now);
}

function readGroup(db: Database, id: string): GroupRow | undefined {
  return db.prepare<[string], GroupRow>(`SELECT ${COLUMNS} FROM divergence_group AS g WHERE id = ?`).get(id);
}

/** By route and state as it is shown; shadow failures are left out. */
export function causes(db: Database): readonly { readonly route: string; readonly state: GroupState; count: number }[] {
  return db
    .prepare<[], { route: string; state: GroupState; count: number }>(
      `WITH compared (route, exchanges) AS (SELECT route, ${COMPARED_OF_ROUTE("r.route")} FROM route_total AS r)
       SELECT g.route AS route, ${STATE_NOW("ifnull(exchanges, 0)")} AS state, count(*) AS count
       FROM divergence_group AS g LEFT JOIN compared ON compared.route = g.route
       WHERE NOT failure GROUP BY 1, 2`,
    )
    .all();
}
