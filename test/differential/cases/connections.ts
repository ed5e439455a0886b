/** More than one exchange on a client's connection, and connections that become tunnels. */
import {
  answer,
  answerBody,
  type Case,
  chunk,
  clientFinished,
  clientGone,
  finish,
  head,
  lastChunk,
  PLAIN_ANSWER,
  request,
  requestBody,
  send,
  type Step,
} from "../script.ts";

function named(bytes: string): readonly Step[] {
  return [request, send(`${head("HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`)}${bytes}`)];
}

/** Requests name themselves: in parallel they may reach the service in another order. */
function ask(method: string, index: number, body = ""): string {
  const framing = body === "" ? [] : [`Content-Length: ${body.length}`];
  return head(`${method} /pipelined/${index} HTTP/1.1`, "Host: h", `X-Exchange: ${index}`, ...framing) + body;
}

const PIPELINED: readonly Case[] = [
  {
    name: "two pipelined requests in one packet are answered in order",
    client: [send(ask("GET", 0) + ask("GET", 1)), answer],
    service: [named("first"), named("second")],
  },
  {
    name: "twenty pipelined requests of all kinds are answered in order",
    client: [
      send(
        Array.from({ length: 20 }, (_, i) =>
          i % 4 === 3 ? ask("HEAD", i) : i % 4 === 1 ? ask("POST", i, `body ${i}`) : ask("GET", i),
        ).join(""),
      ),
      answer,
    ],
    service: Array.from({ length: 20 }, (_, i) =>
      i % 4 === 3
        ? [request, send(head("HTTP/1.1 200 OK", "Content-Length: 5", `X-I: ${i}`))]
        : i % 5 === 0
          ? [request, send(head("HTTP/1.1 304 Not Modified", `ETag: ${i}`))]
          : named(`answer ${i}`),
    ),
  },
  {
    name: "a pipelined request that comes while an answer streams waits for its turn",
    client: [send(ask("GET", 0)), answerBody(3), send(ask("GET", 1)), answer],
    service: [
      [
        request,
        send(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")),
        send(chunk("one")),
        answerBody(3),
        send(chunk("two")),
        send(lastChunk()),
      ],
      named("second"),
    ],
  },
  {
    name: "a request pipelined behind an upload",
    client: [send(ask("POST", 0, "x".repeat(70_000)) + ask("GET", 1)), answer],
    service: [named("first"), named("second")],
  },
];

const UPGRADE = "after an Upgrade that is not tunnelled the connection is closed";

const KEPT: readonly Case[] = [
  {
    name: "exchanges of every kind, one after the other on one connection",
    client: [
      head("GET /1 HTTP/1.1", "Host: h"),
      `${head("POST /2 HTTP/1.1", "Host: h", "Content-Length: 4")}body`,
      head("HEAD /3 HTTP/1.1", "Host: h"),
      head("PUT /4 HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + chunk("body").toString() + lastChunk(),
      head("DELETE /5 HTTP/1.1", "Host: h"),
      head("POST /6 HTTP/1.1", "Host: h", "Content-Length: 0"),
      head("GET /7 HTTP/1.1", "Host: h", "If-None-Match: x"),
      head("OPTIONS * HTTP/1.1", "Host: h"),
    ].flatMap((bytes) => [send(bytes), answer]),
    service: [
      named("first"),
      [request, send(head("HTTP/1.1 201 Created", "Location: /2/1", "Content-Length: 0"))],
      [request, send(head("HTTP/1.1 200 OK", "Content-Length: 99"))],
      [
        request,
        send(head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + chunk("x").toString() + lastChunk("X-T: 1")),
      ],
      [request, send(head("HTTP/1.1 204 No Content"))],
      [request, send(`${head("HTTP/1.1 500 Oh", "Content-Length: 2")}no`)],
      [request, send(head("HTTP/1.1 304 Not Modified", "Content-Length: 12"))],
      [request, send(head("HTTP/1.1 200 OK", "Allow: GET", "Content-Length: 0"))],
    ],
  },
  {
    name: "a connection that the client asks to close after the answer",
    client: [send(head("GET /last HTTP/1.1", "Host: h", "Connection: close")), answer],
    service: [[...named("last"), finish]],
  },
  ...["h2c", "TLS/1.0", "not-a-protocol"].flatMap((protocol): Case[] => [
    {
      name: `a GET that offers to upgrade to ${protocol} is an ordinary request`,
      client: [send(head("GET /up HTTP/1.1", "Host: h", "Connection: Upgrade", `Upgrade: ${protocol}`)), answer],
      service: [PLAIN_ANSWER],
      exception: UPGRADE,
    },
    {
      name: `a POST that offers to upgrade to ${protocol} is an ordinary request`,
      client: [
        send(
          `${head("POST /up HTTP/1.1", "Host: h", "Connection: Upgrade, HTTP2-Settings", `Upgrade: ${protocol}`, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Content-Length: 4")}body`,
        ),
        answer,
      ],
      service: [PLAIN_ANSWER],
      exception: UPGRADE,
    },
  ]),
];

