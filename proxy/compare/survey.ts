/** What a pair of answers tells of all its places, whether they differ there or not. Pure. */
import { hash } from "node:crypto";
import type { CompareSettings } from "../config/compare-settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import { headerOf } from "../exchange.ts";
import { generalPlace } from "../evidence/groups.ts";
import { escapeToken, formatPointer, type PointerTokens } from "../json/pointer.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import { type Survey, SURVEYED_MAX_BYTES, type SurveyedPlace } from "../evidence/places.ts";
import { classOfText } from "../ids/value-classes.ts";
import { bodyTypeOf } from "./bodies/body-type.ts";
import { type BodyRead, readBody } from "./bodies/read-body.ts";
import { contentEncodingOf, undoContentEncoding } from "./decode.ts";
import { type ComparableAnswer, compareAnswers } from "./diff-answers.ts";
import { Oversight } from "./oversight.ts";
import { NOWHERE } from "./rules/places.ts";
import { scalarKey } from "./rules/scalar-key.ts";

export interface SurveyPair {
  readonly first: ComparableAnswer;
  readonly second: ComparableAnswer;
  readonly rules: CompareSettings;
  /** Epoch ms: decides which rules have expired. */
  readonly now: number;
}

const DECODED_MAX_BYTES = 4 * SURVEYED_MAX_BYTES;
const MAX_VALUES = 50_000;
const MAX_PLACES = 300;
const MAX_PIECES = 1_000;

/** `key`: secret bytes that hashes of values are made with. Never throws for anything an answer may hold. */
export function surveyPair({ first, second, rules, now }: SurveyPair, key: Uint8Array): Survey {
  const noting = new Noting();
  compareAnswers(first, second, rules, now, noting);
  const seen = new Map<string, Seen>();
  if (noting.places.has("status") && Math.trunc(first.status / 100) !== Math.trunc(second.status / 100)) {
    // Nothing else was compared.
    note(seen, "first", "status", String(first.status));
    note(seen, "second", "status", String(second.status));
    return { places: [surveyed("status", seen.get("status") as Seen, true, key)] };
  }
  for (const [side, answer] of [
    ["first", first],
    ["second", second],
  ] as const) {
    if (!collect(answer, rules, side, seen)) return { why: "too-large" };
  }
  return { places: [...seen].map(([at, place]) => surveyed(at, place, noting.places.has(at), key)) };
}

/** What stands at a place, on each side where it is there: the first of them, where it is in every element of an array. */
interface Seen {
  first?: JsonValue;
  second?: JsonValue;
}

function surveyed(at: string, seen: Seen, differs: boolean, key: Uint8Array): SurveyedPlace {
  const { first, second } = seen;
  const sides = first === undefined ? "second" : second === undefined ? "first" : "both";
  return {
    at,
    sides,
    differs,
    valueClass: classOf((first ?? second) as JsonValue),
    hash: first === undefined ? null : hashOf(at, first, key),
  };
}

/** Bound to its place: the same value elsewhere has another one. */
function hashOf(at: string, value: JsonValue, key: Uint8Array): number | null {
  const text = scalarKey(value);
  if (text === null) return null;
  const message = Buffer.concat([key, Buffer.from(`${at}\n${text}`)]);
  return hash("sha256", message, "buffer").readUIntBE(0, 6);
}

function classOf(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return classOfText(value);
  if (typeof value === "boolean") return "boolean";
  if (value instanceof JsonNumber) return "number";
  const isEmpty = value instanceof JsonObject ? value.names.length === 0 : value.length === 0;
  return isEmpty ? "empty" : value instanceof JsonObject ? "object" : "array";
}

/** false: there is more than is looked at. */
function collect(
  { status, headers, body }: ComparableAnswer,
  rules: CompareSettings,
  side: "first" | "second",
  seen: Map<string, Seen>,
): boolean {
  note(seen, side, "status", String(status));
  for (const name of rules.headers) {
    const value = headerOf(headers, name);
    if (value !== null) note(seen, side, `header:${name}`, value);
  }
  if (body.kind === "digest") return false;
  const decoded = undoContentEncoding(body.bytes, contentEncodingOf(headers), DECODED_MAX_BYTES);
  if (!decoded.ok) return !decoded.tooLarge;
  const read = decoded.bytes.length === 0 ? null : readStructured(decoded.bytes, headers);
  return read === null || !read.ok || walk(read.value, side, seen);
}

/** null: its content has no places. */
function readStructured(bytes: Buffer, headers: ComparableAnswer["headers"]): BodyRead | null {
  const type = bodyTypeOf(headers);
  const kind = type.kind === "unsaid" ? "json" : type.kind;
  if (kind === "binary" || kind === "text" || kind === "markup") return null;
  return readBody(bytes, kind, type, { pieces: MAX_PIECES });
}

function walk(root: JsonValue, side: "first" | "second", seen: Map<string, Seen>): boolean {
  const pending: [at: string, value: JsonValue][] = [["", root]];
  let left = MAX_VALUES;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [at, value] = next;
    left -= 1;
    if (left < 0 || !note(seen, side, at, value)) return false;
    if (value instanceof JsonObject) {
      for (let i = value.names.length - 1; i >= 0; i -= 1) {
        const name = generalPlace(`/${escapeToken(value.names[i] as string)}`);
        pending.push([at + name, value.values[i] as JsonValue]);
      }
    } else if (Array.isArray(value)) {
      for (const element of (value as readonly JsonValue[]).toReversed()) pending.push([`${at}/*`, element]);
    }
  }
  return true;
}

/** false: there are too many places already. */
function note(seen: Map<string, Seen>, side: "first" | "second", at: string, value: JsonValue): boolean {
  let place = seen.get(at);
  if (place === undefined) {
    if (seen.size >= MAX_PLACES) return false;
    seen.set(at, (place = {}));
  }
  place[side] ??= value;
  return true;
}

/** Notes where answers differ, and excuses nothing: a verdict lists but the first differences. */
class Noting extends Oversight {
  readonly places = new Set<string>();

  constructor() {
    super(NOWHERE, null);
  }

  override excuses(describe: () => Difference, tokens: PointerTokens | null): boolean {
    // Beyond so many steps there are more places than are looked at.
    if (tokens !== null && tokens.length > MAX_PLACES) return false;
    if (tokens !== null) {
      this.places.add(generalPlace(formatPointer(tokens)));
    } else {
      const { at, kind } = describe();
      this.places.add(kind === "status" ? "status" : at);
    }
    return false;
  }
}
