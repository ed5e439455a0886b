/** Spreads bytes over time: after each piece it says how long to pause so that the rate holds. */
export class Pace {
  readonly #bytesPerMs: number;
  #paidUntil = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Ms to wait before more is read; 0 while less than a few ms are owed, since a timer is not finer than that. */
  pauseAfter(bytes: number, nowMonotonic: number): number {
    this.#paidUntil = Math.max(this.#paidUntil, nowMonotonic) + bytes / this.#bytesPerMs;
    const owedMs = this.#paidUntil - nowMonotonic;
    return owedMs < 5 ? 0 : owedMs;
  }
}
