import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from "cockatiel";

export type BreakerState = "closed" | "half-open" | "open";

export interface ShadowGateOptions {
  /** Failures in a row that open the breaker. */
  readonly opensAfter: number;
  /** Pause before one attempt is let through to try. */
  readonly probeEveryMs: number;
  readonly inFlightLimit: () => number;
  readonly ratePerSecond: () => number | null;
  readonly monotonic: () => number;
}

/** Why an attempt was not made: the deadline passed while this stood in the way. */
export class NotAttempted {
  readonly because: "breaker-open" | "expired" | "shutdown";

  constructor(because: "breaker-open" | "expired" | "shutdown") {
    this.because = because;
  }
}

interface Waiter {
  readonly wake: () => void;
}

/**
 * What stands between the lanes and one shadow service: the breaker, the limit of requests in flight, and the rate.
 * While the breaker is open lanes wait here and do not drop; one attempt at a time tries whether the service is back.
 */
export class ShadowGate {
  readonly #options: ShadowGateOptions;
  readonly #breaker;
  readonly #waiters = new Set<Waiter>();
  #probeTimer: NodeJS.Timeout | null = null;
  #inFlight = 0;
  #nextSendAt = 0;
  #closed = false;

  constructor(options: ShadowGateOptions) {
    this.#options = options;
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: options.probeEveryMs,
      breaker: new ConsecutiveBreaker(options.opensAfter),
    });
    this.#breaker.onReset(() => this.#wakeAll());
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  state(): BreakerState {
    if (this.#breaker.state === CircuitState.Open || this.#breaker.state === CircuitState.Isolated) return "open";
    return this.#breaker.state === CircuitState.HalfOpen ? "half-open" : "closed";
  }

  /**
   * Runs `attempt` when the breaker, the in-flight limit and the rate let it through; what it throws counts as a failure
   * of the service. Resolves to NotAttempted once `deadline` (monotonic ms) passes.
   */
  async run<T>(attempt: () => Promise<T>, deadline: number): Promise<T | NotAttempted> {
    for (;;) {
      if (this.#closed) return new NotAttempted("shutdown");
      const open = this.state() === "open";
      const left = deadline - this.#options.monotonic();
      if (left <= 0) return new NotAttempted(open ? "breaker-open" : "expired");
      if (this.#inFlight >= this.#options.inFlightLimit()) {
        await this.#wait(left);
        continue;
      }
      const pauseMs = this.#pace();
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, left)));
      this.#inFlight++;
      try {
        return await this.#breaker.execute(attempt);
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
      } finally {
        this.#inFlight--;
        if (this.state() === "closed") this.#wakeOne();
      }
      this.#scheduleProbe();
      await this.#wait(deadline - this.#options.monotonic());
    }
  }

  /** Nothing more is attempted; whoever waits is told. */
  close(): void {
    this.#closed = true;
    if (this.#probeTimer !== null) clearTimeout(this.#probeTimer);
    this.#wakeAll();
  }

  #wait(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        wake: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.wake, Math.max(ms, 0) + 1);
      this.#waiters.add(waiter);
    });
  }

  /** One lane is let through to try; all the others would only be refused with it. */
  #scheduleProbe(): void {
    if (this.#probeTimer !== null || this.#closed) return;
    this.#probeTimer = setTimeout(() => {
      this.#probeTimer = null;
      if (this.state() === "closed") return;
      this.#wakeOne();
      if (this.#waiters.size > 0) this.#scheduleProbe();
    }, this.#options.probeEveryMs);
  }

  #wakeOne(): void {
    for (const waiter of this.#waiters) {
      waiter.wake();
      return;
    }
  }

  #wakeAll(): void {
    for (const waiter of [...this.#waiters]) waiter.wake();
  }

  /** Ms to wait so that attempts stay below the configured rate. */
  #pace(): number {
    const rate = this.#options.ratePerSecond();
    if (rate === null) return 0;
    const now = this.#options.monotonic();
    const at = Math.max(now, this.#nextSendAt);
    this.#nextSendAt = at + 1000 / rate;
    return at - now;
  }
}
