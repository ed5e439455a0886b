import { createHash } from "node:crypto";
import { parseExact, type ReadResult } from "../../json/parse-exact.ts";
import { parsePair } from "../../json/parse-pair.ts";
import { JsonObject, type JsonValue } from "../../json/value.ts";
import { type MediaType, parseMediaType } from "../decode.ts";
import { type BodyKind, type BodyType, bodyTypeFor } from "./body-type.ts";
import { charsetWithin, isReadAsUtf8, readText, type TextRead } from "./charset.ts";
import { objectOf, readForm } from "./form.ts";
import { readJsonLines, readJsonSequence } from "./json-lines.ts";
import { dispositionOf, type Part, splitMultipart, transferDecoded } from "./multipart.ts";
import { TextCursor, type TextReading } from "./text-cursor.ts";
import { standInFor } from "./unread.ts";

/** Kinds whose content has places, as JSON has them, so that rules reach into it. */
export type StructuredKind = Extract<BodyKind, "json" | "json-lines" | "json-seq" | "form" | "multipart">;

export type BodyRead =
  | { readonly ok: true; readonly value: JsonValue }
  /** `why` begins with `not` and names no content; `tooMany`: it may be read under a higher bound. */
  | { readonly ok: false; readonly tooMany: boolean; readonly why: string };

/** What is read at most of one body; each piece takes ten times longer than a JSON value does. */
export interface Allowance {
  /** Parts of a multipart, those of others within it included, or lines that are no JSON. */
  pieces: number;
}

/** A multipart within more than this many others is told by its digest. */
const MULTIPART_MAX_DEPTH = 4;

const DIGEST_STEP_UNITS = 16 * 1024;

/**
 * A body as a value that compare can walk through. `kind` may differ from what `type` says, where the two sides say different
 * things. Takes what it reads off the allowance. Never throws.
 */
export function readBody(bytes: Buffer, kind: StructuredKind, type: BodyType, allowance: Allowance): BodyRead {
  switch (kind) {
    case "json":
      return readJson(bytes, type.charset);
    case "json-lines":
    case "json-seq": {
      const read = readText(bytes, type.charset);
      if (!read.ok) return unread(`not read as JSON: ${read.why}`);
      const { pieces } = allowance;
      const value = kind === "json-lines" ? readJsonLines(read.text, pieces) : readJsonSequence(read.text, pieces);
      if (value !== null) return { ok: true, value };
      return { ok: false, tooMany: true, why: `not read as JSON: more than ${pieces} lines are not JSON` };
    }
    case "form": {
      const read = readForm(bytes, type.charset);
      return read.ok ? read : unread(read.why);
    }
    case "multipart":
      return readMultipart(bytes, type, allowance, 1);
    default: {
      const never: never = kind;
      throw new TypeError(`no such kind: ${String(never)}`);
    }
  }
}

/** The text of a body; markup may say its charset itself. */
export function readBodyText(bytes: Buffer, type: BodyType): TextRead {
  return readText(bytes, type.charset ?? (type.kind === "markup" ? charsetWithin(bytes, type.isHtml) : null));
}

export function textReadingOf(type: BodyType): TextReading {
  if (type.kind !== "markup") return "plain";
  return type.isHtml ? "html" : "xml";
}

interface TypedBytes {
  readonly bytes: Buffer;
  readonly type: BodyType;
}

/** As `readBody` reads each as JSON; what two texts in UTF-8 have in common is read once and is the same objects. */
export function readJsonBodies(a: TypedBytes, b: TypedBytes): readonly [BodyRead, BodyRead] {
  if (!isReadAsUtf8(a.bytes, a.type.charset) || !isReadAsUtf8(b.bytes, b.type.charset)) {
    return [readJson(a.bytes, a.type.charset), readJson(b.bytes, b.type.charset)];
  }
  const [readA, readB] = parsePair(a.bytes, b.bytes);
  return [jsonOrWhy(readA), jsonOrWhy(readB)];
}

function jsonOrWhy(read: ReadResult): BodyRead {
  return read.ok ? read : unread(`not JSON at byte ${read.offset}: ${read.why}`);
}

function readJson(bytes: Buffer, charset: string | null): BodyRead {
  if (isReadAsUtf8(bytes, charset)) return jsonOrWhy(parseExact(bytes));
  const text = readText(bytes, charset);
  if (!text.ok) return unread(`not read as JSON: ${text.why}`);
  const read = parseExact(text.text);
  return read.ok ? read : unread(`not JSON at character ${read.offset}: ${read.why}`);
}

