export type BreakerState = "closed" | "half-open" | "open";

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly opensAfter: number;
  /** Pause before one attempt is let through to try. */
  readonly probeEveryMs: number;
  readonly monotonic: () => number;
}

/** An attempt that was let through; `probe`: it alone decides whether the breaker closes again. */
export type Pass = "usual" | "probe";

/**
 * Counts failures in a row; open, it lets one attempt through after each pause. Plain calls around the attempt: cockatiel
 * 4 wraps it in three promises, which every copy would pay for.
 *
 *   closed ── failures in a row ──→ open ── after the pause ──→ half-open (one attempt is out) ── success ──→ closed
 *                                    ↑ ───────────────────── failure ─────────────────────────┘
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = "closed";
  #failures = 0;
  #openedAt = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** null: not now. Otherwise exactly one of `succeeded` and `failed` follows. */
  admit(): Pass | null {
    if (this.#state === "closed") return "usual";
    if (this.#state === "half-open") return null;
    if (this.#options.monotonic() - this.#openedAt < this.#options.probeEveryMs) return null;
    this.#state = "half-open";
    return "probe";
  }

  /** Whether this closed the breaker. */
  succeeded(pass: Pass): boolean {
    this.#failures = 0;
    if (pass === "usual") return false;
    this.#state = "closed";
    return true;
  }

  failed(pass: Pass): void {
    if (pass === "probe") this.#open();
    else if (++this.#failures >= this.#options.opensAfter && this.#state === "closed") this.#open();
  }

  #open(): void {
    this.#state = "open";
    this.#failures = 0;
    this.#openedAt = this.#options.monotonic();
  }
}
