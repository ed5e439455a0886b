/** What the client measured, kept for as long as the story may ask about it. */

export interface Measured {
  readonly requests: number;
  readonly errors: number;
  /** Requests a second. */
  readonly rate: number;
  /** ms; null while nothing was measured. */
  readonly p50: number | null;
  readonly p99: number | null;
}

interface Measurement {
  readonly at: number;
  readonly ms: number;
  readonly failed: boolean;
}

/** Beyond this the oldest half goes: the gentle traffic after the story may run for days. */
const KEPT = 20_000;

export class Latencies {
  #kept: Measurement[] = [];
  #requests = 0;
  #errors = 0;

  get requests(): number {
    return this.#requests;
  }

  get errors(): number {
    return this.#errors;
  }

  /** `at`: monotonic ms of the request's end. */
  add(at: number, ms: number, failed: boolean): void {
    this.#requests++;
    if (failed) this.#errors++;
    this.#kept.push({ at, ms, failed });
    if (this.#kept.length > KEPT) this.#kept = this.#kept.slice(KEPT / 2);
  }

  /** What ended in [from, to), monotonic ms. */
  between(from: number, to: number): Measured {
    const window = this.#kept.filter(({ at }) => at >= from && at < to);
    const sorted = window.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      requests: window.length,
      errors: window.filter(({ failed }) => failed).length,
      rate: to > from ? (window.length * 1000) / (to - from) : 0,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
    };
  }
}

/** The smallest value that at least this share of all does not exceed. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
