/** The bodies of `POST /api/v1/running-jobs` and below: one reading for messages and OpenAPI. Pure. */
import {
  RUNNING_JOB_ENDS,
  RUNNING_JOB_KINDS,
  type RunningJobOrder,
  type RunningJobReport,
} from "../rows/running-job.ts";
import { bad, given, parseChange } from "./change-body.ts";
import { Problem } from "./problem.ts";

const TEXT_MAX_CHARS = 500;
const ORDER_EXAMPLE = 'send {"kind":"backfill","collection":"users"}';
const REPORT_EXAMPLE = 'send {"rows":1000,"written":1000}';

const count = { type: "integer", minimum: 0 } as const;
const words = { anyOf: [{ type: "string", maxLength: TEXT_MAX_CHARS }, { type: "null" }] } as const;

export const RUNNING_JOB_ORDER_SCHEMA = {
  type: "object",
  properties: {
    kind: { type: "string", enum: RUNNING_JOB_KINDS },
    collection: { type: "string", description: "As the configuration names it" },
    dryRun: { type: "boolean", description: "It writes nothing" },
  },
  required: ["kind", "collection"],
  additionalProperties: false,
} as const;

export const RUNNING_JOB_REPORT_SCHEMA = {
  type: "object",
  properties: {
    rows: { ...count, description: "Of the source, read" },
    estimate: { anyOf: [count, { type: "null" }], description: "About how many there are" },
    rowsPerSecond: { type: "number", minimum: 0 },
    written: count,
    setAside: { ...count, description: "Could not be made or written, or are in conflict" },
    differing: { ...count, description: "Told by a comparison" },
    waiting: { ...words, description: "What it waits for" },
    end: { anyOf: [{ type: "string", enum: RUNNING_JOB_ENDS }, { type: "null" }] },
    error: { ...words, description: "Why it failed" },
  },
  required: ["rows"],
  additionalProperties: false,
} as const;

/** @throws Problem 400, as all below */
export function readRunningJobOrder(text: string): RunningJobOrder {
  const { kind, collection, dryRun } = parseChange(
    text,
    Object.keys(RUNNING_JOB_ORDER_SCHEMA.properties),
    ORDER_EXAMPLE,
  );
  const known = RUNNING_JOB_KINDS.find((each) => each === kind);
  if (known === undefined) throw bad("kind", kind, `is none of ${RUNNING_JOB_KINDS.join(", ")}; ${ORDER_EXAMPLE}`);
  if (typeof collection !== "string" || collection === "") {
    throw bad("collection", collection, `is no name of a collection; ${ORDER_EXAMPLE}`);
  }
  if (given(dryRun) && typeof dryRun !== "boolean") throw bad("dryRun", dryRun, "is neither true nor false");
  return { kind: known, collection, dryRun: dryRun === true };
}

export function readRunningJobReport(text: string): RunningJobReport {
  const body = parseChange(text, Object.keys(RUNNING_JOB_REPORT_SCHEMA.properties), REPORT_EXAMPLE);
  if (!given(body["rows"])) {
    throw new Problem(400, `rows is missing; ${REPORT_EXAMPLE}`, { members: { parameter: "rows" } });
  }
  const { rowsPerSecond = 0, end = null } = body;
  if (typeof rowsPerSecond !== "number" || !Number.isFinite(rowsPerSecond) || rowsPerSecond < 0) {
    throw bad("rowsPerSecond", rowsPerSecond, "is no number from 0 on");
  }
  const ended = end === null ? null : RUNNING_JOB_ENDS.find((each) => each === end);
  if (ended === undefined) throw bad("end", end, `is none of ${RUNNING_JOB_ENDS.join(", ")}`);
  return {
    rows: readCount(body, "rows"),
    estimate: given(body["estimate"]) ? readCount(body, "estimate") : null,
    rowsPerSecond,
    written: readCount(body, "written"),
    setAside: readCount(body, "setAside"),
    differing: readCount(body, "differing"),
    waiting: readWords(body, "waiting"),
    end: ended,
    error: readWords(body, "error"),
  };
}

type Body = Readonly<Record<string, unknown>>;

function readCount(body: Body, name: string): number {
  const value = body[name] ?? 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw bad(name, value, "is no whole number from 0 on");
}

function readWords(body: Body, name: string): string | null {
  const value = body[name] ?? null;
  if (value === null || (typeof value === "string" && value.length <= TEXT_MAX_CHARS)) return value;
  throw bad(name, value, `is no text of ${TEXT_MAX_CHARS} characters at most`);
}
