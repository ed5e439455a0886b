import { createHash } from "node:crypto";
import type { RawHeaders } from "../exchange.ts";
import { parseExact, type ReadResult } from "../json/parse-exact.ts";
import { parsePair } from "../json/parse-pair.ts";
import { printExact } from "../json/print-exact.ts";
import { asBuffer, bodyFormOf, codingsOf, contentEncodingOf, type Decoded, undoContentEncoding } from "./decode.ts";
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

/**
 * Compares two bodies that are not `sameBytes`: decoded; as JSON where a side says it is JSON (or neither says anything)
 * and both parse; else byte by byte. `maxBytes` bounds what is decoded or parsed, per side; false: a side is beyond it and
 * `beyond` is "give-up" (nothing was found out). With "as-bytes" such bodies are compared undecoded and the finding says so.
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
    diffUndecoded(a.bytes, b.bytes, decodedA, decodedB, findings);
    return true;
  }
  const bytesA = decodedA.bytes;
  const bytesB = decodedB.bytes;
  if (bytesA.equals(bytesB)) return true;
  const forms = [bodyFormOf(primary.headers), bodyFormOf(shadow.headers)];
  const saidJson = forms.includes("json");
  if (!saidJson && forms.includes("other")) {
    diffBytes(bytesA, bytesB, null, null, findings);
    return true;
  }
  const [jsonA, jsonB] = readJsonPair(bytesA, bytesB, maxBytes);
  if (jsonA.ok && jsonB.ok) diffJson(jsonA.value, jsonB.value, findings);
  else diffBytes(bytesA, bytesB, saidJson ? jsonA : null, saidJson ? jsonB : null, findings);
  return true;
}

function codings(side: BodySide): string {
  return codingsOf(contentEncodingOf(side.headers)).join();
}

function isBeyond(decoded: Decoded, maxBytes: number): boolean {
  return decoded.ok ? decoded.bytes.length > maxBytes : decoded.tooLarge;
}

function readJsonPair(a: Buffer, b: Buffer, maxBytes: number): readonly [ReadResult, ReadResult] {
  if (a.length <= maxBytes && b.length <= maxBytes) return parsePair(a, b);
  return [readJson(a, maxBytes), readJson(b, maxBytes)];
}

function readJson(bytes: Buffer, maxBytes: number): ReadResult {
  if (bytes.length > maxBytes)
    return { ok: false, offset: maxBytes, why: `more than ${maxBytes} bytes are not read as JSON` };
  return parseExact(bytes);
}

/** Bytes against bytes, told in words: a body may hold anything, so no part of it is quoted. */
function diffBytes(a: Buffer, b: Buffer, readA: ReadResult | null, readB: ReadResult | null, findings: Findings): void {
  const wordsA = `${count(a.length)}${notJson(readA)}`;
  const wordsB = `${count(b.length)}${notJson(readB)}`;
  if (a.length === 0) {
    findings.body("extra", null, readB?.ok === true ? printExact(readB.value) : wordsB);
  } else if (b.length === 0) {
    findings.body("missing", readA?.ok === true ? printExact(readA.value) : wordsA, null);
  } else {
    findings.body("body", wordsA, `${wordsB}, differs from byte ${firstDifference(a, b)}`);
  }
}

function diffUndecoded(a: Uint8Array, b: Uint8Array, decodedA: Decoded, decodedB: Decoded, findings: Findings): void {
  const words = (bytes: Uint8Array, decoded: Decoded): string =>
    `${count(bytes.length)}, ${decoded.ok ? "decodes" : `compared undecoded: ${decoded.why}`}`;
  if (asBuffer(a).equals(b) && !decodedA.ok && !decodedB.ok) return;
  findings.body("body", words(a, decodedA), words(b, decodedB));
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
  const words = (digest: string, coding: string): string =>
    `${count(lengthA)}${coding === "" ? "" : ` of ${coding}`}, sha256 ${digest.slice(0, 16)}…`;
  findings.body("body", words(digestA, codingA), words(digestB, codingB));
}

function lengthOf(body: ComparableBody): number {
  return body.kind === "digest" ? body.length : body.bytes.length;
}

function digestOf(body: ComparableBody): string {
  return body.kind === "digest" ? body.sha256.toLowerCase() : createHash("sha256").update(body.bytes).digest("hex");
}

function count(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

function notJson(read: ReadResult | null): string {
  return read === null || read.ok ? "" : `, not JSON at byte ${read.offset}: ${read.why}`;
}

function firstDifference(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a[at] === b[at]) at += 1;
  return at;
}
