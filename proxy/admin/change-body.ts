/** Reading the body of a change: what is wrong with it is told in the same words everywhere. Pure. */
import { nearestName } from "../config/nearest.ts";
import { Problem } from "./problem.ts";

/** @throws Problem 400 where it is no JSON object or has members beside `members`; `example` is what to send instead. */
export function parseChange(
  text: string,
  members: readonly string[],
  example: string,
): Readonly<Record<string, unknown>> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Problem(400, `the body is no JSON; ${example}`);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Problem(400, `the body is no JSON object; ${example}`);
  for (const name of Object.keys(body)) {
    if (!members.includes(name)) throw unknownMember(name, members);
  }
  return body as Record<string, unknown>;
}

export function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}

export const REASON_MIN = 3;
export const REASON_MAX = 500;

/** Of what may be done without saying why. */
export const REASON_SCHEMA = {
  type: "string",
  minLength: REASON_MIN,
  maxLength: REASON_MAX,
  description: "Why; kept in the audit",
} as const;

/** Words of whoever changes something; null: none were given. @throws Problem 400 */
export function readReason(value: unknown): string | null {
  if (!given(value)) return null;
  const words = typeof value === "string" ? value.trim() : "";
  if (words.length >= REASON_MIN && words.length <= REASON_MAX) return words;
  throw bad("reason", value, `is no text of ${REASON_MIN} to ${REASON_MAX} characters; write why`);
}

export function bad(parameter: string, value: unknown, wrong: string): Problem {
  const text = JSON.stringify(value) ?? "undefined";
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new Problem(400, `${parameter} is ${shown}, which ${wrong}`, { members: { parameter } });
}

function unknownMember(name: string, members: readonly string[]): Problem {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
  const near = nearestName(name, members);
  const hint = near === null ? `it takes ${members.join(", ")}` : `did you mean ${near}?`;
  return new Problem(400, `the body has no member ${shown}; ${hint}`, {
    members: { parameter: name.slice(0, 100), allowed: members },
  });
}
