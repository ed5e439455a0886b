/** The bodies of `POST /api/v1/backfills` and below: one reading for error messages and the OpenAPI document. Pure. */
import { FREEZE_MOST_IDS, type FreezeOrder } from "../rows/backfill-window.ts";
import { MOST_ROW_VALUES, type RowValueAsked } from "../rows/row-values.ts";
import type { ReconcileReport, RowJobReport, SampledRows } from "../rows/row-jobs.ts";
import { bad, given, parseChange } from "./change-body.ts";
import { Problem } from "./problem.ts";

const ID_MAX_CHARS = 1024;
/** Ids of one freeze, with what spells them as JSON. */
export const IDS_MAX_BYTES = 4 * 1024 * 1024;

const position = { type: "integer", minimum: 0 } as const;
const ids = {
  type: "array",
  items: { type: "string", minLength: 1, maxLength: ID_MAX_CHARS },
  maxItems: FREEZE_MOST_IDS,
  description: "What entity keys call the rows: 42 of users/42",
} as const;

export const BACKFILL_OPEN_SCHEMA = {
  type: "object",
  properties: { collection: { type: "string", description: "As the configuration names it" } },
  required: ["collection"],
  additionalProperties: false,
} as const;

export const NOTHING_SCHEMA = { type: "object", properties: {}, additionalProperties: false } as const;

export const FREEZE_ORDER_SCHEMA = {
  type: "object",
  properties: {
    since: { ...position, description: "Where the window was opened, before anything was read" },
    read: { ...position, description: "Where all had been read" },
    ids,
  },
  required: ["since", "read", "ids"],
  additionalProperties: false,
} as const;

export const FREEZE_SCHEMA = {
  type: "object",
  properties: { freeze: position },
  required: ["freeze"],
  additionalProperties: false,
} as const;

export const IDS_SCHEMA = {
  type: "object",
  properties: { ids },
  required: ["ids"],
  additionalProperties: false,
} as const;

export const BACKFILL_END_SCHEMA = {
  type: "object",
  properties: { how: { type: "string", enum: ["done", "stopped"] } },
  required: ["how"],
  additionalProperties: false,
} as const;

const rows = { type: "integer", minimum: 0 } as const;

const BACKFILL_COUNTS = ["read", "written", "setAside", "conflicts"] as const;
const SAMPLE_COUNTS = ["missing", "mismatched", "unmade"] as const;
const RECONCILE_COUNTS = ["sourceRows", "targetRows", "missing", "mismatched", "unmade"] as const;

const sampledRows = {
  type: "object",
  properties: {
    drawn: rows,
    differing: rows,
    shareAtMost: {
      type: "number",
      minimum: 0,
      maximum: 1,
      description: "Of all rows of that side, with 95 % confidence",
    },
  },
  required: ["drawn", "differing", "shareAtMost"],
  additionalProperties: false,
} as const;

export const ROW_JOB_END_SCHEMA = {
  anyOf: [
    {
      type: "object",
      properties: {
        job: { type: "string", const: "backfill" },
        ...Object.fromEntries(BACKFILL_COUNTS.map((name) => [name, rows])),
      },
      required: ["job", ...BACKFILL_COUNTS],
      additionalProperties: false,
    },
    {
      type: "object",
      properties: {
        job: { type: "string", const: "reconcile" },
        ...Object.fromEntries(RECONCILE_COUNTS.map((name) => [name, rows])),
        extra: { anyOf: [rows, { type: "null" }], description: "null: they could not be looked for" },
        around: {
          anyOf: [
            {
              type: "object",
              properties: { legacy: rows, next: rows },
              required: ["legacy", "next"],
              additionalProperties: false,
            },
            { type: "null" },
          ],
          description: "Rows of each side that were changed around the proxy; null: nobody counted them",
        },
      },
      required: ["job", ...RECONCILE_COUNTS, "extra", "around"],
      additionalProperties: false,
    },
    {
      type: "object",
      description: "Of rows that were drawn at random; the gate takes it for nothing",
      properties: {
        job: { type: "string", const: "sample" },
        ...Object.fromEntries(SAMPLE_COUNTS.map((name) => [name, rows])),
        legacy: sampledRows,
        next: { anyOf: [sampledRows, { type: "null" }], description: "null: they could not be looked for" },
      },
      required: ["job", ...SAMPLE_COUNTS, "legacy", "next"],
      additionalProperties: false,
    },
  ],
} as const;

