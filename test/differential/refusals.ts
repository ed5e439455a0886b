/**
 * What Crossfade refuses in the primary's place, whatever the primary would say: mostly because Node's parser does, before
 * anything of ours is asked. Each is a row of docs/transparency.md.
 */
import { bytesOf, chunk, head } from "./script.ts";

export interface Refusal {
  readonly name: string;
  /** null: the connection is closed without a word. */
  readonly status: number | null;
  /** Each is refused by itself. */
  readonly sent: readonly Buffer[];
}

const HOST = "Host: h";
const CHUNKED = ["POST /x HTTP/1.1", HOST, "Transfer-Encoding: chunked"] as const;
const KIB = 1024;

function refusal(name: string, status: number | null, ...sent: (string | Buffer)[]): Refusal {
  return { name, status, sent: sent.map(bytesOf) };
}

function starting(...lines: string[]): string[] {
  return lines.map((line) => head(line, HOST));
}

function withLine(...lines: string[]): string[] {
  return lines.map((line) => head("GET /x HTTP/1.1", HOST, line));
}

function withBody(...lines: string[][]): string[] {
  return lines.map((framing) => `${head("POST /x HTTP/1.1", HOST, ...framing)}5\r\nbody1\r\n0\r\n\r\n`);
}

function inChunks(...bodies: string[]): string[] {
  return bodies.map((body) => head(...CHUNKED) + body);
}

function answering(...lines: string[]): string[] {
  return lines.map((line) => head("HTTP/1.1 200 OK", line, "Content-Length: 0"));
}