function readMultipart(bytes: Buffer, type: BodyType, allowance: Allowance, depth: number): BodyRead {
  const split = splitMultipart(bytes, type.boundary, allowance.pieces);
  if (!split.ok) return split;
  allowance.pieces -= split.parts.length;
  if (!type.isFormData) return { ok: true, value: split.parts.map((part) => readPart(part, allowance, depth)) };
  const named = new Map<string, JsonValue[]>();
  for (const part of split.parts) {
    const name = dispositionOf(part).name ?? "";
    const others = named.get(name);
    if (others === undefined) named.set(name, [readPart(part, allowance, depth)]);
    else others.push(readPart(part, allowance, depth));
  }
  return { ok: true, value: objectOf(named) };
}

/** What matters of a part: its type, its file name, its range, and its content read by its type. */
function readPart(part: Part, allowance: Allowance, depth: number): JsonObject {
  // RFC 2046, 5.1: what says nothing is plain text.
  const mediaType = parseMediaType(part.headers.get("content-type") ?? "text/plain");
  const type = bodyTypeFor(mediaType);
  const { name, filename } = dispositionOf(part);
  const range = part.headers.get("content-range");
  const content = transferDecoded(part);
  const isField = name !== null && filename === null;
  return new JsonObject(
    ["type", ...(filename === null ? [] : ["filename"]), ...(range === undefined ? [] : ["range"]), "content"],
    [
      mediaType === null ? "" : spelled(mediaType),
      ...(filename === null ? [] : [filename]),
      ...(range === undefined ? [] : [range]),
      content === null
        ? standInFor(part.bytes, "not decoded from its content-transfer-encoding")
        : readContent(content, type, isField, allowance, depth),
    ],
  );
}

function readContent(bytes: Buffer, type: BodyType, isField: boolean, allowance: Allowance, depth: number): JsonValue {
  switch (type.kind) {
    case "json":
    case "json-lines":
    case "json-seq":
    case "form":
      return valueOr(readBody(bytes, type.kind, type, allowance), bytes);
    case "multipart":
      if (depth >= MULTIPART_MAX_DEPTH) return standInFor(bytes, "not read: too many multiparts in one another");
      return valueOr(readMultipart(bytes, type, allowance, depth + 1), bytes);
    case "text":
    case "markup": {
      const read = readBodyText(bytes, type);
      if (!read.ok) return standInFor(bytes, `not read as text: ${read.why}`);
      // A field is shown as a member of a JSON object would be: its name says whether it is secret.
      if (isField && type.kind === "text") return read.text.replaceAll("\r\n", "\n");
      return textStandIn(read.text, textReadingOf(type));
    }
    case "binary":
    case "unsaid":
      return standInFor(bytes, null);
    default: {
      const never: never = type.kind;
      throw new TypeError(`no such kind: ${String(never)}`);
    }
  }
}

function valueOr(read: BodyRead, bytes: Buffer): JsonValue {
  return read.ok ? read.value : standInFor(bytes, read.why);
}

/** The same text to a reader has the same stand-in, as far as `firstDifference` tells texts apart. */
function textStandIn(text: string, reading: TextReading): string {
  const digest = createHash("sha256");
  const cursor = new TextCursor(text, reading);
  const units = new Uint16Array(Math.min(text.length, DIGEST_STEP_UNITS));
  let filled = 0;
  let count = 0;
  for (let unit = cursor.next(); unit >= 0; unit = cursor.next()) {
    if (filled === units.length) {
      digest.update(units);
      filled = 0;
    }
    units[filled++] = unit;
    count += 1;
  }
  digest.update(units.subarray(0, filled));
  return `text of ${count === 1 ? "1 character" : `${count} characters`}, sha256 ${digest.digest("hex")}`;
}

/** Without what only says how the part is written. */
function spelled({ essence, parameters }: MediaType): string {
  const others = parameters.filter(([name]) => name !== "boundary" && name !== "charset");
  return [
    essence,
    ...others.map(([name, value]) => `${name}=${/^[^\s"\\;]+$/.test(value) ? value : JSON.stringify(value)}`),
  ].join("; ");
}

function unread(why: string): BodyRead {
  return { ok: false, tooMany: false, why };
}