const value = { type: "string", minLength: 1, maxLength: ID_MAX_CHARS } as const;
const JSON_SPELLINGS = ["string", "number"] as const;

export const ROW_VALUES_SCHEMA = {
  type: "object",
  properties: {
    values: {
      type: "array",
      maxItems: MOST_ROW_VALUES,
      items: {
        type: "object",
        properties: {
          kind: { type: "string", description: "Of the collection's values" },
          legacy: value,
          next: value,
          spelled: {
            type: "array",
            prefixItems: JSON_SPELLINGS.map(() => ({ type: "string", enum: JSON_SPELLINGS })),
            minItems: 2,
            maxItems: 2,
            description: "How legacy and next spell them in JSON, where both are given: then they are taught as a pair",
          },
        },
        required: ["kind"],
        additionalProperties: false,
      },
    },
  },
  required: ["values"],
  additionalProperties: false,
} as const;

/** @throws Problem 400, as all below */
export function readOpening(text: string): string {
  const { collection } = parseChange(text, ["collection"], 'send {"collection":"users"}');
  if (!given(collection)) throw missing("collection", 'send {"collection":"users"}');
  if (typeof collection !== "string") throw bad("collection", collection, "is no text");
  return collection;
}

export function readNothing(text: string): void {
  parseChange(text === "" ? "{}" : text, [], "send {}");
}

export function readFreezeOrder(text: string): FreezeOrder {
  const example = 'send {"since":1,"read":2,"ids":["42"]}';
  const body = parseChange(text, ["since", "read", "ids"], example);
  const since = readPosition(body, "since", example);
  const read = readPosition(body, "read", example);
  if (read < since) throw bad("read", read, `is before since (${since}), and rows are read once the window is open`);
  return { since, read, ids: readIdList(body["ids"], example) };
}

export function readFreeze(text: string): number {
  const example = 'send {"freeze":1}';
  return readPosition(parseChange(text, ["freeze"], example), "freeze", example);
}

export function readIds(text: string): readonly string[] {
  const example = 'send {"ids":["42"]}';
  return readIdList(parseChange(text, ["ids"], example)["ids"], example);
}

export function readEnd(text: string): "done" | "stopped" {
  const example = 'send {"how":"done"}';
  const { how } = parseChange(text, ["how"], example);
  if (!given(how)) throw missing("how", example);
  if (how !== "done" && how !== "stopped") throw bad("how", how, "is neither done nor stopped");
  return how;
}

export function readRowJobReport(text: string): RowJobReport {
  const example = 'send {"job":"backfill","read":3,"written":3,"setAside":0,"conflicts":0}';
  const body = parseChange(
    text,
    ["job", ...BACKFILL_COUNTS, ...RECONCILE_COUNTS, "extra", "around", "legacy", "next"],
    example,
  );
  const { job, extra } = body;
  const countOf = (name: string): number => readPosition(body, name, example);
  if (job === "backfill") {
    const [read, written, setAside, conflicts] = BACKFILL_COUNTS.map(countOf) as [number, number, number, number];
    return { job, read, written, setAside, conflicts };
  }
  if (job === "sample") {
    const [absent, mismatched, unmade] = SAMPLE_COUNTS.map(countOf) as [number, number, number];
    const next = body["next"] === null ? null : readSampled(body, "next");
    return { job, legacy: readSampled(body, "legacy"), next, missing: absent, mismatched, unmade };
  }
  if (job !== "reconcile")
    throw given(job) ? bad("job", job, "is none of backfill, reconcile and sample") : missing("job", example);
  if (extra === undefined) throw missing("extra", "send a number, or null where they could not be looked for");
  const [sourceRows, targetRows, ...found] = RECONCILE_COUNTS.map(countOf) as [number, number, number, number, number];
  const [absent, mismatched, unmade] = found;
  const unclaimed = extra === null ? null : countOf("extra");
  const around = readAround(body["around"]);
  return { job, sourceRows, targetRows, missing: absent, mismatched, extra: unclaimed, unmade, around };
}