export const REFUSALS: readonly Refusal[] = [
  refusal(
    "a method that is not in http.METHODS",
    400,
    ...starting("BREW /x HTTP/1.1", "get /x HTTP/1.1", "GET\t/x HTTP/1.1"),
  ),
  refusal("CONNECT", null, head("CONNECT other.example:443 HTTP/1.1", "Host: other.example:443")),
  refusal(
    "a target with bytes above ASCII",
    400,
    ...starting("GET /caf\xe9 HTTP/1.1", "GET /\xe2\x9c\x93 HTTP/1.1", "GET /?q=\xe2\x9c\x93 HTTP/1.1"),
  ),
  refusal(
    "a target with a blank or a control character",
    400,
    ...starting("GET /a b HTTP/1.1", "GET /a\tb HTTP/1.1", "GET /a\x01b HTTP/1.1", "GET /a\x7fb HTTP/1.1"),
  ),
  refusal(
    "a target of no form that HTTP has",
    400,
    ...starting(
      "GET x HTTP/1.1",
      "GET ?x HTTP/1.1",
      "GET h:80 HTTP/1.1",
      "GET mailto:x HTTP/1.1",
      "GET  HTTP/1.1",
      "GET http+unix://h/x HTTP/1.1",
      "GET http://h|i/x HTTP/1.1",
    ),
  ),
  refusal(
    "a version that does not exist",
    400,
    ...starting("GET /x HTTP/1.2", "GET /x HTTP/9.9", "GET /x http/1.1", "GET /x HTTP/1.1 ", "GET /x HTTP/11"),
  ),
  refusal("a version that is neither HTTP/1.1 nor HTTP/1.0", 505, ...starting("GET /x HTTP/0.9", "GET /x HTTP/2.0")),
  refusal("HTTP/2 without its negotiation", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  refusal("bytes that are not HTTP", 400, "\x16\x03\x01\x02\x00\x01\x00\x01", "\x00\x01\x02\r\n\r\n"),
  refusal("a header folded over two lines", 400, ...withLine("X-A: 1\r\n 2", "X-A: 1\r\n\t2")),
  refusal(
    "a line that ends without CR",
    400,
    "GET /x HTTP/1.1\nHost: h\n\n",
    "GET /x HTTP/1.1\r\nHost: h\nX-A: 1\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: h\r\n\n",
  ),
  refusal("a control character in a value", 400, ...withLine("X-A: 1\r2", "X-A: 1\x002", "X-A: 1\x012", "X-A: 1\x7f2")),
  refusal("a malformed header name", 400, ...withLine("X-A : 1", "X A: 1", ": 1", "X-A", "X-\xe9: 1", "X(A): 1")),
  refusal("HTTP/1.1 without a Host", 400, head("GET /x HTTP/1.1", "X-A: 1")),
  refusal("more than one Host", 400, ...withLine("Host: i", "Host: h", "hOST: h")),
  refusal(
    "a length beside chunks",
    400,
    ...withBody(
      ["Content-Length: 5", "Transfer-Encoding: chunked"],
      ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ),
  ),
  refusal(
    "a length given twice, or not in digits",
    400,
    ...withBody(
      ["Content-Length: 5", "Content-Length: 6"],
      ["Content-Length: 5", "Content-Length: 5"],
      ["Content-Length: 5, 5"],
      ["Content-Length: +5"],
      ["Content-Length: -5"],
      ["Content-Length: 0x5"],
      ["Content-Length: "],
      ["Content-Length: 99999999999999999999"],
    ),
  ),
  refusal(
    "chunked that is not the last coding, or not alone of its name",
    400,
    ...withBody(
      ["Transfer-Encoding: chunked, gzip"],
      ["Transfer-Encoding: chunked, chunked"],
      ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
      ["Transfer-Encoding: "],
    ),
    `${head("POST /x HTTP/1.0", HOST, "Transfer-Encoding: chunked")}1\r\nx\r\n0\r\n\r\n`,
  ),
  refusal(
    "a transfer coding other than chunked",
    501,
    ...withBody(
      ["Transfer-Encoding: gzip"],
      ["Transfer-Encoding: gzip, chunked"],
      ["Transfer-Encoding: identity"],
      ["Transfer-Encoding: xchunked"],
    ),
  ),
  refusal(
    "a malformed chunk",
    400,
    ...inChunks(
      "zz\r\nx\r\n0\r\n\r\n",
      "0x1\r\nx\r\n0\r\n\r\n",
      "fffffffffffffffff\r\nx\r\n",
      "1\nx\n0\n\n",
      "1 \r\nx\r\n0\r\n\r\n",
      "1 ;a\r\nx\r\n0\r\n\r\n",
      "1\r\nxx\r\n0\r\n\r\n",
    ),
  ),
  refusal(
    "a chunk extension over 16 KiB",
    413,
    head(...CHUNKED) + chunk("x", `;a=${"b".repeat(20 * KIB)}`).toString("latin1"),
  ),
  refusal(
    "a malformed trailer",
    400,
    ...inChunks("1\r\nx\r\n0\r\nX-T: 1\r\n 2\r\n\r\n", "1\r\nx\r\n0\r\nX T: 1\r\n\r\n"),
  ),
  refusal("trailers over 256 KiB", 431, ...inChunks(`1\r\nx\r\n0\r\nX-T: ${"b".repeat(300 * KIB)}\r\n\r\n`)),
  refusal(
    "a head over 256 KiB",
    431,
    ...withLine(`X-A: ${"v".repeat(300 * KIB)}`),
    ...starting(`GET /${"t".repeat(300 * KIB)} HTTP/1.1`),
  ),
];

/** Answers of a primary that are not handed on: the client gets 502, and no byte of them. */
export const REFUSED_ANSWERS: readonly Refusal[] = [
  refusal(
    "an answer that is not HTTP/1",
    502,
    "SSH-2.0-OpenSSH\r\n\r\n",
    head("HTTP/1.1 099 Low"),
    head("HTTP/1.1 1000 High"),
    head("HTTP/3.2 200 OK", "Content-Length: 0"),
    head("HTTP/1.1 abc", "Content-Length: 0"),
  ),
  refusal(
    "an answer with a control character in a value",
    502,
    ...answering("X-A: 1\x002", "X-A: 1\x012", "X-A: 1\r2"),
  ),
  refusal(
    "an answer with a malformed header name",
    502,
    ...answering("X-A : 1", "X A: 1", ": 1", "X-A", "X(A): 1", "X-\xe9: 1"),
  ),
  refusal(
    "an answer whose length is not one number",
    502,
    ...answering(
      "Content-Length: 1",
      "Content-Length: +2",
      "Content-Length: 2, 2",
      "Content-Length: x",
      "Content-Length: 99999999999999999999",
    ),
  ),
  refusal(
    "an answer with a length beside chunks",
    502,
    `${head("HTTP/1.1 200 OK", "Content-Length: 2", "Transfer-Encoding: chunked")}2\r\nab\r\n0\r\n\r\n`,
  ),
  refusal("an answer whose head is over 256 KiB", 502, ...answering(`X-A: ${"v".repeat(300 * KIB)}`)),
  refusal(
    "a 101 that the client did not ask for",
    502,
    head("HTTP/1.1 101 Switching Protocols", "Upgrade: example/1", "Connection: Upgrade"),
  ),
];
