/** Where an exchange through Crossfade differs, and how: each of these is a row of docs/transparency.md. */
import { type Field, valueOf } from "./message.ts";
import type { Observation, SeenAnswer, SeenRequest } from "./observation.ts";
import {
  answer,
  answered,
  type Case,
  chunk,
  clientGone,
  exchange,
  finish,
  head,
  lastChunk,
  request,
  requestBody,
  reset,
  send,
} from "./script.ts";

export interface Exception extends Case {
  /** What is seen through Crossfade, from what is seen without it. */
  readonly differently: (direct: Observation) => Observation;
}

/** A difference that every comparison of the suite allows. */
export interface Declared extends Case {
  /** Header lines that are sent and not received. */
  readonly gone: readonly string[];
  /** Header lines that are received and were not sent. */
  readonly added: readonly string[];
}

const CHUNKED = "Transfer-Encoding: chunked";

export const DECLARED: readonly Declared[] = [
  {
    ...exchange(
      "headers of one connection end at it, in requests",
      head(
        "GET /hops HTTP/1.1",
        "Host: h",
        "Connection: keep-alive, X-Hop",
        "Keep-Alive: timeout=9",
        "TE: trailers",
        "Proxy-Connection: keep-alive",
        "Upgrade: example/1",
        "x-hop: 1",
        "X-After: 1",
      ),
    ),
    gone: ["Keep-Alive: timeout=9", "TE: trailers", "Proxy-Connection: keep-alive", "Upgrade: example/1", "x-hop: 1"],
    added: [],
  },
  {
    ...answered(
      "headers of one connection end at it, in answers",
      head(
        "HTTP/1.1 200 OK",
        "Connection: X-Hop",
        "Keep-Alive: timeout=9, max=7",
        "Proxy-Connection: keep-alive",
        "Upgrade: example/1",
        "x-hop: 1",
        "X-After: 1",
        "Content-Length: 0",
      ),
    ),
    gone: ["Keep-Alive: timeout=9, max=7", "Proxy-Connection: keep-alive", "Upgrade: example/1", "x-hop: 1"],
    added: [],
  },
  {
    ...exchange(
      "a request tells where it came from",
      head("GET /forwarded HTTP/1.1", "X-A: 1", "Host: shop.example:80"),
    ),
    gone: [],
    added: ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http", "x-forwarded-host: shop.example:80"],
  },
  {
    ...exchange(
      "a request that came through another proxy keeps what that one said",
      head(
        "GET /forwarded HTTP/1.1",
        "x-FORWARDED-for: 203.0.113.9",
        "Host: h",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: shop.example",
      ),
    ),
    gone: ["x-FORWARDED-for: 203.0.113.9"],
    added: ["x-FORWARDED-for: 203.0.113.9, 127.0.0.1"],
  },
  {
    ...exchange(
      "a client's own x-crossfade headers are left out",
      head("GET /forged HTTP/1.1", "Host: h", "X-Crossfade-Shadow: 1", "x-crossfade-order: 9", "X-Cross: stays"),
    ),
    gone: ["X-Crossfade-Shadow: 1", "x-crossfade-order: 9"],
    added: [],
  },
];

function eachRequest(seen: Observation, change: (one: SeenRequest) => Partial<SeenRequest>): Observation {
  return { ...seen, requests: seen.requests.map((one) => ({ ...one, ...change(one) })) };
}
function eachAnswer(seen: Observation, change: (one: SeenAnswer) => Partial<SeenAnswer>): Observation {
  return { ...seen, answers: seen.answers.map((one) => ({ ...one, ...change(one) })) };
}

