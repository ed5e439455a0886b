import { type Attack, get, refused, request } from "./attack.ts";

function passes(name: string, lines: readonly string[], method = "POST", body = "hello"): Attack {
  return {
    name,
    send: ({ a, b }) => request(method, a, [...lines, `Content-Length: ${body.length}`], `${body}${get(b)}`),
    served: "ab",
    answers: [200, 200],
  };
}

const NAMED = [
  "host",
  "content-length",
  "authorization",
  "cookie",
  "transfer-encoding",
  "x-crossfade-shadow",
  "x-nonce",
  "trailer",
  "expect",
  "x-forwarded-for",
  "content-type",
  "connection",
  "*",
  "",
  ",,,",
  "\xe9",
  "host, host, content-length",
];

export const FIELDS: readonly Attack[] = [
  ...NAMED.map((name) => passes(`Connection: ${name}`, [`Connection: ${name}`, "Authorization: Basic eA=="])),
  {
    name: "Connection names the encoding of a chunked body",
    send: ({ a, b }) =>
      request(
        "POST",
        a,
        ["Connection: transfer-encoding", "Transfer-Encoding: chunked"],
        `5\r\nhello\r\n0\r\n\r\n${get(b)}`,
      ),
    served: "ab",
    answers: [200, 200],
  },
  passes("forged marks", [
    "x-crossfade-shadow: v1.AAAA",
    "X-Crossfade-Exchange: 01J00000000000000000000000",
    "X-CROSSFADE-ORDER: 9.9",
    "x-crossfade-epoch: 99",
  ]),
  passes("Expect: 200-maybe", ["Expect: 200-maybe"]),
  passes("Expect without a value", ["Expect:"]),
  ...[
    ["Expect: 100-continue"],
    ["Expect: 100-Continue, 100-continue"],
    ["Expect: 100-continue", "Expect: 100-continue"],
  ].map((lines): Attack => ({
    name: `${lines.join(" and ")} with its body at once`,
    send: ({ a }) => request("POST", a, [...lines, "Content-Length: 5"], "hello"),
    served: "a",
    answers: [200],
  })),
  // Node throws away what follows such a request in the same packet, unless it is taken off Node's hands.
  ...["h2c", "TLS/1.0, HTTP/2.0"].flatMap((protocols): Attack[] => [
    passes(`Upgrade: ${protocols} with a body`, ["Connection: Upgrade", `Upgrade: ${protocols}`]),
    passes(
      `Upgrade: ${protocols} with a body that looks like a request`,
      ["Connection: Upgrade", `Upgrade: ${protocols}`],
      "POST",
      get("none000"),
    ),
    {
      name: `Upgrade: ${protocols} without a body, twice`,
      send: ({ a, b, c }) =>
        request("GET", a, ["Connection: Upgrade", `Upgrade: ${protocols}`]) +
        request("GET", b, ["Connection: Upgrade", `Upgrade: ${protocols}`]) +
        get(c),
      served: "abc",
      answers: [200, 200, 200],
    },
    {
      name: `Upgrade: ${protocols} with chunks, behind a write`,
      send: ({ a, b, c }) =>
        request("POST", a, ["Content-Length: 5"], "hello") +
        request(
          "POST",
          b,
          ["Connection: Upgrade", `Upgrade: ${protocols}`, "Transfer-Encoding: chunked"],
          "5\r\nhello\r\n0\r\n\r\n",
        ) +
        get(c),
      served: "abc",
      answers: [200, 200, 200],
    },
    refused(`Upgrade: ${protocols} with two lengths`, ({ a, x }) =>
      request(
        "POST",
        a,
        ["Connection: Upgrade", `Upgrade: ${protocols}`, "Content-Length: 5", "Content-Length: 0"],
        `hello${get(x)}`,
      ),
    ),
    refused(`Upgrade: ${protocols} with two Hosts`, ({ a, x }) =>
      request("GET", a, ["Connection: Upgrade", `Upgrade: ${protocols}`, "Host: other"], get(x)),
    ),
  ]),
  passes("Upgrade: h2c without Connection", ["Upgrade: h2c"]),
  passes("Keep-Alive and Proxy-Connection", ["Keep-Alive: timeout=99999999999999", "Proxy-Connection: keep-alive"]),
  passes("TE: trailers, chunked, gzip", ["TE: trailers, chunked, gzip"]),
  passes("Max-Forwards: 0 on OPTIONS", ["Max-Forwards: 0"], "OPTIONS"),
  passes("a method override", ["X-HTTP-Method-Override: GET"]),
  passes("names that begin like ours", ["x-crossfade: 1", "x_crossfade_shadow: 1"]),
  passes("forwarded headers that name others", [
    "X-Forwarded-For: 1.2.3.4, 5.6.7.8",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Proto: gopher",
  ]),
  passes("a value beyond ASCII", ["x: caf\xc3\xa9 \xff"]),
  passes("names of Object.prototype", ["__proto__: a", "constructor: b", "hasOwnProperty: c", "toString: d"]),
  {
    name: "Proxy-Connection: close ends the connection as it did for others",
    send: ({ a, x }) => request("GET", a, ["Proxy-Connection: close"], get(x)),
    served: "a",
    answers: [200],
    ends: true,
  },
  {
    name: "no Host: the primary judges",
    send: ({ a, b }) => `GET /k/${a} HTTP/1.1\r\nx-nonce: ${a}\r\n\r\n${get(b)}`,
    served: "ab",
    answers: [200, 200],
  },
  refused("two Hosts", ({ a, x }) => request("GET", a, ["Host: other"], get(x))),
  refused("two equal Hosts", ({ a, x }) => request("GET", a, ["Host: h"], get(x))),
  refused("Host with a blank before its colon", ({ a, x }) => request("GET", a, ["Host : other"], get(x))),
  {
    name: "absolute-form with another Host",
    send: ({ a, b }) => `GET http://other.example/k/${a} HTTP/1.1\r\nHost: h\r\nx-nonce: ${a}\r\n\r\n${get(b)}`,
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "targets that others normalise",
    send: ({ a, b, c }) =>
      `GET /x/../k/${a}?%zz HTTP/1.1\r\nHost: h\r\nx-nonce: ${a}\r\n\r\nGET //evil/k/${b} HTTP/1.1\r\nHost: h\r\nx-nonce: ${b}\r\n\r\n` +
      `POST /k/${c}#%0d%0aX:y HTTP/1.1\r\nHost: h\r\nx-nonce: ${c}\r\nContent-Length: 0\r\n\r\n`,
    served: "abc",
    answers: [200, 200, 200],
  },
  {
    name: "CONNECT",
    send: ({ a, x }) => `CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\nx-nonce: ${a}\r\n\r\n${get(x)}`,
    served: "",
    answers: [],
  },
];
