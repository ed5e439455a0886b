/** 1xx answers: each reaches the client, in its order and as it was sent, before the final one is. */
import { answer, type Case, head, interims, request, requestHead, send, type Step } from "../script.ts";

const OK = `${head("HTTP/1.1 200 OK", "Content-Length: 2")}ok`;

const HEADS: readonly (readonly [name: string, ...heads: string[]])[] = [
  ["100 that nobody asked for", head("HTTP/1.1 100 Continue")],
  ["100 with headers", head("HTTP/1.1 100 Continue", "X-Queue: 3")],
  ["102", head("HTTP/1.1 102 Processing")],
  ["102 with headers, three times", ...[1, 2, 3].map((n) => head("HTTP/1.1 102 Processing", `X-Step: ${n}`))],
  ["103 with a link", head("HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload; as=style")],
  ["103 with links in one line", head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload, </b>; rel=preload")],
  [
    "103 with links in odd case",
    head(
      "HTTP/1.1 103 Early Hints",
      "LINK: </a>; rel=preload",
      "X-Other: 1",
      "link: </b>; rel=preload",
      "Link: </a>; rel=preload",
    ),
  ],
  ["103 without a link", head("HTTP/1.1 103 Early Hints", "Content-Security-Policy: style-src: self")],
  ["103 with a link that Node will not write", head("HTTP/1.1 103 Early Hints", "Link: not a link at all")],
  ["103 with nothing", head("HTTP/1.1 103 Early Hints")],
  ["103 with another reason", head("HTTP/1.1 103 Soon")],
  [
    "several 103",
    head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload"),
    head("HTTP/1.1 103 Early Hints", "Link: </b>; rel=preload"),
  ],
  [
    "104, which has no name",
    head("HTTP/1.1 104 Upload Resumption Supported", "Upload-Draft-Interop-Version: 6", "location: /u/1"),
  ],
  ["199, which nobody knows", head("HTTP/1.1 199 ", "X-A: 1", "x-a: 2")],
  [
    "all kinds, one after the other",
    head("HTTP/1.1 100 Continue"),
    head("HTTP/1.1 102 Processing"),
    head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload"),
    head("HTTP/1.1 110 Odd", "42: b", "7: a"),
    head("HTTP/1.1 102 Processing"),
  ],
  ["headers with bytes above ASCII", head("HTTP/1.1 103 Early Hints", "X-Name: caf\xe9", "X-Empty:")],
];

/** The final answer is sent when the client has the interim ones. */
function awaited(heads: readonly string[]): Step[] {
  return heads.flatMap((bytes, i) => [send(bytes), interims(i + 1)]);
}

const KINDS: readonly (readonly [name: string, request: string])[] = [
  ["GET", head("GET /hints HTTP/1.1", "Host: h")],
  ["POST", `${head("POST /hints HTTP/1.1", "Host: h", "Content-Length: 4")}body`],
];

export const INTERIMS: readonly Case[] = [
  ...KINDS.flatMap(([method, bytes]) =>
    HEADS.map(([name, ...heads]): Case => ({
      name: `interim answers to ${method}: ${name}`,
      client: [send(bytes), answer],
      service: [[request, ...awaited(heads), send(OK)]],
    })),
  ),
  {
    name: "interim answers in one packet with the final one",
    client: [send(head("GET /hints HTTP/1.1", "Host: h")), answer],
    service: [
      [
        request,
        send(head("HTTP/1.1 102 Processing") + head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload") + OK),
      ],
    ],
  },
  {
    name: "interim answers byte by byte",
    client: [send(head("GET /hints HTTP/1.1", "Host: h")), answer],
    service: [[request, send(head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload") + OK, { piece: 1 })]],
  },
  {
    name: "an interim answer before the body is sent",
    client: [
      send(head("POST /hints HTTP/1.1", "Host: h", "Content-Length: 4")),
      interims(1),
      send("body"),
      interims(2),
      answer,
    ],
    service: [
      [
        requestHead,
        send(head("HTTP/1.1 104 Upload Resumption Supported", "Location: /u/1")),
        request,
        send(head("HTTP/1.1 102 Processing")),
        interims(2),
        send(OK),
      ],
    ],
  },
  {
    name: "interim answers to HEAD, 304 and 204",
    client: [
      send(head("HEAD /hints HTTP/1.1", "Host: h")),
      answer,
      send(head("GET /hints HTTP/1.1", "Host: h")),
      answer,
      send(head("DELETE /hints HTTP/1.1", "Host: h")),
      answer,
    ],
    service: ["200 OK", "304 Not Modified", "204 No Content"].map((status) => [
      request,
      send(head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload")),
      interims(1),
      send(head(`HTTP/1.1 ${status}`, ...(status.startsWith("204") ? [] : ["Content-Length: 10"]))),
    ]),
  },
];
