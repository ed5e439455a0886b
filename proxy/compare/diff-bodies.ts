import type { RawHeaders } from "../exchange.ts";
import { printExact } from "../json/print-exact.ts";
import { type BodyKind, type BodyType, bodyTypeOf } from "./bodies/body-type.ts";
import {
  type Allowance,
  type BodyRead,
  readBody,
  readBodyText,
  readJsonBodies,
  type StructuredKind,
  textReadingOf,
} from "./bodies/read-body.ts";
import type { TextRead } from "./bodies/charset.ts";
import { firstDifference, type TextReading } from "./bodies/text-cursor.ts";
import { placeInText } from "./bodies/text-place.ts";
import { countOf, digestWords, sha256Of, shownDigest } from "./bodies/unread.ts";
import { asBuffer, codingsOf, contentEncodingOf, type Decoded, undoContentEncoding } from "./decode.ts";
import { diffJson } from "./diff-json.ts";
import type { Findings } from "./findings.ts";

export type ComparableBody =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** Too large to be kept: told apart by digest and length only. */
  | { readonly kind: "digest"; readonly sha256: string; readonly length: number };

/** One side's body with the headers that say how to read it. */
export interface BodySide {
  readonly headers: RawHeaders;
  readonly body: ComparableBody;
}

/**
 * `bytes` and `codings` are the same on both sides: nothing need be decoded. Linear in the length where lengths are equal.
 */
export function sameBytes(primary: BodySide, shadow: BodySide): boolean {
  const a = primary.body;
  const b = shadow.body;
  if (a.kind !== "bytes" || b.kind !== "bytes" || a.bytes.length !== b.bytes.length) return false;
  return asBuffer(a.bytes).equals(b.bytes) && (a.bytes.length === 0 || codings(primary) === codings(shadow));
}

/** Parts of a multipart, and lines that are no JSON, on the event loop (each may cost 10 µs) and in a worker. */
const INLINE_MAX_PIECES = 32;
const WORKER_MAX_PIECES = 10_000;

/** One side's body, decoded, and how it is to be read. */
interface Readable {
  readonly bytes: Buffer;
  readonly type: BodyType;
}

/**
 * Compares two bodies that are not `sameBytes`: decoded, and read as what both sides say they are (docs/comparing-bodies.md);
 * what one of them is not is compared as text, or as bytes, and the finding says so. `maxBytes` bounds what is decoded or
 * read, per side; false: a side is beyond what is read and `beyond` is "give-up" (nothing was found out). With "as-bytes"
 * such bodies are compared undecoded, or as bytes, and the finding says so.
 */
export function diffBodies(
  primary: BodySide,
  shadow: BodySide,
  findings: Findings,
  maxBytes: number,
  beyond: "give-up" | "as-bytes",
): boolean {
  const a = primary.body;
  const b = shadow.body;
  if (a.kind === "digest" || b.kind === "digest") {
    diffDigests(primary, shadow, findings);
    return true;
  }
  const decodedA = undoContentEncoding(a.bytes, contentEncodingOf(primary.headers), maxBytes);
  const decodedB = undoContentEncoding(b.bytes, contentEncodingOf(shadow.headers), maxBytes);
  if (beyond === "give-up" && (isBeyond(decodedA, maxBytes) || isBeyond(decodedB, maxBytes))) return false;
  if (!decodedA.ok || !decodedB.ok) {
    if (!sameBytes(primary, shadow)) diffUndecoded(a.bytes, b.bytes, decodedA, decodedB, findings);
    return true;
  }
  if (decodedA.bytes.equals(decodedB.bytes)) return true;
  const readableA = { bytes: decodedA.bytes, type: bodyTypeOf(primary.headers) };
  const readableB = { bytes: decodedB.bytes, type: bodyTypeOf(shadow.headers) };
  const maxPieces = beyond === "give-up" ? INLINE_MAX_PIECES : WORKER_MAX_PIECES;
  return diffReadable(readableA, readableB, findings, { maxBytes, maxPieces, mayGiveUp: beyond === "give-up" });
}

