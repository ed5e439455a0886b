/** Final answers: status, reason, headers, framing, trailers, and how they end. */
import { gzipSync } from "node:zlib";
import {
  answer,
  answerBody,
  answered,
  answerHead,
  type Case,
  chunk,
  exchange,
  finish,
  head,
  lastChunk,
  request,
  reset,
  send,
  type Step,
} from "../script.ts";
import { BYTES } from "./uploads.ts";

const KIB = 1024;
const STATUSES = [
  201, 202, 203, 206, 207, 208, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 403, 404, 405, 409, 410, 412,
  416, 418, 421, 422, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599, 600, 799, 999,
];

const HEADERS: readonly (readonly [name: string, ...lines: string[]])[] = [
  ["in every case and order", "x-LOWER: 1", "DATE: Sat, 01 Jan 2000 00:00:00 GMT", "server: s", "eTAG: x"],
  [
    "repeated and interleaved",
    "X-A: 1",
    "Set-Cookie: a=1",
    "x-a: 2",
    "Set-Cookie: b=2; Path=/",
    "X-A: 1",
    "set-cookie: a=1",
  ],
  ["100 cookies", ...Array.from({ length: 100 }, (_, i) => `Set-Cookie: c${i % 9}=${i}; HttpOnly`)],
  [
    "that Node's own objects join or drop",
    "Content-Type: a/b",
    "content-type: c/d",
    "Location: /1",
    "Location: /2",
    "ETag: 1",
    "ETag: 2",
    "Age: 1",
    "Age: 2",
    "Vary: a",
    "Vary: b",
  ],
  ["that objects sort or hide", "X-Z: 1", "42: a", "7: b", "__proto__: p", "constructor: c", "0: z"],
  ["with empty values", "X-Empty:", "X-Blank: \t ", "Set-Cookie:"],
  ["with bytes above ASCII", "X-Latin: caf\xe9\xa0\xff", "Location: /caf\xe9", "X-Utf8: \xe2\x9c\x93"],
  ["with blanks around values", "X-Around:  \t a \t b  \t", "X-None:c"],
  ["of a proxy", "Via: 1.1 varnish", "X-Cache: HIT", "Age: 4", "Proxy-Authenticate: Basic", "X-Forwarded-For: 1.2.3.4"],
  [
    "of one connection",
    "Connection: keep-alive, X-Hop",
    "Keep-Alive: timeout=5",
    "X-Hop: 1",
    "Proxy-Connection: keep-alive",
    "X-Stays: 1",
  ],
  ["that offer another protocol", "Upgrade: h2c, websocket", "Connection: Upgrade", "Alt-Svc: h3"],
  ["of two dates", "Date: Sat, 01 Jan 2000 00:00:00 GMT", "Date: Sun, 02 Jan 2000 00:00:00 GMT"],
  ["with every character of a name", "!#$%&'*+-.^_`|~09Az: 1"],
  ["of our own name", "X-Crossfade-Anything: 1"],
  ...[15, 20, 60, 120, 200].map((kib): [string, ...string[]] => [
    `of ${kib} KiB`,
    ...Array.from({ length: kib }, (_, i) => `X-Line-${i}: ${"v".repeat(KIB - 16)}`),
  ]),
  ["with one of 60 KiB", `X-Long: ${"v".repeat(60 * KIB)}`],
  ["in 3000 lines", ...Array.from({ length: 3000 }, (_, i) => `${"abcdefgh"[i % 8]}:${i % 10}`)],
];

const REASONS: readonly (readonly [name: string, line: string])[] = [
  ["of its own", "HTTP/1.1 200 Quite Fine, Thank You"],
  ["that is empty", "HTTP/1.1 200 "],
  ["that is missing, with its blank", "HTTP/1.1 200"],
  ["with bytes above ASCII", "HTTP/1.1 200 D\xe9j\xe0 vu \xff"],
  ["with UTF-8", "HTTP/1.1 200 \xe2\x9c\x93"],
  ["of a tab and blanks", "HTTP/1.1 404 \tnot  found "],
  ["of 1 KiB", `HTTP/1.1 500 ${"r".repeat(KIB)}`],
];

const CHUNKED = "Transfer-Encoding: chunked";
const BODY = 100_000;
const LARGE = BYTES.length;

