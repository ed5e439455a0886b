/** The bodies of `POST /api/v1/backfills` and below: one reading for error messages and the OpenAPI document. Pure. */
import { FREEZE_MOST_IDS, type FreezeOrder } from "../backfill-window.ts";
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
