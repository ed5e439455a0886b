/**
 * How much of large answers one turn of the event loop takes. libuv reads a socket up to 32 times before it looks at another:
 * with 64 KiB a time, copied, digested, encrypted and written on, one fast service would hold everybody up for 3 to 5 ms.
 */
export class ReadTurn {
  readonly #maxBytes: number;
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #isTimed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counts a read; true: enough for this turn. */
  take(bytes: number): boolean {
    this.#bytes += bytes;
    if (!this.#isTimed) setImmediate(() => this.#next());
    this.#isTimed = true;
    return this.#bytes >= this.#maxBytes;
  }

  /** Calls back in the next turn. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn);
  }

  #next(): void {
    this.#bytes = 0;
    this.#isTimed = false;
    for (const goOn of this.#waiting.splice(0)) goOn();
  }
}
