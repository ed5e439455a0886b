/** A request's head as it is written on the wire. Pure. */
import type { UpstreamRequest } from "../ports.ts";

/** How the body's end is told. */
export interface Framing {
  readonly chunked: boolean;
  /** Bytes that Content-Length announces, or -1. */
  readonly length: number;
}

export interface WrittenHead {
  readonly text: string;
  readonly framing: Framing;
}

const NO_BODY: Framing = { chunked: false, length: -1 };
const CHUNKED: Framing = { chunked: true, length: -1 };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What would end a line or a target early, or does not fit into a byte. */
const UNWRITABLE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const UNWRITABLE_TARGET = /[^\x21-\x7e\x80-\xff]/;

/**
 * The head, header by header as given. Where a body is there and no header frames it, one is added: the length of bytes,
 * else chunks.
 * @throws TypeError where something in it cannot stand in a head
 */
export function writeHead({ method, target, headers, body }: UpstreamRequest): WrittenHead {
  if (!TOKEN.test(method) || target === "" || UNWRITABLE_TARGET.test(target)) {
    throw new TypeError(`the request line ${JSON.stringify(`${method} ${target}`.slice(0, 80))} cannot be written`);
  }
  let text = `${method} ${target} HTTP/1.1\r\n`;
  let length = -1;
  let chunked = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (UNWRITABLE_VALUE.test(value) || !TOKEN.test(name)) {
      throw new TypeError(`the header ${JSON.stringify(name)} cannot be written`);
    }
    if (name.length === 14 && name.toLowerCase() === "content-length") length = Number(value);
    else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") chunked = true;
    text += `${name}: ${value}\r\n`;
  }
  if (body === null) return { text: `${text}\r\n`, framing: NO_BODY };
  if (chunked) return { text: `${text}\r\n`, framing: CHUNKED };
  if (Buffer.isBuffer(body)) {
    if (length === -1) text += `Content-Length: ${body.length}\r\n`;
    else if (length !== body.length) throw new TypeError(`Content-Length says ${length}, the body has ${body.length}`);
    return { text: `${text}\r\n`, framing: { chunked: false, length: body.length } };
  }
  if (length !== -1) return { text: `${text}\r\n`, framing: { chunked: false, length } };
  return { text: `${text}Transfer-Encoding: chunked\r\n\r\n`, framing: CHUNKED };
}