const HOP: readonly Exception[] = [
  {
    ...exchange("a request of HTTP/1.0 goes on as HTTP/1.1", head("GET /old HTTP/1.0", "Host: h", "X-A: 1"), [
      request,
      send(`${head("HTTP/1.1 200 OK", "Content-Length: 3")}old`),
      finish,
    ]),
    differently: (direct) => eachRequest(direct, () => ({ version: "HTTP/1.1" })),
  },
  {
    ...exchange("a request of HTTP/1.0 without a Host gets the primary's own", head("GET /old HTTP/1.0", "X-A: 1"), [
      request,
      send(`${head("HTTP/1.1 200 OK", "Content-Length: 3")}old`),
      finish,
    ]),
    differently: (direct) =>
      eachRequest(direct, ({ fields }) => ({ version: "HTTP/1.1", fields: [["Host", "…"], ...fields] })),
  },
  {
    ...answered(
      "an answer of HTTP/1.0 goes on as HTTP/1.1",
      `${head("HTTP/1.0 200 OK", "Content-Length: 3", "Connection: keep-alive")}old`,
    ),
    differently: (direct) =>
      eachAnswer(direct, (one) => ({ final: one.final && { ...one.final, version: "HTTP/1.1" } })),
  },
  {
    ...exchange("a client of HTTP/1.0 gets no interim answers", head("GET /old HTTP/1.0", "Host: h"), [
      request,
      send(`${head("HTTP/1.1 102 Processing")}${head("HTTP/1.1 200 OK", "Content-Length: 3")}old`),
      finish,
    ]),
    differently: (direct) =>
      eachAnswer(
        eachRequest(direct, () => ({ version: "HTTP/1.1" })),
        () => ({ interims: [] }),
      ),
  },
  {
    ...exchange(
      "a client of HTTP/1.0 gets a chunked answer as one that ends with its connection",
      head("GET /old HTTP/1.0", "Host: h"),
      [
        request,
        send(head("HTTP/1.1 200 OK", CHUNKED, "Trailer: X-Sum")),
        send(chunk("one")),
        send(lastChunk("X-Sum: 1")),
        finish,
      ],
    ),
    differently: (direct) =>
      eachAnswer(
        eachRequest(direct, () => ({ version: "HTTP/1.1" })),
        (one) => ({
          framing: "close",
          trailers: [],
          final: one.final && { ...one.final, fields: [] },
        }),
      ),
  },
  {
    ...exchange(
      "extensions of chunks are not carried",
      Buffer.concat([
        Buffer.from(head("POST /extended HTTP/1.1", "Host: h", CHUNKED)),
        chunk("body", ";name=value"),
        Buffer.from("0;last\r\n\r\n"),
      ]),
      [request, send(head("HTTP/1.1 200 OK", CHUNKED)), send(chunk("a", ';q="1"')), send(lastChunk())],
    ),
    differently: (direct) =>
      eachAnswer(
        eachRequest(direct, () => ({ extensions: [] })),
        () => ({ extensions: [] }),
      ),
  },
];

/** Crossfade's own words to a client whose primary gave no answer. Date, length and text are blurred. */
export const PROBLEM: SeenAnswer = {
  interims: [],
  final: {
    version: "HTTP/1.1",
    status: 502,
    reason: "Bad Gateway",
    fields: [
      ["content-type", "application/problem+json"],
      ["content-length", "…"],
      ["Date", "…"],
    ],
  },
  framing: "length",
  codings: [],
  body: "…",
  extensions: [],
  trailers: [],
  end: "complete",
};

/** To a client whose bytes are no request. */
const UNREADABLE: SeenAnswer = {
  ...PROBLEM,
  final: {
    version: "HTTP/1.1",
    status: 400,
    reason: "Bad Request",
    fields: [
      ["Content-Type", "application/problem+json"],
      ["Content-Length", "…"],
    ],
  },
};

/** What of our own words is never twice the same, or no concern of this suite. */
export function blurred(seen: Observation): Observation {
  const isOurs = ({ final }: SeenAnswer): boolean =>
    final !== null && valueOf(final.fields, "content-type") === "application/problem+json";
  // HTTP/1.0 without a Host: the service's own.
  const own = ([name, value]: Field): Field => [name, /^127\.0\.0\.1:\d+$/.test(value) ? "…" : value];
  const blur = ([name, value]: Field): Field => [name, /^(content-length|date)$/i.test(name) ? "…" : value];
  const named = eachRequest(seen, ({ fields }) => ({ fields: fields.map(own) }));
  return eachAnswer(named, (one) =>
    isOurs(one) ? { body: "…", final: one.final && { ...one.final, fields: one.final.fields.map(blur) } } : {},
  );
}

const READ = head("GET /broken HTTP/1.1", "Host: h");
const WRITE = `${head("POST /broken HTTP/1.1", "Host: h", "Content-Length: 2")}{}`;

function problem(direct: Observation): Observation {
  return { ...direct, answers: [PROBLEM], strayBytes: 0 };
}

/** A read is sent once more, on a connection of its own. */
function problemOfTwo(direct: Observation): Observation {
  return { ...problem(direct), requests: direct.requests.flatMap((one) => [one, one]) };
}