function readSampled(body: Readonly<Record<string, unknown>>, side: "legacy" | "next"): SampledRows {
  const example = `send ${side}: {"drawn":100,"differing":0,"shareAtMost":0.03}`;
  const value = body[side];
  if (typeof value !== "object" || value === null) throw missing(side, example);
  const { drawn, differing, shareAtMost, ...others } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) throw bad(side, value, "has more than drawn, differing and shareAtMost");
  if (typeof shareAtMost !== "number" || shareAtMost < 0 || shareAtMost > 1)
    throw bad(side, value, "has a shareAtMost that is no share from 0 to 1");
  const counts = [
    readPosition({ drawn }, "drawn", example),
    readPosition({ differing }, "differing", example),
  ] as const;
  return { drawn: counts[0], differing: counts[1], shareAtMost };
}

function readAround(value: unknown): ReconcileReport["around"] {
  if (value === null) return null;
  const example = 'send {"legacy":0,"next":0}, or null where nobody counted them';
  if (typeof value !== "object" || value === undefined) throw missing("around", example);
  const { legacy, next, ...others } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) throw bad("around", value, "has more than legacy and next");
  return { legacy: readPosition({ legacy }, "legacy", example), next: readPosition({ next }, "next", example) };
}

/** A collection's rows have its kinds alone: what others are is not for whoever asks about it. */
export function refuseOtherKinds(asked: readonly RowValueAsked[], kinds: readonly string[]): void {
  const other = asked.find(({ kind }) => !kinds.includes(kind));
  if (other === undefined) return;
  const there = kinds.length === 0 ? "it has none" : `there are ${kinds.join(", ")}`;
  throw bad("values", other.kind, `is no kind of the collection's (values); ${there}`);
}

export function readRowValues(text: string): readonly RowValueAsked[] {
  const example = 'send {"values":[{"kind":"user","legacy":"42"}]}';
  const { values } = parseChange(text, ["values"], example);
  if (!given(values)) throw missing("values", example);
  if (!Array.isArray(values)) throw bad("values", values, "is no list");
  if (values.length > MOST_ROW_VALUES) {
    throw bad("values", values.length, `are more than ${MOST_ROW_VALUES}; send fewer`);
  }
  for (const one of values as unknown[]) {
    const { kind, legacy, next, spelled } = (one ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof kind !== "string") throw bad("values", kind, "is no text");
    for (const text of [legacy, next]) {
      if (text !== undefined && (typeof text !== "string" || text === "" || text.length > ID_MAX_CHARS))
        throw bad("values", text, `is no text of 1 to ${ID_MAX_CHARS} characters`);
    }
    if (legacy === undefined && next === undefined) throw bad("values", one, "has neither legacy nor next");
    const isSpelling = (word: unknown): boolean => (JSON_SPELLINGS as readonly unknown[]).includes(word);
    if (spelled !== undefined && !(Array.isArray(spelled) && spelled.length === 2 && spelled.every(isSpelling)))
      throw bad("values", spelled, `is no pair of ${JSON_SPELLINGS.join(" or ")}`);
  }
  return values as RowValueAsked[];
}

function readPosition(body: Readonly<Record<string, unknown>>, name: string, example: string): number {
  const value = body[name];
  if (!given(value)) throw missing(name, example);
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw bad(name, value, "is no whole number from 0 on");
  return value as number;
}

function readIdList(value: unknown, example: string): readonly string[] {
  if (!given(value)) throw missing("ids", example);
  if (!Array.isArray(value)) throw bad("ids", value, "is no list");
  if (value.length > FREEZE_MOST_IDS) throw bad("ids", value.length, `are more than ${FREEZE_MOST_IDS}; send fewer`);
  for (const id of value as unknown[]) {
    if (typeof id !== "string" || id === "" || id.length > ID_MAX_CHARS)
      throw bad("ids", id, `is no text of 1 to ${ID_MAX_CHARS} characters`);
  }
  return value as string[];
}

function missing(name: string, example: string): Problem {
  return new Problem(400, `${name} is missing; ${example}`, { members: { parameter: name } });
}
