import { isUtf8 } from "node:buffer";
import { escapeLength, unescapeAt } from "./escape.ts";
import { formatPointer, parsePointer } from "./pointer.ts";

/** The scalar at a pointer: a string decoded, a number by its digits as spelled, else `true`, `false`, `null`. */
export type PointerFound =
  | { readonly found: true; readonly kind: "string" | "number" | "boolean" | "null"; readonly text: string }
  | { readonly found: false };

const NOT_FOUND: PointerFound = { found: false };

/**
 * Reads one scalar out of a JSON text without building it: for the hot path, where an answer names its entity (1 MiB takes
 * about 3 ms). Of members with the same name the last counts, as in JSON.parse, so an object is scanned to its end. A
 * container, or nothing, at the pointer is not found. Assumes JSON: of a text that is not, it may find anything, or nothing.
 * Never throws.
 */
export function readPointer(body: Uint8Array | string, pointer: string): PointerFound {
  const tokens = parsePointer(pointer);
  if (tokens === null) return NOT_FOUND;
  const bytes =
    typeof body === "string" ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let at = startOf(bytes);
  for (const token of tokens) {
    at = childAt(bytes, at, token);
    if (at < 0) return NOT_FOUND;
  }
  return scalarAt(bytes, at);
}

/** Where the document's one value begins. */
function startOf(bytes: Buffer): number {
  const hasBom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return skipSpace(bytes, hasBom ? 3 : 0);
}

/** What is nested deeper is not looked at, like what is not there. */
const MAX_DEPTH = 128;

/**
 * Reads texts and numbers at all places that a pattern covers (`*` one token, `**` any number, also none), in the order of
 * the text, up to `limit` of them: whoever gets that many does not know how many there are. As `readPointer` otherwise, but
 * of members with the same name each counts. One pass, however deep the document and however many `**` the pattern has.
 */
export function readPointers(body: Buffer, pattern: string, limit: number): readonly string[] {
  return findScalars(body, pattern, limit).map(({ text }) => text);
}

/** A text or number, and where its token stands: `bytes.subarray(start, end)`, quotes included. */
export interface FoundScalar {
  /** Its own pointer, without `*`. */
  readonly at: string;
  readonly kind: "string" | "number";
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What `readPointers` reads, with its places. */
export function findScalars(body: Buffer, pattern: string, limit: number): readonly FoundScalar[] {
  const tokens = parsePointer(pattern);
  if (tokens === null) return [];
  const walk = new PatternWalk(body, tokens, limit);
  walk.value(startOf(body), walk.withDeep([0]), 0);
  return walk.found;
}

/**
 * Where a further member of the object at `pointer` can be written: right behind its brace. null: there is no object. Assumes
 * JSON, as the others do.
 */
export function placeForMember(
  body: Buffer,
  pointer: string,
): { readonly at: number; readonly isEmpty: boolean } | null {
  let at = startOf(body);
  for (const token of parsePointer(pointer) ?? []) {
    at = childAt(body, at, token);
    if (at < 0) return null;
  }
  if (body[at] !== OPEN_OBJECT) return null;
  return { at: at + 1, isEmpty: body[skipSpace(body, at + 1)] === CLOSE_OBJECT };
}

class PatternWalk {
  readonly found: FoundScalar[] = [];
  readonly #path: (string | number)[] = [];
  readonly #bytes: Buffer;
  readonly #tokens: readonly string[];
  readonly #limit: number;

  constructor(bytes: Buffer, tokens: readonly string[], limit: number) {
    this.#bytes = bytes;
    this.#tokens = tokens;
    this.#limit = limit;
  }

