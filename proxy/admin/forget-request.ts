/** The body of `POST /api/v1/members/:id/forget`: one reading for error messages and the OpenAPI document. Pure. */
import { bad, given, parseChange } from "./change-body.ts";
import { Problem } from "./problem.ts";

const REASON_MIN = 3;
const REASON_MAX = 500;

export const FORGET_SCHEMA = {
  type: "object",
  properties: {
    reason: {
      type: "string",
      minLength: REASON_MIN,
      maxLength: REASON_MAX,
      description: "Why it will not come back; kept in the audit",
    },
  },
  required: ["reason"],
  additionalProperties: false,
} as const;

const EXAMPLE = 'send {"reason":"its machine is gone"}';

/** @throws Problem 400, naming the member and what to write. */
export function readForget(text: string): { readonly reason: string } {
  const { reason } = parseChange(text, ["reason"], EXAMPLE);
  if (!given(reason)) throw new Problem(400, `reason is missing; ${EXAMPLE}`, { members: { parameter: "reason" } });
  const words = typeof reason === "string" ? reason.trim() : "";
  if (words.length < REASON_MIN || words.length > REASON_MAX)
    throw bad(
      "reason",
      reason,
      `is no text of ${REASON_MIN} to ${REASON_MAX} characters; write why it will not come back`,
    );
  return { reason: words };
}
