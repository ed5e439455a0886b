/** The body of `POST /api/v1/divergences/:id/replay`: one reading for error messages and the OpenAPI document. Pure. */
import type { ReplayRequest } from "../evidence/replay-request.ts";
import { bad, given, parseChange, readReason, REASON_MAX, REASON_MIN } from "./change-body.ts";
import { Problem } from "./problem.ts";

export const REPLAY_SCHEMA = {
  type: "object",
  properties: {
    force: {
      type: "boolean",
      description: "Send a write again although the shadow may apply it twice; needs a reason",
    },
    reason: { type: "string", minLength: REASON_MIN, maxLength: REASON_MAX, description: "Why; kept in the log" },
  },
  additionalProperties: false,
} as const;

const MEMBERS = ["force", "reason"];

/** @throws Problem 400, naming the member and what to write. */
export function readReplay(text: string, id: string, by: string): ReplayRequest {
  const { force, reason } = parseChange(text === "" ? "{}" : text, MEMBERS, 'send {} or {"force":true,"reason":"…"}');
  if (given(force) && typeof force !== "boolean") throw bad("force", force, "is neither true nor false");
  const words = readReason(reason);
  if (force === true && words === null) {
    const detail = "reason is missing; say why this write is sent once more: it is kept in the log";
    throw new Problem(400, detail, { members: { parameter: "reason" } });
  }
  return { id, force: force === true, reason: words, by };
}
