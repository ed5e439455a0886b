/**
 * Messages between the parent and its workers as bytes: two lengths (uint32, little-endian: of head and bytes together, and of
 * the head), the head in JSON, then bytes as they are. Bodies never pass through JSON.
 */

const PREFIX_BYTES = 8;
/** Smaller bytes are copied behind their head: one write costs less than two. */
const COPIED_BYTES = 4 * 1024;
const NO_BYTES = Buffer.alloc(0);

/** The frame in pieces, to be written in their order. */
export function encodeFrame(message: object, bytes: readonly Buffer[]): readonly Buffer[] {
  const head = JSON.stringify(message);
  const headBytes = Buffer.byteLength(head);
  let length = 0;
  for (const piece of bytes) length += piece.length;
  const isCopied = length <= COPIED_BYTES;
  const first = Buffer.allocUnsafe(PREFIX_BYTES + headBytes + (isCopied ? length : 0));
  first.writeUInt32LE(headBytes + length, 0);
  first.writeUInt32LE(headBytes, 4);
  first.write(head, PREFIX_BYTES);
  if (!isCopied) return [first, ...bytes];
  let at = PREFIX_BYTES + headBytes;
  for (const piece of bytes) at += piece.copy(first, at);
  return [first];
}

/** Puts frames together again, however the bytes come. */
export class FrameReader {
  readonly #take: (message: unknown, bytes: Buffer) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  /** How much has to be there before it is looked at again. */
  #needed = PREFIX_BYTES;

  /** `take`: the bytes are a view of what was read; whoever keeps them copies them. */
  constructor(take: (message: unknown, bytes: Buffer) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return;
    const all = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces);
    let at = 0;
    this.#needed = PREFIX_BYTES;
    while (all.length - at >= PREFIX_BYTES) {
      const end = at + PREFIX_BYTES + all.readUInt32LE(at);
      if (end > all.length) {
        this.#needed = end - at;
        break;
      }
      const bytesAt = at + PREFIX_BYTES + all.readUInt32LE(at + 4);
      const message: unknown = JSON.parse(all.toString("utf8", at + PREFIX_BYTES, bytesAt));
      this.#take(message, bytesAt === end ? NO_BYTES : all.subarray(bytesAt, end));
      at = end;
    }
    this.#pieces = at === all.length ? [] : [all.subarray(at)];
    this.#length = all.length - at;
  }
}
