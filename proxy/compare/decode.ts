import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from "node:zlib";
import type { RawHeaders } from "../exchange.ts";

export type Decoded =
  | { readonly ok: true; readonly bytes: Buffer }
  /** `tooLarge`: the output passes the bound; `why` in words. */
  | { readonly ok: false; readonly tooLarge: boolean; readonly why: string };

/** More codings than this on one body are an attack or a mistake; each one could multiply the size by a thousand. */
const MAX_CODINGS = 4;

/**
 * A stream of many frames is one body (RFC 8878, 3.1). Each frame costs about 10 µs, however small it is: a few may be small,
 * beyond those they must hold this much each.
 */
const SMALL_ZSTD_FRAMES = 32;
const ZSTD_FRAME_BYTES = 256;

/** What a coding gave, and how many of its bytes it took to the end of its stream. */
interface Undone {
  readonly bytes: Buffer;
  readonly consumed: number;
  /** Why it ended there, where that is not the stream's own end. */
  readonly why?: string;
}

type Undo = (bytes: Uint8Array, maxBytes: number) => Undone;
type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number; info: boolean }) => unknown;

const CODINGS: ReadonlyMap<string, Undo> = new Map<string, Undo>([
  ["gzip", undoGzip],
  ["deflate", undoDeflate],
  ["br", (bytes, maxBytes) => run(brotliDecompressSync, bytes, maxBytes)],
  ["zstd", undoZstd],
]);

/** RFC 9110, 8.4.1: what old senders call them. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["x-gzip", "gzip"],
  ["x-compress", "compress"],
]);

/** With `info`, Node also hands out the engine, which knows where the stream ended: what follows it is not part of it. */
function run(inflate: Inflate, bytes: Uint8Array, maxBytes: number): Undone {
  const { buffer, engine } = inflate(bytes, { maxOutputLength: maxBytes, info: true }) as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
  return { bytes: buffer, consumed: engine.bytesWritten };
}

/** Members that follow one another are one body (RFC 1952, 2.2); zeros behind the last are padding, as gzip has it. */
function undoGzip(bytes: Uint8Array, maxBytes: number): Undone {
  const undone = run(gunzipSync, bytes, maxBytes);
  let end = bytes.length;
  while (end > undone.consumed && bytes[end - 1] === 0) end -= 1;
  return end === undone.consumed ? { ...undone, consumed: bytes.length } : undone;
}

/** `deflate` means zlib; some servers send bare deflate, which may by chance begin like zlib. */
function undoDeflate(bytes: Uint8Array, maxBytes: number): Undone {
  if (!hasZlibHeader(bytes)) return run(inflateRawSync, bytes, maxBytes);
  try {
    return run(inflateSync, bytes, maxBytes);
  } catch (error) {
    if (isTooLarge(error)) throw error;
    return run(inflateRawSync, bytes, maxBytes);
  }
}

/** Node ends at the end of the first frame. */
function undoZstd(bytes: Uint8Array, maxBytes: number): Undone {
  const frames: Buffer[] = [];
  let consumed = 0;
  let length = 0;
  while (consumed < bytes.length) {
    if (frames.length >= SMALL_ZSTD_FRAMES + consumed / ZSTD_FRAME_BYTES) {
      return {
        bytes: Buffer.concat(frames),
        consumed,
        why: `zstd in too many small frames, ${frames.length} of them in ${consumed} bytes`,
      };
    }
    // A frame may be empty, so there is always room for a byte; one byte too many is found below.
    const frame = run(zstdDecompressSync, bytes.subarray(consumed), Math.max(1, maxBytes - length));
    if (frame.consumed === 0) break;
    frames.push(frame.bytes);
    consumed += frame.consumed;
    length += frame.bytes.length;
    if (length > maxBytes) throw Object.assign(new Error("too large"), { code: TOO_LARGE });
  }
  return { bytes: frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames, length), consumed };
}

const TOO_LARGE = "ERR_BUFFER_TOO_LARGE";

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === TOO_LARGE;
}

/**
 * Undoes a Content-Encoding, last coding first (RFC 9110, 8.4). `maxBytes` bounds the output of every step, so that a bomb
 * costs no more than an honest body. Bytes behind the end of a stream make it invalid: left out, two bodies that differ there
 * would be the same. An empty body stays empty: answers to HEAD and 304 carry the header without one.
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
      const undone = undo(decoded, maxBytes);
      const left = decoded.length - undone.consumed;
      if (left > 0) {
        const why =
          undone.why ?? `is not valid ${coding}: ${left} ${left === 1 ? "byte follows" : "bytes follow"} its end`;
        return { ok: false, tooLarge: false, why };
      }
      decoded = undone.bytes;
    } catch (error) {
      const tooLarge = isTooLarge(error);
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

/** In the order in which they were applied, each by its one name; `identity` says nothing. */
export function codingsOf(contentEncoding: string | null): string[] {
  if (contentEncoding === null) return [];
  const codings = contentEncoding.split(",").map((coding) => coding.trim().toLowerCase());
  return codings
    .filter((coding) => coding !== "" && coding !== "identity")
    .map((coding) => ALIASES.get(coding) ?? coding);
}

/** RFC 1950, 2.2. */
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
  return { essence, parameters: parseParameters(contentType) };
}

/** Those of a header value, whatever comes before its first semicolon; as in `MediaType`. */
export function parseParameters(headerValue: string): MediaType["parameters"] {
  const parameters: [string, string][] = [];
  // RFC 9110, 5.6.6: name=token or name="quoted \" string".
  for (const match of headerValue.matchAll(/;\s*([^\s=;]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g)) {
    parameters.push([(match[1] as string).toLowerCase(), match[2]?.replace(/\\(.)/g, "$1") ?? (match[3] as string)]);
  }
  return parameters.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Also what AWS calls its JSON: `application/x-amz-json-1.1`. */
export function isJsonType(essence: string): boolean {
  return (
    essence === "application/json" ||
    essence === "text/json" ||
    (essence.endsWith("+json") && essence !== "application/stream+json") ||
    essence.startsWith("application/x-amz-json-")
  );
}
