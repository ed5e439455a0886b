/** The bodies of `POST /api/v1/repairs/run` and `PATCH /api/v1/jobs/:id`: one reading for messages and OpenAPI. Pure. */
import { nearestName } from "../config/nearest.ts";
import { parseRate } from "../config/units.ts";
import type { RepairOrder } from "../repair-job.ts";
import { bad, given, parseChange, readReason, REASON_SCHEMA } from "./change-body.ts";

const ROUTE_MAX_CHARS = 1024;
const FASTEST = 10_000;
const EXAMPLE = 'send {"route":"users"}, or {}';

export const REPAIR_RUN_SCHEMA = {
  type: "object",
  properties: {
    route: { type: "string", maxLength: ROUTE_MAX_CHARS, description: "Only of this route" },
    dryRun: { type: "boolean", description: "Read and compare, and change nothing" },
    rate: { type: "string", description: "Keys that may be begun: 20/s, 600/m. Default: repair.rate of each route" },
    reason: REASON_SCHEMA,
  },
  additionalProperties: false,
} as const;

const JOB_CHANGES = ["cancelled", "paused", "running"] as const;
export interface JobChange {
  readonly state: (typeof JOB_CHANGES)[number];
  readonly reason: string | null;
}

export const JOB_CHANGE_SCHEMA = {
  type: "object",
  properties: {
    state: { type: "string", enum: JOB_CHANGES, description: "paused and running are of backfills" },
    reason: REASON_SCHEMA,
  },
  required: ["state"],
  additionalProperties: false,
} as const;

/** @throws Problem 400, naming the member and what to write */
export function readRepairRun(text: string, by: string, routes: readonly string[]): RepairOrder {
  const body = parseChange(text === "" ? "{}" : text, Object.keys(REPAIR_RUN_SCHEMA.properties), EXAMPLE);
  const { route, dryRun, rate, reason } = body;
  if (given(route) && (typeof route !== "string" || !routes.includes(route))) {
    const near = typeof route === "string" ? nearestName(route, routes) : null;
    throw bad(
      "route",
      route,
      `is no route's name; ${near === null ? `there are ${routes.join(", ")}` : `did you mean ${near}?`}`,
    );
  }
  if (given(dryRun) && typeof dryRun !== "boolean") throw bad("dryRun", dryRun, "is neither true nor false");
  return {
    route: typeof route === "string" ? route : null,
    dryRun: dryRun === true,
    ratePerSecond: given(rate) ? readRate(rate) : null,
    reason: readReason(reason),
    by,
  };
}

function readRate(rate: unknown): number {
  const parsed = typeof rate === "string" ? parseRate(rate) : null;
  if (parsed?.ok !== true || parsed.value <= 0 || parsed.value > FASTEST)
    throw bad("rate", rate, `is no rate up to ${FASTEST}/s; write 20/s or 600/m`);
  return parsed.value;
}

/** @throws Problem 400 */
export function readJobChange(text: string): JobChange {
  const { state, reason } = parseChange(text, Object.keys(JOB_CHANGE_SCHEMA.properties), 'send {"state":"cancelled"}');
  const change = JOB_CHANGES.find((each) => each === state);
  if (change === undefined)
    throw bad("state", state, `is not what a job can be set to; write ${JOB_CHANGES.join(" or ")}`);
  return { state: change, reason: readReason(reason) };
}