const FRAMINGS: readonly Case[] = [
  answered("Content-Length: 0", head("HTTP/1.1 200 OK", "Content-Length: 0")),
  answered(
    "a length in odd case with zeros before it",
    head("HTTP/1.1 200 OK", "content-LENGTH: 0004", "X: 1"),
    "body",
  ),
  ...[1, 8 * KIB, 8 * KIB + 1, LARGE].map((size) =>
    answered(
      `an answer of ${size} bytes with its length`,
      head("HTTP/1.1 200 OK", `Content-Length: ${size}`),
      BYTES.subarray(0, size),
    ),
  ),
  answered("a chunked answer in one packet", head("HTTP/1.1 200 OK", CHUNKED), chunk("one"), chunk("two"), lastChunk()),
  answered("a chunked answer without a byte", head("HTTP/1.1 200 OK", CHUNKED), lastChunk()),
  answered("a large chunked answer", head("HTTP/1.1 200 OK", CHUNKED), chunk(BYTES), chunk("x"), lastChunk()),
  answered(
    "an answer's coding in odd case",
    head("HTTP/1.1 200 OK", "TRANSFER-encoding: Chunked"),
    chunk("a"),
    lastChunk(),
  ),
  answered(
    "announced answer trailers",
    head("HTTP/1.1 200 OK", CHUNKED, "Trailer: X-Sum, x-more"),
    chunk("body"),
    lastChunk("X-Sum: 42", "x-MORE: b", "X-Sum: 43"),
  ),
  answered("answer trailers that nobody announced", head("HTTP/1.1 200 OK", CHUNKED), chunk("b"), lastChunk("X-T: 1")),
  answered(
    "answer trailers without a body",
    head("HTTP/1.1 200 OK", CHUNKED),
    lastChunk("X-T: caf\xe9", "42: b", "7:"),
  ),
  ...[true, false].map((empty): Case => ({
    name: `an answer that ends with its connection${empty ? ", of no bytes" : ""}`,
    client: [send(head("GET /close HTTP/1.1", "Host: h")), answer],
    service: [
      [request, send(head("HTTP/1.1 200 OK", "X-A: 1")), ...(empty ? [] : [send(BYTES.subarray(0, BODY))]), finish],
    ],
  })),
  {
    name: "an answer that ends with its connection and says so",
    client: [send(head("GET /close HTTP/1.1", "Host: h")), answer],
    service: [[request, send(`${head("HTTP/1.1 200 OK", "Connection: close")}body`), finish]],
  },
  {
    name: "an answer with its length whose service closes",
    client: [send(head("GET /close HTTP/1.1", "Host: h")), answer],
    service: [[request, send(`${head("HTTP/1.1 200 OK", "Content-Length: 4", "Connection: close")}body`), finish]],
  },
  {
    name: "every kind of answer, byte by byte",
    client: Array.from({ length: 3 }, () => [send(head("GET /bytes HTTP/1.1", "Host: h")), answer]).flat(),
    service: [
      `${head("HTTP/1.1 200 OK", "Content-Length: 5", "X-A: 1")}12345`,
      head("HTTP/1.1 304 Not Modified", "ETag: x"),
      Buffer.concat([Buffer.from(head("HTTP/1.1 200 OK", CHUNKED)), chunk("one"), Buffer.from(lastChunk("X-T: 1"))]),
    ].map((bytes) => [request, send(bytes, { piece: 1 })]),
  },
];

const BODILESS: readonly Case[] = [
  ...[
    ["204 alone", "204 No Content"],
    ["204 with Content-Length: 0", "204 No Content", "Content-Length: 0"],
    ["205 with Content-Length: 0", "205 Reset Content", "Content-Length: 0"],
    ["304 alone", "304 Not Modified", 'ETag: "x"', "Vary: accept"],
    ["304 with Content-Length", "304 Not Modified", "Content-Length: 1234", 'ETag: "x"'],
    ["304 with Content-Length: 0", "304 Not Modified", "Content-Length: 0"],
  ].map(([name = "", status = "", ...lines]) => answered(name, head(`HTTP/1.1 ${status}`, ...lines))),
  answered("205 with an empty chunked body", head("HTTP/1.1 205 Reset Content", CHUNKED), lastChunk()),
  ...(
    [
      ["with Content-Length", "Content-Length: 1234"],
      ["with Content-Length: 0", "Content-Length: 0"],
      ["chunked", CHUNKED],
      ["chunked, with Trailer", CHUNKED, "Trailer: X-Sum"],
      ["without either", "X-A: 1"],
    ] satisfies [string, ...string[]][]
  ).flatMap(([name, ...lines]) =>
    ["200 OK", "404 Not Found"].map((status) =>
      exchange(`HEAD answered ${status} ${name}`, head("HEAD /h HTTP/1.1", "Host: h"), [
        request,
        send(head(`HTTP/1.1 ${status}`, ...lines)),
      ]),
    ),
  ),
];

/** The client has each part before the next is sent. */
function oneByOne(parts: readonly (string | Buffer)[], lengths: readonly number[]): Step[] {
  return parts.flatMap((part, i) => [send(part), answerBody(lengths[i] ?? 0)]);
}

const EVENTS = ["data: one\n\n", ": ping\n\n", "event: x\ndata: two\ndata: 2\n\n", "id: 4\n\n"];
const EVENT_LENGTHS = EVENTS.map((_event, i) => EVENTS.slice(0, i + 1).join("").length);
const SSE = "Content-Type: text/event-stream";

