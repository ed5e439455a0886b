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
/** What would end a target early, or does not fit into a byte. */
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
    if (!isWritableValue(value) || !isWritableName(name)) {
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

/** A client sends the same names all the time; looking one up is cheaper than reading it. */
const WRITABLE_NAMES = new Set<string>();
/** Names beyond these are read each time: clients choose them. */
const MOST_NAMES_KEPT = 512;
const LONGEST_NAME_KEPT = 64;

function isWritableName(name: string): boolean {
  if (WRITABLE_NAMES.has(name)) return true;
  if (!TOKEN.test(name)) return false;
  if (WRITABLE_NAMES.size < MOST_NAMES_KEPT && name.length <= LONGEST_NAME_KEPT) WRITABLE_NAMES.add(name);
  return true;
}

/** Nothing in it ends the line early or does not fit into a byte. A loop: most values are shorter than a call into RegExp is worth. */
function isWritableValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}
