/** The body of `POST /api/v1/routes/:name/phase`: one reading for error messages and the OpenAPI document. Pure. */
import { STEPS } from "../moves/phase-steps.ts";
import type { MoveOrder } from "../moves/phase-move.ts";
import { bad, given, parseChange, readReason, REASON_MAX, REASON_MIN } from "./change-body.ts";
import { Problem } from "./problem.ts";

const ALL_STEPS = [...STEPS, "unpin"] as const;

export const PHASE_MOVE_SCHEMA = {
  type: "object",
  properties: {
    step: {
      type: "string",
      enum: ALL_STEPS,
      description:
        "advance or rollback: to the neighbouring phase; unpin: back to what the file says, where that crosses no barrier",
    },
    reason: {
      type: "string",
      minLength: REASON_MIN,
      maxLength: REASON_MAX,
      description: "Why; kept in the audit. force needs one",
    },
    force: {
      type: "boolean",
      description:
        "Go on where the gate is shut, keys are on the repair list, there are gaps, or something leans on legacy. What is missing otherwise still refuses",
    },
    dryRun: { type: "boolean", description: "Look at everything, change nothing" },
  },
  required: ["step"],
  additionalProperties: false,
} as const;

const EXAMPLE = 'send {"step":"advance"}';

/** @throws Problem 400, naming the member and what to write. */
export function readPhaseMove(text: string, route: string, by: string): MoveOrder {
  const body = parseChange(text, ["step", "reason", "force", "dryRun"], EXAMPLE);
  const step = ALL_STEPS.find((one) => one === body["step"]);
  if (!given(body["step"])) throw new Problem(400, `step is missing; ${EXAMPLE}`, { members: { parameter: "step" } });
  if (step === undefined) throw bad("step", body["step"], `is none of ${ALL_STEPS.join(", ")}`);
  const force = readFlag("force", body["force"]);
  const reason = readReason(body["reason"]);
  if (force && reason === null) {
    throw new Problem(400, 'force needs a reason; send {"step":"advance","force":true,"reason":"…"}', {
      members: { parameter: "reason" },
    });
  }
  return { route, step, force, reason, dryRun: readFlag("dryRun", body["dryRun"]), by };
}

function readFlag(name: string, value: unknown): boolean {
  if (!given(value)) return false;
  if (typeof value !== "boolean") throw bad(name, value, "is neither true nor false");
  return value;
}
