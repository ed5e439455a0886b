/** Answers as a user's functions see them, and as they give them back. */
import { headerOf, type RawHeaders } from "../exchange.ts";
import { type BodyType, bodyTypeOf } from "./bodies/body-type.ts";
import { readBodyText } from "./bodies/read-body.ts";
import { asBuffer, contentEncodingOf, parseMediaType, undoContentEncoding } from "./decode.ts";
import { type ComparableAnswer, DECODED_MAX_BYTES } from "./diff-answers.ts";
import { kindWords, Nonsense } from "./hook-calls.ts";

/** As docs/compare-module.d.ts has it. */
export interface HookAnswer {
  status: number;
  headers: [name: string, value: string][];
  /** Its content coding undone, where that could be done. A text where it is one; null: empty. */
  body: string | Uint8Array | null;
}

export interface GivenAnswer {
  readonly answer: HookAnswer;
  /** Its body is still in the content coding that the headers say. */
  readonly isCoded: boolean;
}

const MAX_HEADERS = 1_000;

/** Of its own memory, whatever is done to it. null: a function is not given bodies of that size. */
export function giveAnswer({ status, headers, body }: ComparableAnswer): GivenAnswer | null {
  if (body.kind === "digest") return null;
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string]);
  const decoded = undoContentEncoding(body.bytes, contentEncodingOf(headers), DECODED_MAX_BYTES);
  if (decoded.ok ? decoded.bytes.length > DECODED_MAX_BYTES : decoded.tooLarge) return null;
  const bytes = decoded.ok ? decoded.bytes : asBuffer(body.bytes);
  if (bytes.length > DECODED_MAX_BYTES) return null;
  return {
    answer: { status, headers: pairs, body: bodyFor(bytes, decoded.ok ? bodyTypeOf(headers) : null) },
    isCoded: !decoded.ok,
  };
}

function bodyFor(bytes: Buffer, type: BodyType | null): HookAnswer["body"] {
  if (bytes.length === 0) return null;
  if (type !== null && isText(type)) {
    const read = readBodyText(bytes, type);
    if (read.ok) return read.text;
  }
  return new Uint8Array(bytes);
}

function isText({ kind }: BodyType): boolean {
  return kind !== "binary" && kind !== "multipart" && kind !== "unsaid";
}

/**
 * The answer that a function gave back.
 * @throws Nonsense: it is none
 */
export function takeAnswer(returned: unknown, { isCoded }: GivenAnswer): ComparableAnswer {
  if (typeof returned !== "object" || returned === null || Array.isArray(returned) || returned instanceof Promise) {
    throw new Nonsense(`returned ${kindWords(returned)} where an answer is expected`);
  }
  const { status, headers, body } = returned as { readonly [key in keyof HookAnswer]?: unknown };
  if (typeof status !== "number" || !Number.isInteger(status) || status < 100 || status > 999) {
    throw new Nonsense(
      `returned an answer whose status is ${kindWords(status)}; a whole number from 100 to 999 is one`,
    );
  }
  const raw = takeHeaders(headers);
  const isText = typeof body === "string";
  const readAs = raw.flatMap((name, i) =>
    i % 2 === 1 || (!isCoded && name.toLowerCase() === "content-encoding") ? [] : [name, raw[i + 1] as string],
  );
  return {
    status,
    headers: raw,
    body: { kind: "bytes", bytes: takeBody(body) },
    readAs: isText ? inUtf8(readAs) : readAs,
  };
}

function takeHeaders(headers: unknown): RawHeaders {
  if (!Array.isArray(headers)) {
    throw new Nonsense(
      `returned an answer whose headers are ${kindWords(headers)}; a list of [name, value] is expected`,
    );
  }
  if (headers.length > MAX_HEADERS) {
    throw new Nonsense(`returned an answer with ${headers.length} headers; ${MAX_HEADERS} are taken`);
  }
  return headers.flatMap((header: unknown): readonly string[] => {
    if (Array.isArray(header) && header.length === 2) {
      const [name, value] = header as readonly unknown[];
      if (typeof name === "string" && typeof value === "string") return [name, value];
    }
    throw new Nonsense("returned an answer with a header that is no [name, value] of two texts");
  });
}

function takeBody(body: unknown): Buffer {
  if (body === null) return Buffer.alloc(0);
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    throw new Nonsense(`returned an answer whose body is ${kindWords(body)}; a text, a Uint8Array or null is expected`);
  }
  // A text of that many characters has that many bytes at least.
  let bytes: Buffer | null = null;
  if (body.length <= DECODED_MAX_BYTES) {
    // Written as UTF-8, one lone surrogate would be the same as another.
    if (typeof body === "string" && !body.isWellFormed()) {
      throw new Nonsense("returned an answer whose body has half of a surrogate pair");
    }
    bytes = Buffer.from(body as string);
  }
  if (bytes === null || bytes.length > DECODED_MAX_BYTES) {
    throw new Nonsense(`returned an answer whose body has more than ${DECODED_MAX_BYTES} bytes`);
  }
  return bytes;
}

/** A text is written as UTF-8, whatever charset it came in. */
function inUtf8(headers: RawHeaders): RawHeaders {
  const type = parseMediaType(headerOf(headers, "content-type"));
  if (type === null) return headers;
  const parameters = type.parameters
    .filter(([name]) => name !== "charset")
    .map(([name, value]) => `; ${name}="${value.replace(/["\\]/g, "\\$&")}"`);
  const others = headers.flatMap((name, i) =>
    i % 2 === 1 || name.toLowerCase() === "content-type" ? [] : [name, headers[i + 1] as string],
  );
  return [...others, "content-type", `${type.essence}${parameters.join("")}; charset=utf-8`];
}
