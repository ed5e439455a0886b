/** What an answer's head says, read from its text (RFC 9110, RFC 9112). Pure. */
import type { RawHeaders } from "../exchange.ts";

/** What came is no HTTP answer that can be passed on; the connection cannot be used any more. */
export class InvalidAnswer extends Error {}

/** 2^52: what a number counts without rounding, with room for one more digit. */
export const MAX_SIZE = 2 ** 52;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CR = 0x0d;

/** `HTTP/1.1 200 OK`; the phrase may be empty, and its blank with it. */
export function statusOf(line: string): number {
  const status = Number(line.slice(9, 12));
  const shape =
    line.startsWith("HTTP/1.") &&
    (line.charCodeAt(7) === 0x31 || line.charCodeAt(7) === 0x30) &&
    line.charCodeAt(8) === 0x20 &&
    (line.length === 12 || line.charCodeAt(12) === 0x20);
  if (!shape || !/^\d\d\d$/.test(line.slice(9, 12)) || status < 100) {
    throw new InvalidAnswer(
      `the answer begins with ${JSON.stringify(line.slice(0, 60))}, which is no HTTP/1.1 status line`,
    );
  }
  return status;
}

/** Field lines from `at` to the end of a section, without the blanks around values. */
export function parseFields(text: string, from: number): RawHeaders {
  const headers: string[] = [];
  for (let at = from; at < text.length;) {
    const lf = text.indexOf("\n", at);
    let end = lf > at && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf;
    if (end === at) break;
    if (isBlank(text.charCodeAt(at))) {
      if (headers.length === 0) throw new InvalidAnswer("the answer's first header line is folded");
      const lines = [headers.pop() as string];
      for (; isBlank(text.charCodeAt(at)); at = text.indexOf("\n", at) + 1) {
        lines.push(withoutBlanks(withoutCr(text, at, text.indexOf("\n", at))));
      }
      headers.push(withoutBlanks(lines.join(" ")));
      continue;
    }
    const colon = text.indexOf(":", at);
    const name = colon === -1 || colon > end ? "" : text.slice(at, colon);
    if (!TOKEN.test(name)) {
      throw new InvalidAnswer(
        `the answer has a header line without a valid name: ${JSON.stringify(text.slice(at, Math.min(end, at + 60)))}`,
      );
    }
    let begin = colon + 1;
    while (begin < end && isBlank(text.charCodeAt(begin))) begin++;
    while (end > begin && isBlank(text.charCodeAt(end - 1))) end--;
    headers.push(name, text.slice(begin, end));
    at = lf + 1;
  }
  return headers;
}

export function withoutCr(text: string, from: number, lf: number): string {
  return text.slice(from, lf > from && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf);
}

/**
 * Not trim(): it takes away what is no blank to others, such as 0xa0. Not by a pattern: one that looks for blanks before
 * the end takes the square of their number, minutes for a head of nothing else.
 */
function withoutBlanks(text: string): string {
  let begin = 0;
  let end = text.length;
  while (begin < end && isBlank(text.charCodeAt(begin))) begin++;
  while (end > begin && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(begin, end);
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** A second length must say the same: two readers could otherwise see two bodies. */
export function lengthOf(value: string, earlier: number): number {
  const length = /^\d{1,16}$/.test(value) ? Number(value) : -1;
  if (length === -1 || length > MAX_SIZE) {
    throw new InvalidAnswer(`the answer's Content-Length is ${JSON.stringify(value.slice(0, 40))}`);
  }
  if (earlier !== -1 && earlier !== length) throw new InvalidAnswer("the answer has two different Content-Length");
  return length;
}

/** Of any other name a client could believe that it is chunks, or that it is not (RFC 9112, 7). */
const CODINGS: ReadonlySet<string> = new Set([
  "chunked",
  "gzip",
  "x-gzip",
  "deflate",
  "compress",
  "x-compress",
  "identity",
]);

export function isChunkedLast(coding: string): boolean {
  const codings = coding.split(",").map((part) => withoutBlanks(part).toLowerCase());
  if (!codings.every((name) => CODINGS.has(name))) {
    throw new InvalidAnswer(`the answer's Transfer-Encoding is ${JSON.stringify(coding.slice(0, 40))}`);
  }
  const at = codings.indexOf("chunked");
  if (at === -1) return false;
  if (at !== codings.length - 1) throw new InvalidAnswer("chunked is not the last transfer coding of the answer");
  return true;
}

export function keepsAlive(options: string, isOneOne: boolean): boolean {
  const named = options.split(",").map((option) => option.trim());
  return isOneOne ? !named.includes("close") : named.includes("keep-alive") && !named.includes("close");
}

export function keepAliveSecondsOf(value: string): number {
  const found = /(?:^|[,\s])timeout\s*=\s*"?(\d{1,6})/i.exec(value);
  return found === null ? -1 : Number(found[1]);
}