  /** `reached`: how many tokens of the pattern are behind, in each way in which it can cover this place. Where it ends. */
  value(at: number, reached: readonly number[], depth: number): number {
    const bytes = this.#bytes;
    const isObject = bytes[at] === OPEN_OBJECT;
    if (!isObject && bytes[at] !== OPEN_ARRAY) {
      if (reached.includes(this.#tokens.length)) this.#take(at);
      return valueEnd(bytes, at);
    }
    if (reached.length === 0 || depth >= MAX_DEPTH || this.found.length >= this.#limit) return valueEnd(bytes, at);
    at = skipSpace(bytes, at + 1);
    for (let index = 0; at < bytes.length && bytes[at] !== CLOSE_ARRAY && bytes[at] !== CLOSE_OBJECT; index += 1) {
      let below: readonly number[];
      let token: string | number = index;
      if (isObject) {
        if (bytes[at] !== QUOTE) return bytes.length;
        const nameEnd = stringEnd(bytes, at);
        below = this.#below(reached, (asked) => isName(bytes, at + 1, nameEnd - 1, asked, Buffer.from(asked)));
        if (below.length > 0) token = decodeString(bytes, at + 1, nameEnd - 1) ?? "";
        const colon = skipSpace(bytes, nameEnd);
        if (bytes[colon] !== COLON) return bytes.length;
        at = skipSpace(bytes, colon + 1);
      } else {
        below = this.#below(reached, (asked) => asked === String(index));
      }
      this.#path.push(token);
      at = skipSpace(bytes, this.value(at, below, depth + 1));
      this.#path.pop();
      if (bytes[at] !== COMMA) break;
      at = skipSpace(bytes, at + 1);
    }
    return at + 1;
  }

  /** The same, with each `**` passed by: it may stand for nothing. */
  withDeep(reached: number[]): readonly number[] {
    for (const behind of reached) {
      if (this.#tokens[behind] === "**" && !reached.includes(behind + 1)) reached.push(behind + 1);
    }
    return reached;
  }

  #below(reached: readonly number[], isCalled: (token: string) => boolean): readonly number[] {
    const below: number[] = [];
    for (const behind of reached) {
      const token = this.#tokens[behind];
      if (token === undefined) continue;
      const next = token === "**" ? behind : behind + 1;
      if (token !== "**" && token !== "*" && !isCalled(token)) continue;
      if (!below.includes(next)) below.push(next);
    }
    return this.withDeep(below);
  }

  #take(at: number): void {
    if (this.found.length >= this.#limit) return;
    const scalar = scalarAt(this.#bytes, at);
    if (!scalar.found || (scalar.kind !== "string" && scalar.kind !== "number")) return;
    const { kind, text } = scalar;
    const end = valueEnd(this.#bytes, at);
    this.found.push({ at: formatPointer(this.#path), kind, text, start: at, end });
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Where the value of that name, or of that index, begins; -1 where there is none, or no container. */
function childAt(bytes: Buffer, at: number, token: string): number {
  if (bytes[at] === OPEN_OBJECT) return memberAt(bytes, at, token);
  return bytes[at] === OPEN_ARRAY ? elementAt(bytes, at, token) : -1;
}

/** Where the last member of that name has its value, or -1. `at` is at the object's brace. */
function memberAt(bytes: Buffer, at: number, name: string): number {
  const spelled = Buffer.from(name);
  let found = -1;
  at = skipSpace(bytes, at + 1);
  while (bytes[at] === QUOTE) {
    const nameEnd = stringEnd(bytes, at);
    const colon = skipSpace(bytes, nameEnd);
    if (bytes[colon] !== COLON) return -1;
    const value = skipSpace(bytes, colon + 1);
    if (isName(bytes, at + 1, nameEnd - 1, name, spelled)) found = value;
    const next = skipSpace(bytes, valueEnd(bytes, value));
    if (bytes[next] !== COMMA) return bytes[next] === CLOSE_OBJECT ? found : -1;
    at = skipSpace(bytes, next + 1);
  }
  return -1;
}

/** Where the element begins, or -1. `at` is at the array's bracket. */
function elementAt(bytes: Buffer, at: number, token: string): number {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(token)) return -1;
  at = skipSpace(bytes, at + 1);
  if (bytes[at] === CLOSE_ARRAY) return -1;
  for (let index = Number(token); index > 0; index -= 1) {
    const next = skipSpace(bytes, valueEnd(bytes, at));
    if (bytes[next] !== COMMA) return -1;
    at = skipSpace(bytes, next + 1);
  }
  return at;
}

function isName(bytes: Buffer, from: number, to: number, name: string, spelled: Buffer): boolean {
  let same = to - from === spelled.length;
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i];
    // Escapes spell a name in many ways: only now is it worth decoding.
    if (byte === BACKSLASH) return decodeString(bytes, from, to) === name;
    same = same && byte === spelled[i - from];
  }
  return same;
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

function scalarAt(bytes: Buffer, at: number): PointerFound {
  const first = bytes[at];
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return NOT_FOUND;
  const end = valueEnd(bytes, at);
  if (first === QUOTE) {
    const text = bytes[end - 1] === QUOTE && end > at + 1 ? decodeString(bytes, at + 1, end - 1) : null;
    return text === null ? NOT_FOUND : { found: true, kind: "string", text };
  }
  const text = bytes.toString("latin1", at, end);
  if (text === "true" || text === "false") return { found: true, kind: "boolean", text };
  if (text === "null") return { found: true, kind: "null", text };
  return NUMBER.test(text) ? { found: true, kind: "number", text } : NOT_FOUND;
}

/** What stands between the quotes, decoded; null where it is not UTF-8 or an escape is none. */
function decodeString(bytes: Buffer, from: number, to: number): string | null {
  if (!isUtf8(bytes.subarray(from, to))) return null;
  const text = bytes.toString("utf8", from, to);
  let decoded = "";
  let plainFrom = 0;
  for (let at = text.indexOf("\\"); at >= 0; at = text.indexOf("\\", plainFrom)) {
    const unit = unescapeAt(text, at);
    if (unit < 0) return null;
    decoded += text.slice(plainFrom, at) + String.fromCharCode(unit);
    plainFrom = at + escapeLength(text, at);
  }
  return plainFrom === 0 ? text : decoded + text.slice(plainFrom);
}

function skipSpace(bytes: Buffer, at: number): number {
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    at += 1;
  }
  return at;
}

/** After the closing quote of the string that opens at `at`, or the end of the bytes. */
function stringEnd(bytes: Buffer, at: number): number {
  const end = bytes.length;
  at += 1;
  while (at < end) {
    const byte = bytes[at];
    at += 1;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at += 1;
  }
  return end;
}

/** After the value that begins at `at`: past a string or container, or where a bare word or number ends. */
function valueEnd(bytes: Buffer, at: number): number {
  const end = bytes.length;
  let depth = 0;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      at = stringEnd(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth <= 1) return depth === 0 ? at : at + 1;
      depth -= 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) {
      return at;
    }
    at += 1;
  }
  return end;
}
