import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";

export type TextRead =
  | { readonly ok: true; readonly text: string }
  /** `why` in words, without content. */
  | { readonly ok: false; readonly why: string };

/** ASCII and UTF-8 agree where there is only ASCII, and what says ASCII and is more is mostly UTF-8. */
const ASCII: ReadonlySet<string> = new Set(["us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us"]);

const BYTE_ORDER_MARK = 0xfeff;

/** Where a document says its own charset, it does so early (HTML, 4.2.5.4). */
const HEAD_BYTES = 1024;
const XML_ENCODING = /^(?:\xef\xbb\xbf)?<\?xml[^>?]{0,200}?\sencoding\s{0,9}=\s{0,9}["']([\w.:-]{1,40})["']/;
const META_CHARSET = /<meta\s[^>]{0,300}?charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})/i;

/**
 * Text in the charset that its byte order mark says (which is left out), else `charset`, else UTF-8. A sequence of bytes
 * that is none in that charset makes the whole no text: a stand-in character would make different bytes alike.
 */
export function readText(bytes: Buffer, charset: string | null): TextRead {
  const read = decodeIn(bytes, markedCharset(bytes) ?? charset ?? "utf-8");
  return read.ok && read.text.charCodeAt(0) === BYTE_ORDER_MARK ? { ok: true, text: read.text.slice(1) } : read;
}

/** The same in just this charset, with a byte order mark as the character that it is. */
export function decodeIn(bytes: Buffer, label: string): TextRead {
  if (isUtf8Label(label) || (ASCII.has(label) && isUtf8(bytes))) {
    return isUtf8(bytes) ? { ok: true, text: bytes.toString("utf8") } : { ok: false, why: "the bytes are not UTF-8" };
  }
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true });
  } catch {
    return { ok: false, why: `charset ${/^[\w.:-]*/.exec(label)?.[0].slice(0, 40) ?? ""} is not known` };
  }
  try {
    return { ok: true, text: decoder.decode(bytes) };
  } catch {
    return { ok: false, why: `the bytes are not ${decoder.encoding}` };
  }
}

/** Whether these bytes are read as UTF-8: no other charset is said, by a byte order mark or by `charset`. */
export function isReadAsUtf8(bytes: Buffer, charset: string | null): boolean {
  const marked = markedCharset(bytes);
  return marked === null ? charset === null || isUtf8Label(charset) || ASCII.has(charset) : marked === "utf-8";
}

/** What an XML declaration or an HTML `<meta>` says; null: nothing, or what cannot be true where it could be read. */
export function charsetWithin(bytes: Buffer, isHtml: boolean): string | null {
  const head = bytes.toString("latin1", 0, HEAD_BYTES);
  const label = (XML_ENCODING.exec(head) ?? (isHtml ? META_CHARSET.exec(head) : null))?.[1]?.toLowerCase() ?? null;
  return label === null || label.startsWith("utf-16") || label.startsWith("utf-32") ? null : label;
}

function isUtf8Label(label: string): boolean {
  return label === "utf-8" || label === "utf8";
}

function markedCharset(bytes: Buffer): string | null {
  if (hasUtf8Mark(bytes)) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
}

function hasUtf8Mark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
