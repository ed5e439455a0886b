/** Request heads: methods, targets, headers. */
import { METHODS } from "node:http";
import { answer, type Case, exchange, head, PLAIN_ANSWER, send } from "../script.ts";

/** CONNECT asks for a tunnel to elsewhere; it is among the refusals. */
const FORWARDED_METHODS = METHODS.filter((method) => method !== "CONNECT");

const TARGETS = [
  "/a%2Fb%2fc",
  "/a/../b/./c/..",
  "/..",
  "//host//double//",
  "/%zz/%/%1",
  "/%00%0d%0a",
  "/?",
  "/??",
  "/x?a=b??c=d?e",
  "/x?&&=&a=&a=1&b",
  "/;p=1;q;",
  "/a;b?c;d",
  "/a%20b+c",
  "/[x]{y}|z^`'\"<>\\",
  "/fragment#at-all",
  "/caf%C3%A9/%E9",
  "/@:!$&'()*,=~",
  "/http://inside.example/x",
  "http://other.example/absolute?x=1",
  "http://other.example",
  "http://other.example:8080?no-path",
  "HTTP://UPPER.example/Path",
  "https://other.example/secure",
  "http://[::1]:80/x",
  "http://user:pass@other.example/",
  `/${"long/".repeat(1638)}`,
  `/?${"q".repeat(8190)}`,
];

/** Each set of lines is sent with a GET, which is not mirrored, and with a POST, which is. */
const HEADERS: readonly (readonly [name: string, ...lines: string[]])[] = [
  ["Host in the last place", "X-First: 1", "Accept: */*", "Host: h"],
  ["Host in the middle, in odd case", "X-First: 1", "hOsT: Example.COM:80", "x-last: 1"],
  ["an empty Host", "Host: "],
  ["names in every case", "HOST: h", "x-lower: 1", "X-UPPER: 1", "x-MiXeD: 1", "ACCEPT: */*", "user-AGENT: a"],
  ["repeated names, interleaved", "Host: h", "X-A: 1", "X-B: 1", "x-a: 2", "X-B: 2", "X-A: 1", "x-b: 3"],
  [
    "repeated names that Node's own objects join or drop",
    "Host: h",
    "Cookie: a=1",
    "Accept: a",
    "Cookie: b=2",
    "Accept: b",
    "Content-Type: a/b",
    "content-type: c/d",
    "User-Agent: 1",
    "User-Agent: 2",
    "Authorization: one",
    "Authorization: two",
    "Referer: 1",
    "Referer: 2",
  ],
  ["empty values", "Host: h", "X-Empty:", "X-Empty: ", "X-Blank: \t ", "Accept:"],
  ["values with bytes above ASCII", "Host: h", "X-Latin: caf\xe9 \xa0\xff", "X-Utf8: \xe2\x9c\x93"],
  ["blanks around and within values", "Host: h", "X-Around:  \t a \t b  \t", "X-None:c", "X-Within: a  ,\t b"],
  ["every character of a name", "Host: h", "!#$%&'*+-.^_`|~09Az: 1", "_under_score: 1"],
  [
    "names that objects sort or hide",
    "Host: h",
    "X-Z: 1",
    "42: answer",
    "7: seven",
    "__proto__: p",
    "constructor: c",
    "0: zero",
    "toString: t",
  ],
  ["a value of 200 KB", "Host: h", `X-Long: ${"v".repeat(200_000)}`],
  ["300 lines", "Host: h", ...Array.from({ length: 300 }, (_, i) => `X-Line-${i % 7}: ${i}`)],
  ["2500 short lines", "Host: h", ...Array.from({ length: 2500 }, (_, i) => `${"abcdefgh"[i % 8]}:${i % 10}`)],
  [
    "headers of proxies before us",
    "Host: h",
    "Via: 1.1 edge",
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example",
    "Forwarded: for=203.0.113.9",
    "X-Real-IP: 203.0.113.9",
  ],
  [
    "conditional and range headers",
    "Host: h",
    'If-None-Match: "a", W/"b"',
    "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT",
    "Range: bytes=0-5,7-",
    'If-Range: "x"',
  ],
  ["Accept-Encoding", "Host: h", "accept-encoding: br;q=1.0, gzip;q=0.8, *;q=0.1"],
  [
    "trace headers",
    "Host: h",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate: a=b",
    "baggage: k=v",
  ],
  ["a Trailer announced though there is none", "Host: h", "Trailer: X-Sum"],
  [
    "Connection: keep-alive, with its parameters",
    "Host: h",
    "Connection: Keep-Alive",
    "Keep-Alive: timeout=5, max=9",
    "X-After: 1",
  ],
  ["Max-Forwards, which some proxies count down", "Host: h", "Max-Forwards: 0"],
  ["an Expect that nobody knows", "Host: h", "Expect: the-unexpected"],
];

export const HEADS: readonly Case[] = [
  ...FORWARDED_METHODS.map((method) =>
    exchange(`${method} without a body`, head(`${method} /things/1?m HTTP/1.1`, "Host: h", "X-M: 1")),
  ),
  ...FORWARDED_METHODS.map((method) =>
    exchange(`${method} with a body`, `${head(`${method} /things/1 HTTP/1.1`, "Host: h", "Content-Length: 4")}body`),
  ),
  ...TARGETS.flatMap((target) => [
    exchange(`the target ${shown(target)}`, head(`GET ${target} HTTP/1.1`, "Host: h")),
    exchange(
      `the target ${shown(target)} of a write`,
      `${head(`POST ${target} HTTP/1.1`, "Host: h", "Content-Length: 2")}{}`,
    ),
  ]),
  exchange("OPTIONS *", head("OPTIONS * HTTP/1.1", "Host: h")),
  exchange("OPTIONS * with a body", `${head("OPTIONS * HTTP/1.1", "Host: h", "Content-Length: 2")}{}`),
  ...HEADERS.flatMap(([name, ...lines]) => [
    exchange(`request headers: ${name}`, head("GET /headers HTTP/1.1", ...lines)),
    exchange(
      `request headers of a write: ${name}`,
      `${head("POST /headers HTTP/1.1", ...lines, "Content-Length: 2")}{}`,
    ),
  ]),
  {
    name: "a head that comes byte by byte",
    client: [send(head("GET /slow HTTP/1.1", "Host: h", "X-A: 1"), { piece: 1 }), answer],
    service: [PLAIN_ANSWER],
  },
  exchange("a request after empty lines", `\r\n\r\n${head("GET /late HTTP/1.1", "Host: h")}`),
  ...["00004", "4 ", "\t4"].map((length) =>
    exchange(
      `a length spelled ${JSON.stringify(length)}`,
      `${head("POST /length HTTP/1.1", "Host: h", `content-LENGTH: ${length}`, "X-After: 1")}body`,
    ),
  ),
];

function shown(target: string): string {
  return target.length <= 40 ? target : `${target.slice(0, 8)}… of ${target.length} bytes`;
}
