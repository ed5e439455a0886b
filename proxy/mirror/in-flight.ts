/** Shadow requests on the wire, of the whole process: all gates share one. */
export class InFlight {
  readonly #limit: () => number;
  readonly #onFreed = new Set<() => void>();
  #used = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get hasRoom(): boolean {
    return this.#used < this.#limit();
  }

  take(): boolean {
    if (!this.hasRoom) return false;
    this.#used++;
    return true;
  }

  give(): void {
    this.#used--;
    for (const tell of this.#onFreed) tell();
  }

  /** Called each time one is given back. */
  whenFreed(tell: () => void): void {
    this.#onFreed.add(tell);
  }
}
