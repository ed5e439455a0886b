/** Splits one direction of an HTTP/1.1 connection into messages, with as little work as a benchmark can afford. */
const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");

export class Framing {
  readonly #message: (message: Buffer) => void;
  #held: Buffer | null = null;
  /** Of the message before: the traffic of one connection is much alike, and then its head need not be read again. */
  #lastHeadEnd = -1;
  #lastLength = -1;

  /** `message` gets each complete message, head and body; it must not keep the bytes. */
  constructor(message: (message: Buffer) => void) {
    this.#message = message;
  }

  take(chunk: Buffer): void {
    let rest = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      const length = this.#messageLength(rest);
      if (length === null || length > rest.length) break;
      this.#message(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.#held = rest.length === 0 ? null : rest;
  }

  /** Of the first message in these bytes, or null while its head (or chunked end) has not come. */
  #messageLength(bytes: Buffer): number | null {
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd === -1) return null;
    if (headEnd === this.#lastHeadEnd && bytes.length === this.#lastLength) return this.#lastLength;
    const length = lengthByHead(bytes, headEnd);
    this.#lastHeadEnd = headEnd;
    this.#lastLength = length ?? -1;
    return length;
  }
}

function lengthByHead(bytes: Buffer, headEnd: number): number | null {
  const head = bytes.toString("latin1", 0, headEnd);
  const bodyStart = headEnd + HEAD_END.length;
  const announced = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (announced !== null) return bodyStart + Number(announced[1]);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return bodyStart;
  const end = bytes.indexOf(LAST_CHUNK, headEnd);
  return end === -1 ? null : end + LAST_CHUNK.length;
}

/** What follows the head. */
export function bodyOf(message: Buffer): Buffer {
  return message.subarray(message.indexOf(HEAD_END) + HEAD_END.length);
}
