/** What a client received, read as answers by the letter of RFC 9112. */
import { valuesOf } from "./readings.ts";

export interface ReadAnswer {
  readonly status: number;
  /** Flat, names in lower case. */
  readonly headers: readonly string[];
  readonly body: string;
  /** false: the bytes end within it. */
  readonly whole: boolean;
}

export interface ReadAnswers {
  /** Final ones; the last may not be whole. */
  readonly answers: readonly ReadAnswer[];
  readonly interim: readonly number[];
  /** What is left that is no answer to any request. */
  readonly surplus: string;
}

/** `methods`: of the requests on this connection, in order. `closed`: the connection has ended, in order. */
export function readAnswers(text: string, methods: readonly string[], closed: boolean): ReadAnswers {
  const answers: ReadAnswer[] = [];
  const interim: number[] = [];
  let at = 0;
  while (at < text.length) {
    const headEnd = text.indexOf("\r\n\r\n", at);
    if (headEnd === -1) break;
    const [statusLine = "", ...lines] = text.slice(at, headEnd).split("\r\n");
    const parts = /^HTTP\/1\.[01] (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine);
    if (parts === null) break;
    const status = Number(parts[1]);
    const headers = lines.flatMap((line) => {
      const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line);
      return field === null ? ["", line] : [(field[1] ?? "").toLowerCase(), field[2] ?? ""];
    });
    at = headEnd + 4;
    if (status < 200) {
      interim.push(status);
      continue;
    }
    const bodyless = methods[answers.length] === "HEAD" || status === 204 || status === 304;
    const { body, end } = bodyless ? { body: "", end: at } : readBody(text, at, headers, closed);
    answers.push({ status, headers, body, whole: end !== null });
    at = end ?? text.length;
  }
  return { answers, interim, surplus: text.slice(at) };
}

function readBody(
  text: string,
  from: number,
  headers: readonly string[],
  closed: boolean,
): { readonly body: string; readonly end: number | null } {
  const coding = valuesOf(headers, "transfer-encoding").join(",");
  if (/(?:^|,)[ \t]*chunked$/i.test(coding)) return readChunks(text, from);
  const [length] = valuesOf(headers, "content-length");
  if (length === undefined || coding !== "") return { body: text.slice(from), end: closed ? text.length : null };
  const end = from + Number(length);
  return { body: text.slice(from, end), end: end <= text.length ? end : null };
}

function readChunks(text: string, from: number): { readonly body: string; readonly end: number | null } {
  let body = "";
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return { body, end: null };
    const digits = /^[0-9a-f]+(?=[ \t]*(?:;|$))/i.exec(text.slice(at, lineEnd));
    if (digits === null) return { body, end: null };
    const size = parseInt(digits[0], 16);
    at = lineEnd + 2;
    if (size === 0) {
      const end = text.startsWith("\r\n", at) ? at : text.indexOf("\r\n\r\n", at);
      if (end === -1) return { body, end: null };
      return { body, end: end + (end === at ? 2 : 4) };
    }
    body += text.slice(at, at + size);
    at += size + 2;
    if (at > text.length) return { body, end: null };
  }
}