const BROKEN_OFF: readonly Exception[] = [
  {
    ...exchange("a read whose service closes without a word is sent once more, then answered 502", READ, [
      request,
      finish,
    ]),
    differently: problemOfTwo,
  },
  {
    ...exchange("a read whose service resets without a word is sent once more, then answered 502", READ, [
      request,
      reset,
    ]),
    differently: problemOfTwo,
  },
  {
    ...exchange("a write whose service closes without a word is answered 502", WRITE, [request, finish]),
    differently: problem,
  },
  {
    ...exchange("a read whose service closes within the head is answered 502", READ, [
      request,
      send("HTTP/1.1 200 OK\r\nX-A"),
      finish,
    ]),
    differently: problem,
  },
  {
    ...exchange("a read whose service closes after an interim answer is answered 502", READ, [
      request,
      send(head("HTTP/1.1 102 Processing", "X-A: 1")),
      finish,
    ]),
    differently: (direct) => ({
      ...direct,
      answers: direct.answers.map(({ interims }) => ({ ...PROBLEM, interims })),
    }),
  },
  {
    name: "a client that ends its half within an upload is answered 400",
    client: [
      send(`${head("PUT /half HTTP/1.1", "Host: h", "Content-Length: 10")}half`),
      requestBody(4),
      finish,
      answer,
    ],
    service: [[requestBody(4), clientGone, finish]],
    differently: (direct) => ({ ...direct, answers: [UNREADABLE] }),
  },
];

function surplus(name: string, sent: string, answered_: string): Exception {
  return {
    name,
    client: [send(sent), answer],
    service: [[request, send(answered_)]],
    reusable: false,
    differently: (direct) => ({ ...direct, answers: direct.answers.slice(0, 1), strayBytes: 0 }),
  };
}

/** The answer's header lines as the client gets them. */
function receiving(...fields: Field[]): (direct: Observation) => Observation {
  return (direct) => ({
    ...direct,
    answers: direct.answers.map((one, i) => (i > 0 ? one : { ...one, final: one.final && { ...one.final, fields } })),
  });
}

const MENDED: readonly Exception[] = [
  {
    ...answered(
      "a header of an answer that is folded over lines comes as one line",
      head("HTTP/1.1 200 OK", "X-A: 1", "  2", "\t3 ", "Content-Length: 0"),
    ),
    differently: receiving(["X-A", "1 2 3"], ["Content-Length", "0"]),
  },
  {
    ...answered(
      "a line of an answer's head that ends without CR is a line",
      head("HTTP/1.1 200 OK", "X-A: 1\nX-B: 2", "Content-Length: 0"),
    ),
    differently: receiving(["X-A", "1"], ["X-B", "2"], ["Content-Length", "0"]),
  },
];

const BY_NODE: readonly Exception[] = [
  {
    ...answered(
      "a Trailer that an answer announces without being chunked is not carried",
      head("HTTP/1.1 200 OK", "X-A: 1", "Trailer: X-Sum", "Content-Length: 0"),
    ),
    differently: receiving(["X-A", "1"], ["Content-Length", "0"]),
  },
  {
    ...answered("the Transfer-Encoding of a 304 is not carried", head("HTTP/1.1 304 Not Modified", "X-A: 1", CHUNKED)),
    differently: (direct) => ({
      ...direct,
      answers: direct.answers.map((one, i) => (i > 0 ? one : { ...one, framing: "none" })),
    }),
  },
  {
    ...exchange(
      "after an Upgrade that is not tunnelled the connection is closed",
      head("GET /up HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: h2c"),
    ),
    differently: (direct) => ({
      ...direct,
      requests: direct.requests.slice(0, 1),
      answers: direct.answers.slice(0, 1),
    }),
  },
];

const READ_OTHERWISE: readonly Exception[] = [
  surplus(
    "bytes that a service sends after its answer reach nobody",
    READ,
    `${head("HTTP/1.1 200 OK", "Content-Length: 2")}ok${head("HTTP/1.1 200 OK", "Content-Length: 4")}evil`,
  ),
  surplus(
    "a body that a service sends with its answer to HEAD reaches nobody",
    head("HEAD /surplus HTTP/1.1", "Host: h"),
    `${head("HTTP/1.1 200 OK", "Content-Length: 2")}ok`,
  ),
  surplus(
    "a body that a service sends with 304 reaches nobody",
    READ,
    `${head("HTTP/1.1 304 Not Modified", "Content-Length: 2")}ok`,
  ),
  {
    ...exchange("blanks too many before a target are left out", head("GET   /blanks HTTP/1.1", "Host: h")),
    differently: (direct) =>
      eachRequest(direct, (one) => (one.target === "" ? { target: "/blanks", version: "HTTP/1.1" } : {})),
  },
  ...["RTSP/1.0"].map((version): Exception => ({
    ...exchange(
      `a request that says it is ${version} goes on as HTTP/1.1`,
      head(`OPTIONS /other ${version}`, "Host: h"),
    ),
    reusable: false,
    differently: (direct) => eachRequest(direct, () => ({ version: "HTTP/1.1" })),
  })),
];

export const EXCEPTIONS: readonly Exception[] = [...HOP, ...BROKEN_OFF, ...READ_OTHERWISE, ...MENDED, ...BY_NODE];
