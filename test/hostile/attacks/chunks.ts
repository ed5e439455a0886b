import { type Attack, get, refused, request } from "./attack.ts";

const CHUNKED = ["Transfer-Encoding: chunked"];

function body(name: string, bytes: string): Attack {
  return refused(name, ({ a, x }) => request("POST", a, CHUNKED, `${bytes}${get(x)}`));
}

function whole(name: string, bytes: string): Attack {
  return {
    name,
    send: ({ a, b }) => request("POST", a, CHUNKED, `${bytes}${get(b)}`),
    served: "ab",
    answers: [200, 200],
  };
}

const TRAILERS = [
  "Host: other",
  "x-crossfade-shadow: forged",
  "X-Crossfade-Order: 9.9",
  "Authorization: Basic eA==",
  "Trailer: x",
  "Content-Type: text/html",
  "x-nonce: forged",
];

export const CHUNKS: readonly Attack[] = [
  body("a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"),
  body("a size with a minus", "-5\r\nhello\r\n0\r\n\r\n"),
  body("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
  body("a size that overflows 32 bits", "100000005\r\nhello\r\n0\r\n\r\n".replace("100000005", "10000000000000005")),
  body("a size that overflows 64 bits", "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
  body("no size", "\r\nhello\r\n0\r\n\r\n"),
  body("a size that is no number", "g\r\nhello\r\n0\r\n\r\n"),
  body("a blank before the size", " 5\r\nhello\r\n0\r\n\r\n"),
  body("a line end before the size", "\r\n5\r\nhello\r\n0\r\n\r\n"),
  body("LF after the size", "5\nhello\r\n0\r\n\r\n"),
  body("CR after the size", "5\rhello\r\n0\r\n\r\n"),
  body("CRCRLF after the size", "5\r\r\nhello\r\n0\r\n\r\n"),
  body("LF after the data", "5\r\nhello\n0\r\n\r\n"),
  body("nothing after the data", "5\r\nhello0\r\n\r\n"),
  body("two more bytes than the size says", "5\r\nhelloXX0\r\n\r\n"),
  body("LF after the last size", "5\r\nhello\r\n0\n\r\n"),
  body("LF at the end", "5\r\nhello\r\n0\r\n\n"),
  body("an extension with LF in it", "5;a\nhello\r\n0\r\n\r\n"),
  body("an extension with CR in it", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
  body("a quoted extension with a line end in it", '5;a="\r\n"\r\nhello\r\n0\r\n\r\n'),
  body("an extension with NUL in it", "5;a\0b\r\nhello\r\n0\r\n\r\n"),
  body("a size followed by a blank and more", "5 5\r\nhello\r\n0\r\n\r\n"),
  body("an obs-fold in the trailers", "5\r\nhello\r\n0\r\nx: a\r\n b\r\n\r\n"),
  body("a trailer that is no header line", "5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
  body("LF between trailers", "5\r\nhello\r\n0\r\nx: a\ny: b\r\n\r\n"),
  body("NUL in a trailer", "5\r\nhello\r\n0\r\nx: a\0b\r\n\r\n"),
  body("a trailer Content-Length", "5\r\nhello\r\n0\r\nContent-Length: 40\r\n\r\n"),
  body("a trailer Transfer-Encoding", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
  {
    name: "a trailer Connection: close ends the connection, not the exchange",
    send: ({ a, x }) => request("POST", a, CHUNKED, `5\r\nhello\r\n0\r\nConnection: close\r\n\r\n${get(x)}`),
    served: "a",
    answers: [200],
    ends: true,
  },
  whole("an extension", "5;a=b;c\r\nhello\r\n0;end\r\n\r\n"),
  whole("a quoted extension that looks like the end", '5;a="0 GET / HTTP/1.1"\r\nhello\r\n0\r\n\r\n'),
  whole("an extension of 8 KiB", `5;${"e".repeat(8 * 1024)}\r\nhello\r\n0\r\n\r\n`),
  whole("leading zeros", "0000000000005\r\nhello\r\n000\r\n\r\n"),
  whole("sizes in both cases", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
  whole("data that looks like an end and a request", `1d\r\n0\r\n\r\nGET /k/none HTTP/1.1\r\n\r\n\r\n0\r\n\r\n`),
  whole("a thousand chunks of one byte", `${"1\r\nz\r\n".repeat(1000)}0\r\n\r\n`),
  ...TRAILERS.map((line) => whole(`a trailer ${line}`, `5\r\nhello\r\n0\r\n${line}\r\n\r\n`)),
  ...TRAILERS.map((line): Attack => ({
    name: `a trailer ${line} that was announced`,
    send: ({ a, b }) =>
      request(
        "POST",
        a,
        [...CHUNKED, `Trailer: ${line.split(":")[0] ?? ""}`],
        `5\r\nhello\r\n0\r\n${line}\r\n\r\n${get(b)}`,
      ),
    served: "ab",
    answers: [200, 200],
  })),
];
