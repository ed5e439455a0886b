import { parseExact } from "../../json/parse-exact.ts";
import type { JsonValue } from "../../json/value.ts";
import { standInFor } from "./unread.ts";

/** null: more documents than `maxUnread` could not be read. */
export type DocumentsRead = readonly JsonValue[] | null;

const RECORD_SEPARATOR = "\x1e";

/**
 * One document a line, as an array. Empty lines do not count. A line that is not JSON becomes a string that says so, so
 * that the other lines are still compared; no document is likely to say the same, digest included.
 */
export function readJsonLines(text: string, maxUnread: number): DocumentsRead {
  const documents = new Documents(maxUnread);
  for (let from = 0; from < text.length;) {
    let to = text.indexOf("\n", from);
    if (to < 0) to = text.length;
    const line = text.slice(from, to);
    if (!isBlank(line) && !documents.add(line.endsWith("\r") ? line.slice(0, -1) : line, null)) return null;
    from = to + 1;
  }
  return documents.read;
}

/** A JSON text sequence (RFC 7464): each document behind a record separator and before a line end. Else as with lines. */
export function readJsonSequence(text: string, maxUnread: number): DocumentsRead {
  const documents = new Documents(maxUnread);
  let isBeforeFirst = true;
  for (let from = 0; from <= text.length;) {
    let to = text.indexOf(RECORD_SEPARATOR, from);
    if (to < 0) to = text.length;
    const record = text.slice(from, to);
    const why = isBeforeFirst ? "not behind a record separator" : endsItself(record) ? null : CUT;
    if (!isBlank(record) && !documents.add(record, why)) return null;
    isBeforeFirst = false;
    from = to + 1;
  }
  return documents.read;
}

const CUT = "not JSON: it may have been cut at its end";

/** Section 2.4: without white space behind it, `12` may be what is left of `123`. */
function endsItself(record: string): boolean {
  return /[\s"\]}]/.test(record.charAt(record.length - 1));
}

class Documents {
  readonly read: JsonValue[] = [];
  #unreadLeft: number;

  constructor(maxUnread: number) {
    this.#unreadLeft = maxUnread;
  }

  /** `why` it is no document, if that is known already. False: too many are none. */
  add(text: string, why: string | null): boolean {
    const result = why === null ? parseExact(text) : null;
    if (result?.ok === true) {
      this.read.push(result.value);
      return true;
    }
    const words = result === null ? why : `not JSON at character ${result.offset}: ${result.why}`;
    this.read.push(standInFor(Buffer.from(text), words));
    this.#unreadLeft -= 1;
    return this.#unreadLeft >= 0;
  }
}

function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return false;
  }
  return true;
}
