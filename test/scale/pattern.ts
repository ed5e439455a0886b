/** What bodies are made of: bytes that tell their own place, so that a lost, doubled or swapped piece is seen. */
const MIB = 1024 * 1024;

/** A prime number of bytes: no power-of-two piece of it begins like another. */
const PERIOD = 1_048_573;

/** Long enough to hold any piece of up to 1 MiB from any place of the period. */
const TWICE = ((): Buffer => {
  const bytes = Buffer.alloc(PERIOD + MIB);
  // xorshift32: cheap, and without a short period of its own.
  let state = 0x9e3779b9;
  for (let at = 0; at < PERIOD; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  bytes.copy(bytes, PERIOD, 0, MIB);
  return bytes;
})();

/** The piece at `offset` of a body; at most 1 MiB. */
export function pieceAt(offset: number, length: number): Buffer {
  const start = offset % PERIOD;
  return TWICE.subarray(start, start + Math.min(length, MIB));
}

/** Follows a body as it comes. */
export class PatternCheck {
  #length = 0;
  #intact = true;

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += MIB) {
      const part = chunk.subarray(at, at + MIB);
      if (this.#intact && !part.equals(pieceAt(this.#length, part.length))) this.#intact = false;
      this.#length += part.length;
    }
  }

  get length(): number {
    return this.#length;
  }

  /** Whether everything so far was what belongs there. */
  get isIntact(): boolean {
    return this.#intact;
  }
}