const AS_IT_COMES: readonly Case[] = [
  exchange(
    "events in chunks arrive one by one, the head first",
    head("GET /events HTTP/1.1", "Host: h", "Accept: text/event-stream"),
    [
      request,
      send(head("HTTP/1.1 200 OK", SSE, CHUNKED)),
      answerHead,
      ...oneByOne(
        EVENTS.map((event) => chunk(event)),
        EVENT_LENGTHS,
      ),
      send(lastChunk()),
    ],
  ),
  exchange("events until the connection ends arrive one by one", head("GET /events HTTP/1.1", "Host: h"), [
    request,
    send(head("HTTP/1.1 200 OK", SSE)),
    answerHead,
    ...oneByOne(EVENTS, EVENT_LENGTHS),
    finish,
  ]),
  exchange("parts of an answer with its length arrive one by one", head("GET /parts HTTP/1.1", "Host: h"), [
    request,
    send(head("HTTP/1.1 200 OK", "Content-Length: 3")),
    answerHead,
    ...oneByOne(["a", "b", "c"], [1, 2, 3]),
  ]),
  exchange(
    "parts of an answer to a write arrive one by one",
    `${head("POST /parts HTTP/1.1", "Host: h", "Content-Length: 2")}{}`,
    [
      request,
      send(head("HTTP/1.1 200 OK", CHUNKED)),
      answerHead,
      ...oneByOne([chunk("a"), chunk("b"), chunk("c")], [1, 2, 3]),
      send(lastChunk("X-T: 1")),
    ],
  ),
];

const GZIPPED = gzipSync("the same words again and again, ".repeat(100));

const ODD_JSON = '{ "n":9007199254740993,"n":1e400 }\r\n ';

const CODED: readonly Case[] = [
  answered(
    "gzipped bytes stay as they are",
    head("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Vary: Accept-Encoding", `Content-Length: ${GZIPPED.length}`),
    GZIPPED,
  ),
  answered(
    "gzipped chunks stay as they are",
    head("HTTP/1.1 200 OK", "content-encoding: GZIP", CHUNKED),
    chunk(GZIPPED),
    lastChunk(),
  ),
  answered(
    "an answer that is gzipped in transit and then chunked",
    head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"),
    chunk(GZIPPED),
    lastChunk(),
  ),
  answered(
    "what calls itself br and is not stays as it is",
    head("HTTP/1.1 200 OK", "Content-Encoding: br", "Content-Length: 4"),
    "\x00\xff\x01z",
  ),
  answered(
    "JSON that would be written otherwise",
    head("HTTP/1.1 200 OK", "Content-Type: application/json", `Content-Length: ${ODD_JSON.length}`),
    ODD_JSON,
  ),
];

/** `start` and then, when the client has all of it, the end. */
function cut(name: string, start: readonly (string | Buffer)[], length: number, end: Step, method = "GET"): Case {
  return {
    name,
    client: [
      send(head(`${method} /cut HTTP/1.1`, "Host: h", ...(method === "GET" ? [] : ["Content-Length: 0"]))),
      answer,
    ],
    service: [[request, ...start.map((bytes) => send(bytes)), length === 0 ? answerHead : answerBody(length), end]],
  };
}

const CUT: readonly Case[] = [
  ...(
    [
      ["ends", finish],
      ["resets", reset],
    ] satisfies [string, Step][]
  ).flatMap(([how, end]) => [
    ...["GET", "POST"].flatMap((method) => [
      cut(
        `an answer to ${method} with its length whose service ${how} in the middle`,
        [head("HTTP/1.1 200 OK", "Content-Length: 100"), "half"],
        4,
        end,
        method,
      ),
      cut(
        `a chunked answer to ${method} whose service ${how} in the middle of a chunk`,
        [head("HTTP/1.1 200 OK", CHUNKED), chunk("one"), "a\r\nhalf"],
        7,
        end,
        method,
      ),
    ]),
    cut(
      `an answer with its length whose service ${how} after the head`,
      [head("HTTP/1.1 200 OK", "Content-Length: 100")],
      0,
      end,
    ),
    cut(
      `a chunked answer whose service ${how} before the last chunk`,
      [head("HTTP/1.1 200 OK", CHUNKED), chunk("one")],
      3,
      end,
    ),
    cut(
      `a chunked answer whose service ${how} within the trailers`,
      [head("HTTP/1.1 200 OK", CHUNKED), chunk("one"), "0\r\nX-T: 1\r\n"],
      3,
      end,
    ),
  ]),
  cut(
    "an answer that ends with its connection, by a reset",
    [head("HTTP/1.1 200 OK"), BYTES.subarray(0, BODY)],
    BODY,
    reset,
  ),
  cut(
    "an answer to POST that ends with its connection, by a reset",
    [head("HTTP/1.1 200 OK"), BYTES.subarray(0, BODY)],
    BODY,
    reset,
    "POST",
  ),
];

export const ANSWERS: readonly Case[] = [
  ...STATUSES.map((status) => answered(`status ${status}`, head(`HTTP/1.1 ${status} So`, "Content-Length: 3"), "so.")),
  ...HEADERS.map(([name, ...lines]) =>
    answered(`answer headers ${name}`, head("HTTP/1.1 200 OK", ...lines, "Content-Length: 3"), "abc"),
  ),
  ...REASONS.map(([name, line]) => answered(`a reason ${name}`, head(line, "Content-Length: 3"), "abc")),
  ...FRAMINGS,
  ...BODILESS,
  ...AS_IT_COMES,
  ...CODED,
  ...CUT,
];
