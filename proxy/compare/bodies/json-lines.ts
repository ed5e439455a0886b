import { parseExact } from "../../json/parse-exact.ts";
import type { JsonValue } from "../../json/value.ts";
import { standInFor } from "./unread.ts";

const RECORD_SEPARATOR = "\x1e";

/**
 * One document a line, as an array. Empty lines do not count. A line that is not JSON becomes a string that says so, so
 * that the other lines are still compared; no document is likely to say the same, digest included.
 */
export function readJsonLines(text: string): JsonValue[] {
  const documents: JsonValue[] = [];
  for (let from = 0; from < text.length;) {
    let to = text.indexOf("\n", from);
    if (to < 0) to = text.length;
    const line = text.slice(from, to);
    if (!isBlank(line)) documents.push(readDocument(line.endsWith("\r") ? line.slice(0, -1) : line));
    from = to + 1;
  }
  return documents;
}

/** A JSON text sequence (RFC 7464): each document behind a record separator and before a line end. Else as with lines. */
export function readJsonSequence(text: string): JsonValue[] {
  const documents: JsonValue[] = [];
  let isFirst = true;
  for (let from = 0; from <= text.length;) {
    let to = text.indexOf(RECORD_SEPARATOR, from);
    if (to < 0) to = text.length;
    const record = text.slice(from, to);
    if (!isBlank(record)) {
      documents.push(isFirst ? unread(record, "not behind a record separator") : readRecord(record));
    }
    isFirst = false;
    from = to + 1;
  }
  return documents;
}

/** Section 2.4: without white space behind it, `12` may be what is left of `123`. */
function readRecord(record: string): JsonValue {
  const value = readDocument(record);
  const last = record.charAt(record.length - 1);
  const endsItself = /[\s"\]}]/.test(last);
  return endsItself || typeof value === "string" ? value : unread(record, "not JSON: it may have been cut at its end");
}

function readDocument(text: string): JsonValue {
  const read = parseExact(text);
  return read.ok ? read.value : unread(text, `not JSON at character ${read.offset}: ${read.why}`);
}

function unread(text: string, why: string): string {
  return standInFor(Buffer.from(text), why);
}

function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return false;
  }
  return true;
}
