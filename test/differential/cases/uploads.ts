/** Request bodies: framing, trailers, when each part is passed on, `Expect`, and answers that come early. */
import {
  answer,
  answerBody,
  answerHead,
  type Case,
  chunk,
  clientFinished,
  clientGone,
  exchange,
  finish,
  head,
  interims,
  lastChunk,
  PLAIN_ANSWER,
  request,
  requestBody,
  requestHead,
  reset,
  send,
} from "../script.ts";

const MB = 1 << 20;
/** Every byte value; no line repeats within a packet. */
export const BYTES = Buffer.from(Array.from({ length: 2 * MB }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

const CHUNKED = ["Host: h", "Transfer-Encoding: chunked"] as const;
const CONTINUE = head("HTTP/1.1 100 Continue");
const OK = `${head("HTTP/1.1 200 OK", "Content-Length: 2")}ok`;

function chunked(name: string, ...body: (string | Buffer)[]): Case {
  const lines = [head("PUT /chunked HTTP/1.1", ...CHUNKED), ...body].map((part) =>
    Buffer.from(part as string, "latin1"),
  );
  return exchange(name, Buffer.concat(lines));
}

const FRAMINGS: readonly Case[] = [
  ...["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "HEAD"].map((method) =>
    exchange(`Content-Length: 0 on ${method}`, head(`${method} /empty HTTP/1.1`, "Host: h", "Content-Length: 0")),
  ),
  ...["POST", "GET", "DELETE"].map((method) =>
    exchange(`an empty chunked body on ${method}`, head(`${method} /empty HTTP/1.1`, ...CHUNKED) + lastChunk()),
  ),
  ...["GET", "DELETE", "PROPFIND"].map((method) =>
    exchange(
      `a chunked body on ${method}`,
      Buffer.concat([Buffer.from(head(`${method} /x HTTP/1.1`, ...CHUNKED)), chunk("<a/>"), Buffer.from(lastChunk())]),
    ),
  ),
  ...[1, 1024, 65_536, 2 * MB].map((size) =>
    exchange(
      `a body of ${size} bytes with its length`,
      Buffer.concat([
        Buffer.from(head("POST /sized HTTP/1.1", "Host: h", `Content-Length: ${size}`)),
        BYTES.subarray(0, size),
      ]),
    ),
  ),
  chunked("a small chunked body in one packet", chunk("small"), lastChunk()),
  chunked("a chunked body of many chunks", ...Array.from({ length: 200 }, (_, i) => chunk(`<${i}>`)), lastChunk()),
  chunked("a large chunked body", chunk(BYTES.subarray(0, 3)), chunk(BYTES), chunk("x"), lastChunk()),
  exchange(
    "a request's coding in odd case",
    Buffer.concat([
      Buffer.from(head("POST /chunked HTTP/1.1", "Host: h", "transfer-ENCODING: Chunked")),
      chunk("body"),
      Buffer.from(lastChunk()),
    ]),
  ),
  {
    name: "a chunked body that comes byte by byte",
    client: [
      send(head("POST /bytes HTTP/1.1", ...CHUNKED), { piece: 1 }),
      send(Buffer.concat([chunk("one"), chunk("twenty-two"), Buffer.from(lastChunk("X-T: 1"))]), { piece: 1 }),
      answer,
    ],
    service: [PLAIN_ANSWER],
  },
];

const TRAILERS: readonly Case[] = [
  exchange(
    "announced request trailers",
    Buffer.concat([
      Buffer.from(head("POST /t HTTP/1.1", "Host: h", "TE: trailers", "Trailer: X-Sum, X-More", CHUNKED[1])),
      chunk("body"),
      Buffer.from(lastChunk("X-Sum: 42", "x-MORE: b")),
    ]),
  ),
  chunked("request trailers that nobody announced", chunk("body"), lastChunk("X-Sum: 42", "x-sum: 43", "X-Empty:")),
  chunked("request trailers after an empty body", lastChunk("X-Sum: 0")),
  chunked("request trailers with bytes above ASCII", chunk("body"), lastChunk("X-Name: caf\xe9", "42: b", "7: a")),
  {
    name: "request trailers that come after the service has the body",
    client: [
      send(head("POST /t HTTP/1.1", ...CHUNKED)),
      send(chunk("body")),
      requestBody(4),
      send(lastChunk("X-Sum: 42")),
      answer,
    ],
    service: [PLAIN_ANSWER],
  },
];

const AS_IT_COMES: readonly Case[] = [
  {
    name: "the head reaches the service before the body is sent",
    client: [send(head("POST /h HTTP/1.1", "Host: h", "Content-Length: 4")), requestHead, send("body"), answer],
    service: [PLAIN_ANSWER],
  },
  {
    name: "the head of a chunked upload reaches the service before the body is sent",
    client: [send(head("POST /h HTTP/1.1", ...CHUNKED)), requestHead, send(chunk("body")), send(lastChunk()), answer],
    service: [PLAIN_ANSWER],
  },
  {
    name: "each part of a body reaches the service before the next is sent",
    client: [
      send(`${head("POST /parts HTTP/1.1", "Host: h", "Content-Length: 6")}1`),
      ...[1, 2, 3, 4, 5].flatMap((n) => [requestBody(n), send(String(n + 1))]),
      answer,
    ],
    service: [PLAIN_ANSWER],
  },
  {
    name: "each chunk reaches the service before the next is sent",
    client: [
      send(head("POST /parts HTTP/1.1", ...CHUNKED)),
      ...[1, 2, 3, 4, 5].flatMap((n) => [send(chunk(String(n))), requestBody(n)]),
      send(lastChunk()),
      answer,
    ],
    service: [PLAIN_ANSWER],
  },
  {
    name: "request and answer flow at the same time, each part caused by the other's",
    client: [
      send(head("POST /duplex HTTP/1.1", ...CHUNKED)),
      answerHead,
      ...[1, 2, 3].flatMap((n) => [send(chunk(String(n))), answerBody(n)]),
      send(lastChunk("X-Sent: 3")),
      answer,
    ],
    service: [
      [
        requestHead,
        send(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")),
        ...[1, 2, 3].flatMap((n) => [requestBody(n), send(chunk(String(n)))]),
        request,
        send(lastChunk()),
      ],
    ],
  },
];

const EXPECT_HEAD = head("POST /expect HTTP/1.1", "Host: h", "Expect: 100-continue", "Content-Length: 4");

const EXPECTATIONS: readonly Case[] = [
  {
    name: "Expect: 100-continue answered with 100, then 200",
    client: [send(EXPECT_HEAD), interims(1), send("body"), answer],
    service: [[requestHead, send(CONTINUE), request, send(OK)]],
  },
  {
    name: "Expect: 100-continue of a chunked upload with trailers",
    client: [
      send(head("POST /expect HTTP/1.1", "eXPECT: 100-Continue", ...CHUNKED, "Trailer: X-Sum")),
      interims(1),
      send(chunk("body")),
      send(lastChunk("X-Sum: 1")),
      answer,
    ],
    service: [[requestHead, send(head("HTTP/1.1 100 Go on", "X-Hint: 1")), request, send(OK)]],
  },
  ...["417 Expectation Failed", "401 Unauthorized", "200 OK", "302 Found"].map((status): Case => ({
    name: `Expect: 100-continue answered with ${status} at once, and the body never sent`,
    client: [send(EXPECT_HEAD), answer],
    service: [[requestHead, send(`${head(`HTTP/1.1 ${status}`, "Content-Length: 3")}no.`)]],
    reusable: false,
  })),
  {
    name: "Expect: 100-continue whose client does not wait",
    client: [send(`${EXPECT_HEAD}body`), answer],
    service: [[requestHead, send(CONTINUE), request, send(OK)]],
  },
  {
    name: "Expect: 100-continue that the service passes over in silence until the body comes",
    client: [send(EXPECT_HEAD), requestHead, send("body"), answer],
    service: [PLAIN_ANSWER],
  },
  {
    name: "Expect: 100-continue answered finally, and the client sends the body all the same",
    client: [send(EXPECT_HEAD), answer, send("body")],
    service: [[requestHead, send(`${head("HTTP/1.1 417 Expectation Failed", "Content-Length: 3")}no.`), request]],
  },
];

const HALF = 100_000;
const REFUSED = `${head("HTTP/1.1 413 Content Too Large", "Content-Length: 3")}big`;

const EARLY: readonly Case[] = [
  {
    name: "an early answer while the client goes on uploading",
    client: [
      send(head("PUT /early HTTP/1.1", "Host: h", `Content-Length: ${2 * HALF}`)),
      send(BYTES.subarray(0, HALF)),
      answer,
      send(BYTES.subarray(HALF, 2 * HALF)),
    ],
    service: [[requestHead, send(REFUSED), request]],
  },
  {
    name: "an early answer while the client goes on uploading chunks",
    client: [
      send(head("PUT /early HTTP/1.1", ...CHUNKED)),
      send(chunk(BYTES.subarray(0, HALF))),
      answer,
      send(chunk(BYTES.subarray(HALF, 2 * HALF))),
      send(lastChunk("X-Sum: 1")),
    ],
    service: [[requestHead, send(REFUSED), request]],
  },
  {
    name: "an early answer that ends only after the upload",
    client: [
      send(head("PUT /early HTTP/1.1", "Host: h", `Content-Length: ${HALF}`)),
      answerHead,
      send(BYTES.subarray(0, HALF)),
      answer,
    ],
    service: [[requestHead, send(`${head("HTTP/1.1 200 OK", "Content-Length: 6")}one`), request, send("two")]],
  },
  {
    name: "an early answer after which the client leaves",
    client: [
      send(head("PUT /early HTTP/1.1", "Host: h", `Content-Length: ${2 * HALF}`)),
      send(BYTES.subarray(0, HALF)),
      requestBody(HALF),
      answer,
    ],
    service: [[requestBody(HALF), send(REFUSED)]],
    reusable: false,
  },
  {
    name: "an early answer whose service closes",
    client: [
      send(head("PUT /early HTTP/1.1", "Host: h", `Content-Length: ${2 * HALF}`)),
      send(BYTES.subarray(0, HALF)),
      requestBody(HALF),
      answer,
    ],
    service: [
      [
        requestBody(HALF),
        send(`${head("HTTP/1.1 401 Unauthorized", "Content-Length: 2", "Connection: close")}no`),
        finish,
      ],
    ],
  },
];

const BROKEN_OFF: readonly Case[] = [
  ...["GET", "POST"].map((method): Case => ({
    name: `a client that ends its half of the connection after its ${method} gets its answer`,
    client: [send(head(`${method} /half HTTP/1.1`, "Host: h", "Content-Length: 0")), finish, answer],
    service: [
      [
        request,
        clientFinished,
        send(`${head("HTTP/1.1 200 OK", "Content-Length: 8")}half`),
        answerBody(4),
        send("rest"),
      ],
    ],
  })),
  {
    name: "a client that ends its half with the last byte of an upload gets its answer",
    client: [
      send(`${head("PUT /half HTTP/1.1", "Host: h", `Content-Length: ${HALF}`)}`),
      requestHead,
      send(BYTES.subarray(0, HALF)),
      finish,
      answer,
    ],
    service: [
      [
        request,
        send(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")),
        answerHead,
        send(chunk("x")),
        send(lastChunk()),
      ],
    ],
  },
  ...[
    ["with its length", head("PUT /cut HTTP/1.1", "Host: h", "Content-Length: 100")],
    ["in chunks", head("PUT /cut HTTP/1.1", ...CHUNKED) + chunk("").subarray(0, 0).toString()],
  ].map(([how = "", start = ""]): Case => ({
    name: `a client that resets its upload ${how} leaves the service an incomplete request`,
    client: [send(start), send(how === "in chunks" ? chunk("half") : "half"), requestBody(4), reset],
    service: [[requestBody(4), clientGone]],
  })),
  {
    name: "a client that leaves a read while its answer streams is gone for the service too",
    client: [send(head("GET /stream HTTP/1.1", "Host: h")), answerBody(5), reset],
    service: [[request, send(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")), send(chunk("first")), clientGone]],
  },
  {
    name: "a client that leaves a read before any answer is gone for the service too",
    client: [send(head("GET /wait HTTP/1.1", "Host: h")), requestHead, reset],
    service: [[request, clientGone]],
  },
];

export const UPLOADS: readonly Case[] = [
  ...FRAMINGS,
  ...TRAILERS,
  ...AS_IT_COMES,
  ...EXPECTATIONS,
  ...EARLY,
  ...BROKEN_OFF,
];
