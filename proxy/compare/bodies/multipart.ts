import { isUtf8 } from "node:buffer";
import { parseParameters } from "../decode.ts";
import { decodeIn } from "./charset.ts";

export interface Part {
  /** Names in lower case; a name's last line counts. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Buffer;
}

export type PartsRead =
  | { readonly ok: true; readonly parts: readonly Part[] }
  | { readonly ok: false; readonly tooMany: boolean; readonly why: string };

/** RFC 2046, 5.1.1. */
const BOUNDARY_MAX_CHARS = 70;
/** Of one part. */
const HEAD_MAX_BYTES = 16 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * The parts of a multipart body (RFC 2046, 5.1), which are views of `bytes`. What comes before the first boundary and after
 * the last says nothing. Line ends may be bare line feeds. A body that does not end in its closing boundary was cut.
 */
export function splitMultipart(bytes: Buffer, boundary: string | null, maxParts: number): PartsRead {
  if (boundary === null || boundary === "") return malformed("its type names no boundary");
  if (boundary.length > BOUNDARY_MAX_CHARS)
    return malformed(`its boundary has more than ${BOUNDARY_MAX_CHARS} characters`);
  const delimiter = Buffer.from(`--${boundary}`, "latin1");
  const parts: Part[] = [];
  let partFrom = -1;
  for (let at = bytes.indexOf(delimiter); at >= 0; at = bytes.indexOf(delimiter, at + 1)) {
    if (at > 0 && bytes[at - 1] !== LF) continue;
    const behind = at + delimiter.length;
    const isClosing = bytes[behind] === DASH && bytes[behind + 1] === DASH;
    const next = lineEnd(bytes, isClosing ? behind + 2 : behind, isClosing);
    // A longer boundary that begins like this one.
    if (next < 0) continue;
    if (partFrom >= 0) {
      if (parts.length === maxParts)
        return { ok: false, tooMany: true, why: `not read as multipart: more than ${maxParts} parts` };
      const part = readPart(bytes.subarray(partFrom, contentEnd(bytes, partFrom, at)));
      if (typeof part === "string") return malformed(`part ${parts.length + 1} ${part}`);
      parts.push(part);
    }
    if (isClosing) return { ok: true, parts };
    partFrom = next;
  }
  return malformed(partFrom < 0 ? "its boundary is not in it" : "its closing boundary is not in it");
}

/** A header's parameters, text in UTF-8: `filename*` (RFC 8187) comes before `filename`. */
export function dispositionOf(part: Part): { readonly name: string | null; readonly filename: string | null } {
  const parameters = new Map(parseParameters(part.headers.get("content-disposition") ?? ""));
  const extended = parameters.get("filename*");
  return {
    name: parameters.get("name") ?? null,
    filename: (extended === undefined ? null : decodeExtended(extended)) ?? parameters.get("filename") ?? null,
  };
}

/** Its content without base64 or quoted-printable (RFC 2045, 6); null: the encoding is another one, or does not decode. */
export function transferDecoded(part: Part): Buffer | null {
  const encoding = part.headers.get("content-transfer-encoding")?.toLowerCase() ?? "";
  switch (encoding) {
    case "":
    case "7bit":
    case "8bit":
    case "binary":
      return part.bytes;
    case "base64":
      return fromBase64(part.bytes.toString("latin1"));
    case "quoted-printable":
      return fromQuotedPrintable(part.bytes.toString("latin1"));
    default:
      return null;
  }
}

function malformed(why: string): PartsRead {
  return { ok: false, tooMany: false, why: `not read as multipart: ${why}` };
}

/** Where the next line begins, or -1 where there is more than padding before it. The last line needs no end. */
function lineEnd(bytes: Buffer, at: number, mayBeLast: boolean): number {
  while (bytes[at] === SPACE || bytes[at] === TAB) at += 1;
  if (mayBeLast && at >= bytes.length) return at;
  if (bytes[at] === CR) at += 1;
  return bytes[at] === LF ? at + 1 : -1;
}

/** The line end before a boundary belongs to the boundary. */
function contentEnd(bytes: Buffer, from: number, delimiterAt: number): number {
  let end = delimiterAt - 1;
  if (bytes[end - 1] === CR) end -= 1;
  return Math.max(from, end);
}

/** A part, or what is wrong with it. */
function readPart(bytes: Buffer): Part | string {
  const headers = new Map<string, string>();
  let name: string | null = null;
  for (let at = 0; at < bytes.length;) {
    let end = bytes.indexOf(LF, at);
    if (end < 0) end = bytes.length;
    if (end > HEAD_MAX_BYTES) return `has headers of more than ${HEAD_MAX_BYTES} bytes`;
    const line = headerText(bytes.subarray(at, end)).replace(/\r$/, "");
    at = end + 1;
    if (line === "") return { headers, bytes: bytes.subarray(Math.min(at, bytes.length)) };
    if (/^[ \t]/.test(line) && name !== null) {
      headers.set(name, `${headers.get(name) ?? ""} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon < 1) return "has a header without a colon";
    name = line.slice(0, colon).trim().toLowerCase();
    headers.set(name, line.slice(colon + 1).trim());
  }
  // Nothing at all is a part without headers and content; headers may end without the empty line where no content follows.
  return { headers, bytes: bytes.subarray(bytes.length) };
}

/** RFC 7578, 5.1: names are sent in UTF-8. */
function headerText(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
}

/** `UTF-8''na%C3%AFve.txt` */
function decodeExtended(value: string): string | null {
  const [, charset = "", encoded = ""] = /^([\w.:-]+)'[^']*'(.*)$/.exec(value) ?? [];
  if (charset === "") return null;
  const bytes = encoded.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  const read = decodeIn(Buffer.from(bytes, "latin1"), charset.toLowerCase());
  return read.ok ? read.text : null;
}

function fromBase64(text: string): Buffer | null {
  const digits = text.replace(/\s+/g, "");
  return digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits) ? Buffer.from(digits, "base64") : null;
}

function fromQuotedPrintable(text: string): Buffer | null {
  // The lookbehind keeps a long run of blanks from being tried from each of its blanks.
  const joined = text.replace(/(?<![ \t])[ \t]+(?=\r?\n|$)/g, "").replace(/=\r?\n/g, "");
  if (/=(?![0-9A-Fa-f]{2})/.test(joined)) return null;
  return Buffer.from(
    joined.replace(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    "latin1",
  );
}
