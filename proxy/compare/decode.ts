import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { headerOf, type RawHeaders } from "../exchange.ts";

export type Decoded =
  | { readonly ok: true; readonly bytes: Buffer }
  /** `tooLarge`: the output passes the bound; `why` in words. */
  | { readonly ok: false; readonly tooLarge: boolean; readonly why: string };

/** More codings than this on one body are an attack or a mistake; each one could multiply the size by a thousand. */
const MAX_CODINGS = 4;

type Undo = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;

const CODINGS: ReadonlyMap<string, Undo> = new Map<string, Undo>([
  ["gzip", gunzipSync],
  ["x-gzip", gunzipSync],
  [
    "deflate",
    (bytes, options) => (hasZlibHeader(bytes) ? inflateSync(bytes, options) : inflateRawSync(bytes, options)),
  ],
  ["br", brotliDecompressSync],
  ["zstd", zstdDecompressSync],
]);

/**
 * Undoes a Content-Encoding, last coding first (RFC 9110, 8.4). `maxBytes` bounds the output of every step, so that a bomb
 * costs no more than an honest body. An empty body stays empty: answers to HEAD and 304 carry the header without one.
 */
export function undoContentEncoding(bytes: Uint8Array, contentEncoding: string | null, maxBytes: number): Decoded {
  let decoded = asBuffer(bytes);
  const codings = codingsOf(contentEncoding);
  if (codings.length > MAX_CODINGS)
    return { ok: false, tooLarge: false, why: `more than ${MAX_CODINGS} content codings` };
  if (decoded.length === 0) return { ok: true, bytes: decoded };
  for (const coding of codings.reverse()) {
    const undo = CODINGS.get(coding);
    if (undo === undefined)
      return { ok: false, tooLarge: false, why: `content coding ${coding.slice(0, 32)} is not known` };
    try {
      decoded = undo(decoded, { maxOutputLength: maxBytes });
    } catch (error) {
      const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
      return {
        ok: false,
        tooLarge,
        why: tooLarge ? `${coding} gives more than ${maxBytes} bytes` : `is not valid ${coding}`,
      };
    }
  }
  return { ok: true, bytes: decoded };
}

/** The decoded body, or null where it cannot be had within `maxBytes`. */
export function decodeContent(bytes: Uint8Array, contentEncoding: string | null, maxBytes: number): Buffer | null {
  const decoded = undoContentEncoding(bytes, contentEncoding, maxBytes);
  return decoded.ok ? decoded.bytes : null;
}

/** All Content-Encoding lines of an answer as one list, or null. */
export function contentEncodingOf(headers: RawHeaders): string | null {
  let list: string | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 16 || name.toLowerCase() !== "content-encoding") continue;
    list = list === null ? (headers[i + 1] as string) : `${list},${headers[i + 1] as string}`;
  }
  return list;
}

/** In the order in which they were applied; `identity` says nothing. */
export function codingsOf(contentEncoding: string | null): string[] {
  if (contentEncoding === null) return [];
  const codings = contentEncoding.split(",").map((coding) => coding.trim().toLowerCase());
  return codings.filter((coding) => coding !== "" && coding !== "identity");
}

/** RFC 1950, 2.2: `deflate` means zlib; some servers send bare deflate, whose first bytes fail this check. */
function hasZlibHeader(bytes: Uint8Array): boolean {
  const cmf = bytes[0] ?? 0;
  return (cmf & 0x0f) === 8 && ((cmf << 8) | (bytes[1] ?? 0)) % 31 === 0;
}

/** The same memory seen as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly essence: string;
  /** Names in lower case, values unquoted; sorted by name. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** null: no Content-Type, or one that is not `type/subtype`. */
export function parseMediaType(contentType: string | null): MediaType | null {
  if (contentType === null) return null;
  const essence = (/^[^;]*/.exec(contentType)?.[0] ?? "").trim().toLowerCase();
  if (!/^[^\s/]+\/[^\s/]+$/.test(essence)) return null;
  const parameters: [string, string][] = [];
  // RFC 9110, 5.6.6: name=token or name="quoted \" string".
  for (const match of contentType.matchAll(/;\s*([^\s=;]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g)) {
    parameters.push([(match[1] as string).toLowerCase(), match[2]?.replace(/\\(.)/g, "$1") ?? (match[3] as string)]);
  }
  return { essence, parameters: parameters.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) };
}

export function isJsonType(essence: string): boolean {
  return essence === "application/json" || essence === "text/json" || essence.endsWith("+json");
}

/** What an answer says its body is: `unsaid` where it has no Content-Type. */
export function bodyFormOf(headers: RawHeaders): "json" | "other" | "unsaid" {
  const contentType = headerOf(headers, "content-type");
  if (contentType === null) return "unsaid";
  const type = parseMediaType(contentType);
  return type !== null && isJsonType(type.essence) ? "json" : "other";
}