const OLD_REQUEST = "a request of HTTP/1.0 goes on as HTTP/1.1";
const OLD_ANSWER = "an answer of HTTP/1.0 goes on as HTTP/1.1";

/** HTTP/1.0 on one side or the other. */
const OLD: readonly Case[] = [
  {
    name: "HTTP/1.0: a POST",
    exception: OLD_REQUEST,
    client: [send(`${head("POST /old HTTP/1.0", "Content-Length: 4", "HOST: h", "X-A: 1")}body`), answer],
    service: [[request, send(head("HTTP/1.1 201 Created", "Location: /old/1", "Content-Length: 0")), finish]],
  },
  {
    name: "HTTP/1.0: an answer that ends with its connection",
    exception: OLD_REQUEST,
    client: [send(head("GET /old HTTP/1.0", "Host: h")), answer],
    service: [[request, send(`${head("HTTP/1.1 200 OK", "X-A: 1")}until the end`), finish]],
  },
  {
    name: "HTTP/1.0: HEAD, and an answer without a body",
    exception: OLD_REQUEST,
    client: [send(head("HEAD /old HTTP/1.0", "Host: h")), answer],
    service: [[request, send(head("HTTP/1.1 200 OK", "Content-Length: 99")), finish]],
  },
  {
    name: "HTTP/1.0: a client that asks to keep the connection",
    exception: OLD_REQUEST,
    client: [send(head("GET /old HTTP/1.0", "Host: h", "Connection: keep-alive")), answer],
    service: [[request, send(`${head("HTTP/1.1 200 OK", "Content-Length: 3", "Connection: keep-alive")}old`), finish]],
  },
  {
    name: "HTTP/1.0: a client that ends its half of the connection",
    exception: OLD_REQUEST,
    client: [send(head("GET /old HTTP/1.0", "Host: h")), finish, answer],
    service: [[request, clientFinished, send(`${head("HTTP/1.1 200 OK", "Content-Length: 3")}old`), finish]],
  },
  {
    name: "HTTP/1.0: a service whose answer ends with its connection",
    exception: OLD_ANSWER,
    client: [send(head("GET /new HTTP/1.1", "Host: h")), answer],
    service: [[request, send(`${head("HTTP/1.0 200 OK", "Server: old")}until the end`), finish]],
  },
  {
    name: "HTTP/1.0: a service that answers a write",
    exception: OLD_ANSWER,
    client: [send(`${head("POST /new HTTP/1.1", "Host: h", "Content-Length: 4")}body`), answer],
    service: [[request, send(`${head("HTTP/1.0 404 No", "Content-Length: 2")}no`), finish]],
  },
];

const HANDSHAKE = head(
  "GET /chat?room=%2F HTTP/1.1",
  "Host: h",
  "X-First: 1",
  "Upgrade: websocket",
  "Connection: keep-alive, Upgrade",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-VERSION: 13",
  "Cookie: a=1",
  "Cookie: b=2",
  "Origin: http://h",
);
const SWITCHED = head(
  "HTTP/1.1 101 Switching Protocols",
  "upgrade: WebSocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  "Set-Cookie: c=3",
  "set-cookie: d=4",
);

const TUNNELS: readonly Case[] = [
  {
    name: "a WebSocket tunnel carries bytes both ways, one causing the other, until the client ends it",
    client: [send(HANDSHAKE), answerBody(5), send("ping1"), answerBody(10), send("ping2"), answerBody(15), finish],
    service: [
      [
        request,
        send(`${SWITCHED}hello`),
        requestBody(5),
        send("pong1"),
        requestBody(10),
        send("pong2"),
        clientGone,
        finish,
      ],
    ],
  },
  {
    name: "a WebSocket tunnel whose service ends it",
    client: [send(HANDSHAKE), answerBody(5), answer, finish],
    service: [[request, send(SWITCHED), send("hello"), answerBody(5), finish]],
  },
  {
    name: "bytes that a client sends with its WebSocket handshake reach the service after its 101",
    client: [send(`${HANDSHAKE}early`), answerBody(4), finish],
    service: [[request, send(SWITCHED), requestBody(5), send("done"), clientGone, finish]],
  },
  {
    name: "a refused WebSocket handshake comes back as the service wrote it, and its connection stays good",
    client: [send(HANDSHAKE), answer],
    service: [
      [
        request,
        send(
          `${head("HTTP/1.1 403 Not You", "X-Why: caf\xe9", "Set-Cookie: a", "set-cookie: b", "Content-Length: 4")}nope`,
        ),
      ],
    ],
  },
  {
    name: "a WebSocket handshake that is asked to authenticate, in chunks",
    client: [send(HANDSHAKE), answer],
    service: [
      [
        request,
        send(
          `${head("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic", "Transfer-Encoding: chunked")}4\r\nnope\r\n0\r\n\r\n`,
        ),
      ],
    ],
  },
];

export const CONNECTIONS: readonly Case[] = [...PIPELINED, ...KEPT, ...OLD, ...TUNNELS];