interface Bounds {
  readonly maxBytes: number;
  readonly maxPieces: number;
  readonly mayGiveUp: boolean;
}

/** As `diffBodies`. */
function diffReadable(a: Readable, b: Readable, findings: Findings, bounds: Bounds): boolean {
  const kind = sharedKind(a.type.kind, b.type.kind);
  if (kind === "binary") {
    diffBytes(a, b, null, null, findings);
    return true;
  }
  if (kind === "text" || kind === "markup") {
    diffTexts(a, b, null, null, findings, bounds);
    return true;
  }
  const asKind: StructuredKind = kind === "unsaid" ? "json" : kind;
  const [readA, readB] = readBoth(a, b, asKind, bounds);
  if (bounds.mayGiveUp && (isTooMany(readA) || isTooMany(readB))) return false;
  if (readA.ok && readB.ok && a.bytes.length > 0 && b.bytes.length > 0) diffJson(readA.value, readB.value, findings);
  // Nobody said that it is JSON, so it is no wonder that it is not.
  else if (kind === "unsaid") diffBytes(a, b, readA.ok ? readA : null, readB.ok ? readB : null, findings);
  else if (mayBeText(a.type.kind) && mayBeText(b.type.kind)) diffTexts(a, b, readA, readB, findings, bounds);
  else diffBytes(a, b, readA, readB, findings);
  return true;
}

/**
 * What both are read as. JSON where a side says so, for the other may have said too little; so with a side that says nothing.
 * Texts of two kinds are just text, and anything else is bytes.
 */
function sharedKind(a: BodyKind, b: BodyKind): BodyKind {
  if (a === b || b === "unsaid") return a;
  if (a === "unsaid") return b;
  if (a === "json" || b === "json") return "json";
  return mayBeText(a) && mayBeText(b) ? "text" : "binary";
}

function mayBeText(kind: BodyKind): boolean {
  return kind !== "binary" && kind !== "multipart";
}

function codings(side: BodySide): string {
  return codingsOf(contentEncodingOf(side.headers)).join();
}

function isBeyond(decoded: Decoded, maxBytes: number): boolean {
  return decoded.ok ? decoded.bytes.length > maxBytes : decoded.tooLarge;
}

function readBoth(a: Readable, b: Readable, kind: StructuredKind, bounds: Bounds): readonly [BodyRead, BodyRead] {
  if (kind === "json" && Math.max(a.bytes.length, b.bytes.length) <= bounds.maxBytes) return readJsonBodies(a, b);
  return [readBounded(a, kind, bounds), readBounded(b, kind, bounds)];
}

function readBounded({ bytes, type }: Readable, kind: StructuredKind, { maxBytes, maxPieces }: Bounds): BodyRead {
  const name = kind === "form" || kind === "multipart" ? kind : "JSON";
  if (bytes.length > maxBytes)
    return { ok: false, tooMany: false, why: `more than ${maxBytes} bytes are not read as ${name}` };
  const allowance: Allowance = { pieces: maxPieces };
  return readBody(bytes, kind, type, allowance);
}

function isTooMany(read: BodyRead): boolean {
  return !read.ok && read.tooMany;
}

/**
 * Text against text, told by the place of the first difference; none of it is quoted (text-place.ts). Falls back to bytes
 * where a side is no text. `read`: what came of reading it as something else before.
 */
