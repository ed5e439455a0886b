/** The bodies of `PATCH /api/v1/routes/:name` and `POST /api/v1/mirror`: one reading for errors and the OpenAPI document. Pure. */
import { parseShare, spellShare } from "../config/units.ts";
import type { OverrideChange } from "../config/switchboard.ts";
import { bad, given, parseChange } from "./change-body.ts";
import { Problem } from "./problem.ts";

const REASON_MAX = 500;

const reason = {
  type: "string",
  minLength: 1,
  maxLength: REASON_MAX,
  description: "Why; kept and shown with it and in the audit",
} as const;

export const ROUTE_CHANGE_SCHEMA = {
  type: "object",
  properties: {
    mirror: {
      anyOf: [{ type: "boolean" }, { type: "null" }],
      description: "Whether its writes are mirrored; null: as the file says",
    },
    reads: {
      anyOf: [{ type: "string" }, { type: "number", minimum: 0, maximum: 1 }, { type: "null" }],
      description: 'The share of its reads that is mirrored, "5%" or 0.05; null: as the file says',
    },
    dial: {
      anyOf: [{ type: "string" }, { type: "number", minimum: 0, maximum: 1 }, { type: "null" }],
      description: 'The share of its reads that next answers, "5%" or 0.05; null: as the file says',
    },
    reason,
  },
  minProperties: 1,
  additionalProperties: false,
} as const;

export const MIRROR_SWITCH_SCHEMA = {
  type: "object",
  properties: {
    enabled: { type: "boolean", description: "false: nothing is mirrored, whatever file and overrides say" },
    reason,
  },
  required: ["enabled"],
  additionalProperties: false,
} as const;

/** @throws Problem 400, naming the member, its value and what to write. */
export function readRouteChange(text: string, route: string, by: string): OverrideChange {
  const body = parseChange(text, ["mirror", "reads", "dial", "reason"], ROUTE_EXAMPLE);
  const { mirror, reads, dial } = body;
  if (mirror === undefined && reads === undefined && dial === undefined)
    throw new Problem(400, `nothing is to change; ${ROUTE_EXAMPLE}`);
  if (given(mirror) && typeof mirror !== "boolean")
    throw bad("mirror", mirror, "is neither true nor false; write null to go back to what the file says");
  return {
    route,
    by,
    reason: readReason(body["reason"]),
    ...(mirror === undefined ? {} : { mirror: mirror as boolean | null }),
    ...(reads === undefined ? {} : { reads: given(reads) ? readShare("reads", reads) : null }),
    ...(dial === undefined ? {} : { dial: given(dial) ? readShare("dial", dial) : null }),
  };
}

/** @throws Problem 400, naming the member, its value and what to write. */
export function readMirrorSwitch(text: string, by: string): OverrideChange {
  const { enabled, reason: why } = parseChange(text, ["enabled", "reason"], SWITCH_EXAMPLE);
  if (!given(enabled))
    throw new Problem(400, `enabled is missing; ${SWITCH_EXAMPLE}`, { members: { parameter: "enabled" } });
  if (typeof enabled !== "boolean") throw bad("enabled", enabled, "is neither true nor false");
  return { route: null, mirror: enabled, reason: readReason(why), by };
}

const ROUTE_EXAMPLE = 'send {"mirror":false}, {"reads":"5%"} or {"dial":"5%"}';
const SWITCH_EXAMPLE = 'send {"enabled":false}';

function readShare(member: string, value: unknown): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  const parsed = typeof value === "string" ? parseShare(value) : null;
  if (parsed?.ok === true) return parsed.value;
  throw bad(member, value, `is no share; write "5%", or a number from 0 to 1 (${spellShare(0.05)} is 0.05)`);
}

function readReason(value: unknown): string | null {
  if (!given(value)) return null;
  const said = typeof value === "string" ? value.trim() : "";
  if (said === "" || said.length > REASON_MAX)
    throw bad("reason", value, `is no text of 1 to ${REASON_MAX} characters; write why, or leave it out`);
  return said;
}
