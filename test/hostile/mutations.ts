/** Client byte streams: well-formed requests, then damage of the kinds that parsers disagree about. */
import { request } from "./attacks/attack.ts";
import type { Chance } from "./random.ts";

const METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
const LINES = [
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: 40",
  "content-length:5",
  "Content-Length: 5, 5",
  "Content-Length:  7",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: identity",
  "transfer-encoding:chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding : chunked",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: content-length",
  "Connection: upgrade",
  "Upgrade: h2c",
  "Expect: 100-continue",
  "Host: other",
  "Trailer: x",
  "TE: trailers",
  "X: \x01",
  " folded",
  "X-Crossfade-Shadow: a",
  ": b",
  "x",
];
const BITS = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\0",
  " ",
  "\t",
  "\x0b",
  ":",
  ",",
  ";",
  "0",
  "5",
  "f",
  "-",
  "+",
  "\xff",
  "0\r\n\r\n",
  "GET ",
  " HTTP/1.1",
];

/** One to four requests; their bodies look like requests themselves. */
export function wellFormedStream(chance: Chance): string {
  let bytes = "";
  for (let i = 1 + chance.below(4); i > 0; i--) {
    const method = chance.one(METHODS);
    const hidden = `GET /k/${chance.nonce()} HTTP/1.1\r\nHost: h\r\n\r\n`;
    const lines =
      chance.below(4) === 0 ? [chance.one(["Accept: */*", "Cookie: a=b", "X-A: b", "Connection: keep-alive"])] : [];
    const shape = chance.below(3);
    if (shape === 0) bytes += request(method, chance.nonce(), lines);
    else if (shape === 1)
      bytes += request(method, chance.nonce(), [...lines, `Content-Length: ${hidden.length}`], hidden);
    else {
      const cut = 1 + chance.below(hidden.length - 1);
      const chunks = [hidden.slice(0, cut), hidden.slice(cut)].map(
        (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
      );
      bytes += request(method, chance.nonce(), [...lines, "Transfer-Encoding: chunked"], `${chunks.join("")}0\r\n\r\n`);
    }
  }
  return bytes;
}

export function mutate(bytes: string, chance: Chance): string {
  const at = chance.below(bytes.length);
  const to = Math.min(bytes.length, at + 1 + chance.below(12));
  switch (chance.below(9)) {
    case 0:
      return bytes.slice(0, at) + String.fromCharCode(chance.below(256)) + bytes.slice(at + 1);
    case 1:
      return bytes.slice(0, at) + chance.one(BITS) + bytes.slice(at);
    case 2:
      return bytes.slice(0, at) + bytes.slice(to);
    case 3:
      return bytes.slice(0, to) + bytes.slice(at);
    case 4:
      return bytes.slice(0, at);
    case 5:
      return atLine(bytes, at, (before, after) => `${before}${chance.one(LINES)}\r\n${after}`);
    case 6:
      return bytes.replace(/\r\n/, chance.one(["\n", "\r", "\r\r\n", "\n\r\n", " \r\n"]));
    case 7:
      return bytes.replace(/(Content-Length: )\d+/, (_all, name: string) => `${name}${chance.below(80)}`);
    default:
      return atLine(bytes, at, (before, after) => before + after.slice(after.indexOf("\r\n") + 2));
  }
}

function atLine(bytes: string, at: number, edit: (before: string, after: string) => string): string {
  const lineEnd = bytes.indexOf("\r\n", at);
  return lineEnd === -1 ? bytes : edit(bytes.slice(0, lineEnd + 2), bytes.slice(lineEnd + 2));
}

/** The packets in which a stream is sent. */
export function packets(bytes: string, chance: Chance): string[] {
  const parts: string[] = [];
  let at = 0;
  for (let i = chance.below(4); i > 0 && at < bytes.length; i--) {
    const end = at + 1 + chance.below(bytes.length - at);
    parts.push(bytes.slice(at, end));
    at = end;
  }
  if (at < bytes.length) parts.push(bytes.slice(at));
  return parts;
}
