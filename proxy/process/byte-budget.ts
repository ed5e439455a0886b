/** A process-wide limit in bytes, enforced where bytes are kept (guarantee G5). */
export class ByteBudget {
  #used = 0;
  #limit: number;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get usedBytes(): number {
    return this.#used;
  }

  get limitBytes(): number {
    return this.#limit;
  }

  /** A reload may move the limit; what is held already stays held. */
  resize(limitBytes: number): void {
    this.#limit = limitBytes;
  }

  /** Reserves `bytes`; false, and nothing reserved, where they do not fit into that share of the limit. */
  take(bytes: number, share = 1): boolean {
    if (this.#used + bytes > this.#limit * share) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
