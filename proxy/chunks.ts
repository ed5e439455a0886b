/**
 * Memory for the pieces of large bodies, used again: 20 MB of new memory for a pair of 10 MB had V8 collect in the main
 * thread with each pair. Only pieces that nearly fill it are lent: whoever keeps a piece keeps all of it.
 */
const LENT_BYTES = 64 * 1024;
const LENT_FROM_BYTES = 56 * 1024;
/** 2 MiB; what comes back beyond that is garbage. */
const FREE_MAX = 32;

export class Chunks {
  readonly #free: ArrayBuffer[] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** A copy of these bytes, the caller's to keep. */
  copy(bytes: Buffer, from: number, to: number): Buffer {
    const length = to - from;
    let chunk: Buffer;
    if (length < LENT_FROM_BYTES || length > LENT_BYTES) {
      chunk = Buffer.allocUnsafe(length);
    } else {
      const memory = this.#free.pop() ?? new ArrayBuffer(LENT_BYTES);
      this.#lent.add(memory);
      chunk = Buffer.from(memory, 0, length);
    }
    bytes.copy(chunk, 0, from, to);
    return chunk;
  }

  /** Gives a chunk back that nobody reads any more, a socket included. Without this it is garbage like any other. */
  release(chunk: Buffer): void {
    const memory = chunk.buffer;
    if (!(memory instanceof ArrayBuffer) || !this.#lent.delete(memory)) return;
    if (this.#free.length < FREE_MAX) this.#free.push(memory);
  }
}

/** Of the whole process. */
export const chunks = new Chunks();
