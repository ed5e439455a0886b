/** The body of `PATCH /api/v1/groups/:id`: one reading for error messages and the OpenAPI document. Pure. */
import { nearestName } from "../config/nearest.ts";
import type { GroupDecision } from "../evidence/evidence.ts";
import { REASON_MAX, REASON_MIN, bad, given, parseChange, readReason } from "./change-body.ts";
import { Problem } from "./problem.ts";

export const DECISION_STATES = ["acknowledged", "fixed", "new"] as const;

const BUILD_MAX = 200;
const MEMBERS = ["state", "reason", "until", "build"] as const;
/** A date (its last moment, UTC), or an instant with its zone. */
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;
const DAY_MS = 24 * 60 * 60 * 1000;

export const GROUP_CHANGE_SCHEMA = {
  type: "object",
  properties: {
    state: { type: "string", enum: DECISION_STATES, description: "new: it is open again" },
    reason: {
      type: "string",
      minLength: REASON_MIN,
      maxLength: REASON_MAX,
      description: "Needed to acknowledge; kept and shown with the group",
    },
    until: {
      type: "string",
      description:
        "Of an acknowledgement: a date or an instant (2027-03-01, 2027-03-01T12:00:00Z); seen after it, the group has regressed",
    },
    build: {
      type: "string",
      minLength: 1,
      maxLength: BUILD_MAX,
      description: "Of an acknowledgement: seen in another build of next than this, the group has regressed",
    },
  },
  required: ["state"],
  additionalProperties: false,
} as const;

/** @throws Problem 400, naming the member, its value and what to write. */
export function readGroupChange(text: string, by: string, now: number): GroupDecision {
  const body = parseChange(text, MEMBERS, EXAMPLE);
  const state = readState(body["state"]);
  const acknowledges = state === "acknowledged";
  for (const name of ["until", "build"] as const) {
    if (!acknowledges && given(body[name]))
      throw bad(name, body[name], `belongs to an acknowledgement, and state is ${state}; leave it out`);
  }
  return {
    state,
    by,
    at: new Date(now).toISOString(),
    reason: readDecisionReason(body["reason"], acknowledges),
    until: given(body["until"]) ? readUntil(body["until"], now) : null,
    build: given(body["build"]) ? readBuild(body["build"]) : null,
  };
}

const EXAMPLE = 'send {"state":"acknowledged","reason":"…"}';

function readState(value: unknown): GroupDecision["state"] {
  const state = DECISION_STATES.find((known) => known === value);
  if (state !== undefined) return state;
  const list = `write one of ${DECISION_STATES.join(", ")}`;
  if (!given(value)) throw new Problem(400, `state is missing; ${list}`, { members: { parameter: "state" } });
  if (value === "regressed") throw bad("state", value, `comes of seeing a cause again and cannot be set; ${list}`);
  const near = typeof value === "string" ? nearestName(value, DECISION_STATES) : null;
  throw bad(
    "state",
    value,
    `is none of ${DECISION_STATES.join(", ")}${near === null ? "" : `; did you mean ${near}?`}`,
  );
}

function readDecisionReason(value: unknown, needed: boolean): string | null {
  const reason = readReason(value);
  if (reason !== null || !needed) return reason;
  const detail = "reason is missing; say why this difference is accepted: it is kept and shown with the group";
  throw new Problem(400, detail, { members: { parameter: "reason" } });
}

function readUntil(value: unknown, now: number): string {
  const ways = "write a date (2027-03-01, its end in UTC) or an instant with its zone (2027-03-01T12:00:00Z)";
  const isDate = typeof value === "string" && DATE.test(value);
  if (typeof value !== "string" || !(isDate || INSTANT.test(value))) throw bad("until", value, `is no time; ${ways}`);
  const begin = Date.parse(value);
  // V8 takes 2027-02-30 for 2 March.
  if (Number.isNaN(begin) || (isDate && new Date(begin).toISOString().slice(0, 10) !== value))
    throw bad("until", value, `is no day of the calendar; ${ways}`);
  const until = isDate ? begin + DAY_MS - 1 : begin;
  if (until <= now) throw bad("until", value, "is over already; name a time to come, or leave it out");
  return new Date(until).toISOString();
}

function readBuild(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "" && value.length <= BUILD_MAX) return value.trim();
  throw bad("build", value, `is no text of 1 to ${BUILD_MAX} characters; write a build as groups show it (firstBuild)`);
}