function diffTexts(
  a: Readable,
  b: Readable,
  readA: BodyRead | null,
  readB: BodyRead | null,
  findings: Findings,
  { maxBytes }: Bounds,
): void {
  const textA = readTextBounded(a, maxBytes);
  const textB = readTextBounded(b, maxBytes);
  if (a.bytes.length === 0 || b.bytes.length === 0 || !textA.ok || !textB.ok) {
    diffBytes(a, b, readA ?? noText(textA), readB ?? noText(textB), findings);
    return;
  }
  const at = firstDifference(textA.text, textB.text, sharedReading(a.type, b.type));
  if (at === null) {
    // The same text, which one type lets be read and the other does not.
    if (readA?.ok !== readB?.ok) diffBytes(a, b, readA, readB, findings);
    return;
  }
  findings.body(
    "body",
    `${words(a, readA)}, differs ${placeInText(textA.text, at.a)}`,
    `${words(b, readB)}, differs ${placeInText(textB.text, at.b)}`,
  );
}

function readTextBounded({ bytes, type }: Readable, maxBytes: number): TextRead {
  if (bytes.length > maxBytes) return { ok: false, why: `more than ${maxBytes} bytes` };
  return readBodyText(bytes, type);
}

function noText(text: TextRead): BodyRead | null {
  return text.ok ? null : { ok: false, tooMany: false, why: `not read as text: ${text.why}` };
}

/** White space between tags is left out only where both are markup, or a side does not say what it is. */
function sharedReading(a: BodyType, b: BodyType): TextReading {
  const readings = [a, b].filter(({ kind }) => kind !== "unsaid").map(textReadingOf);
  if (readings.includes("plain")) return "plain";
  return readings.includes("html") ? "html" : "xml";
}

/** Bytes against bytes, told in words: a body may hold anything, so no part of it is quoted. */
function diffBytes(a: Readable, b: Readable, readA: BodyRead | null, readB: BodyRead | null, findings: Findings): void {
  if (a.bytes.length === 0) {
    findings.body("extra", null, readB?.ok === true ? printExact(readB.value) : words(b, readB));
  } else if (b.bytes.length === 0) {
    findings.body("missing", readA?.ok === true ? printExact(readA.value) : words(a, readA), null);
  } else {
    findings.body(
      "body",
      `${words(a, readA)}${digestWords(a.bytes)}`,
      `${words(b, readB)}${digestWords(b.bytes)}, differs from byte ${firstDifferentByte(a.bytes, b.bytes)}`,
    );
  }
}

/** Begins as redaction knows it (COMPARE_WORDS): these are no JSON text and name no content. */
function words({ bytes }: Readable, read: BodyRead | null): string {
  return `${countOf(bytes.length)}${read === null || read.ok ? "" : `, ${read.why}`}`;
}

function diffUndecoded(a: Uint8Array, b: Uint8Array, decodedA: Decoded, decodedB: Decoded, findings: Findings): void {
  const told = (bytes: Uint8Array, decoded: Decoded): string =>
    `${countOf(bytes.length)}, ${decoded.ok ? "decodes" : `compared undecoded: ${decoded.why}`}`;
  findings.body("body", told(a, decodedA), told(b, decodedB));
}

function diffDigests(primary: BodySide, shadow: BodySide, findings: Findings): void {
  const lengthA = lengthOf(primary.body);
  const lengthB = lengthOf(shadow.body);
  if (lengthA !== lengthB) {
    findings.body("length", String(lengthA), String(lengthB));
    return;
  }
  const digestA = digestOf(primary.body);
  const digestB = digestOf(shadow.body);
  const codingA = codings(primary);
  const codingB = codings(shadow);
  if (digestA === digestB && codingA === codingB) return;
  const told = (digest: string, coding: string): string =>
    `${countOf(lengthA)}${coding === "" ? "" : ` of ${coding}`}, ${shownDigest(digest)}`;
  findings.body("body", told(digestA, codingA), told(digestB, codingB));
}

function lengthOf(body: ComparableBody): number {
  return body.kind === "digest" ? body.length : body.bytes.length;
}

function digestOf(body: ComparableBody): string {
  return body.kind === "digest" ? body.sha256.toLowerCase() : sha256Of(body.bytes);
}

function firstDifferentByte(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a[at] === b[at]) at += 1;
  return at;
}
