/** The body of `POST /api/v1/divergences/purge`: one reading for error messages and the OpenAPI document. Pure. */
import type { PurgeRequest } from "../evidence/purge.ts";
import { bad, given, parseChange, readReason, REASON_SCHEMA } from "./change-body.ts";
import { Problem } from "./problem.ts";

/** A key may be as long as a request's head (256 KiB), and six times that as JSON. */
const KEY_MAX_CHARS = 256 * 1024;
export const PURGE_MAX_BYTES = 6 * KEY_MAX_CHARS + 8 * 1024;
const ROUTE_MAX_CHARS = 1024;

export const PURGE_SCHEMA = {
  type: "object",
  properties: {
    key: { type: "string", minLength: 1, maxLength: KEY_MAX_CHARS, description: "The plain entity key, users/42" },
    route: { type: "string", maxLength: ROUTE_MAX_CHARS, description: "Only of this route" },
    dryRun: { type: "boolean", description: "Count what would go, and change nothing" },
    reason: REASON_SCHEMA,
  },
  required: ["key"],
  additionalProperties: false,
} as const;

const EXAMPLE = 'send {"key":"users/42"}';

/** @throws Problem 400, naming the member and what to write; the key itself is not repeated. */
export function readPurge(text: string, by: string): PurgeRequest {
  const { key, route, dryRun, reason } = parseChange(text, Object.keys(PURGE_SCHEMA.properties), EXAMPLE);
  if (!given(key)) throw new Problem(400, `key is missing; ${EXAMPLE}`, { members: { parameter: "key" } });
  if (typeof key !== "string" || key === "" || key.length > KEY_MAX_CHARS) {
    const detail = `key is no text of 1 to ${KEY_MAX_CHARS} characters; write the plain entity key: users/42`;
    throw new Problem(400, detail, { members: { parameter: "key" } });
  }
  if (given(route) && (typeof route !== "string" || route === "" || route.length > ROUTE_MAX_CHARS))
    throw bad("route", route, `is no text of 1 to ${ROUTE_MAX_CHARS} characters; name a route, or leave it out`);
  if (given(dryRun) && typeof dryRun !== "boolean") throw bad("dryRun", dryRun, "is neither true nor false");
  return {
    key,
    route: typeof route === "string" ? route : null,
    dryRun: dryRun === true,
    reason: readReason(reason),
    by,
  };
}
