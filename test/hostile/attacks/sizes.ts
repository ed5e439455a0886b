import { type Attack, get, refused, request } from "./attack.ts";

const MEGABYTE = 1024 * 1024;

function headers(count: number, line: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => line(i));
}

function served(name: string, lines: readonly string[]): Attack {
  return { name, send: ({ a, b }) => request("GET", a, lines, get(b)), served: "ab", answers: [200, 200] };
}

export const SIZES: readonly Attack[] = [
  refused("a header of 1 MB", ({ a, x }) => request("GET", a, [`x: ${"v".repeat(MEGABYTE)}`], get(x)), 431),
  refused("a name of 1 MB", ({ a, x }) => request("GET", a, [`${"n".repeat(MEGABYTE)}: v`], get(x)), 431),
  refused(
    "a target of 1 MB",
    ({ a, x }) => `GET /k/${a}?${"q".repeat(MEGABYTE)} HTTP/1.1\r\nHost: h\r\n\r\n${get(x)}`,
    431,
  ),
  refused("a method of 1 MB", ({ a, x }) => `${"G".repeat(MEGABYTE)} /k/${a} HTTP/1.1\r\nHost: h\r\n\r\n${get(x)}`),
  refused(
    "forty thousand headers",
    ({ a, x }) =>
      request(
        "GET",
        a,
        headers(40_000, (i) => `x-${i}: ${i}`),
        get(x),
      ),
    431,
  ),
  refused(
    "a chunk extension of 1 MB",
    ({ a, x }) =>
      request("POST", a, ["Transfer-Encoding: chunked"], `5;${"e".repeat(MEGABYTE)}\r\nhello\r\n0\r\n\r\n${get(x)}`),
    413,
  ),
  refused(
    "trailers of 1 MB",
    ({ a, x }) =>
      request(
        "POST",
        a,
        ["Transfer-Encoding: chunked"],
        `5\r\nhello\r\n0\r\nx: ${"t".repeat(MEGABYTE)}\r\n\r\n${get(x)}`,
      ),
    431,
  ),
  served(
    "ten thousand headers",
    headers(10_000, (i) => `x-${i}: ${i}`),
  ),
  served(
    "ten thousand times one header",
    headers(10_000, () => "x: y"),
  ),
  {
    name: "a length behind more headers than Node keeps by itself (2000)",
    send: ({ a, b, x }) =>
      request("POST", a, [...headers(2_100, () => "a:"), `Content-Length: ${get(x).length}`], `${get(x)}${get(b)}`),
    served: "ab",
    answers: [200, 200],
  },
  {
    name: "a megabyte of empty lines before a request",
    send: ({ a }) => `${"\r\n".repeat(MEGABYTE / 2)}${get(a)}`,
    served: "a",
    answers: [200],
  },
];
