import { Breaker, type BreakerOptions, type BreakerState, type Pass } from "./breaker.ts";
import type { InFlight } from "./in-flight.ts";
import { untilLaterTurn } from "./loop-share.ts";

export interface ShadowGateOptions extends BreakerOptions {
  readonly inFlight: InFlight;
  readonly ratePerSecond: () => number | null;
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
  readonly #breaker: Breaker;
  readonly #waiters = new Set<Waiter>();
  readonly #sleepers = new Set<Waiter>();
  #probeTimer: NodeJS.Timeout | null = null;
  #nextSendAt = 0;
  #closed = false;

  constructor(options: ShadowGateOptions) {
    this.#options = options;
    this.#breaker = new Breaker(options);
    options.inFlight.whenFreed(() => {
      if (this.state() === "closed") this.#wakeOne();
    });
  }

  state(): BreakerState {
    return this.#breaker.state;
  }

  /**
   * Runs `attempt` when the breaker, the in-flight limit and the rate let it through; what it throws counts as a failure
   * of the service. Resolves to NotAttempted once `deadline` (monotonic ms) passes.
   */
  run<T>(attempt: () => Promise<T>, deadline: number): Promise<T | NotAttempted> {
    return this.#goesAtOnce(deadline) ? this.#attempt(attempt, "usual") : this.#whenLet(attempt, deadline);
  }

  /** The common case, in which nothing stands in the way; the place among those in flight is taken. */
  #goesAtOnce(deadline: number): boolean {
    const { inFlight, monotonic, ratePerSecond } = this.#options;
    const free = !this.#closed && this.state() === "closed" && ratePerSecond() === null;
    return free && monotonic() < deadline && inFlight.take();
  }

  async #whenLet<T>(attempt: () => Promise<T>, deadline: number): Promise<T | NotAttempted> {
    for (;;) {
      if (this.#closed) return new NotAttempted("shutdown");
      const late = new NotAttempted(this.state() === "closed" ? "expired" : "breaker-open");
      if (this.#options.monotonic() >= deadline) return late;
      if (this.state() !== "open") {
        const sendAt = this.#reserve(deadline);
        if (sendAt === null) return late;
        await this.#sleepUntil(sendAt);
        if (this.#closed) continue;
      }
      if (!this.#options.inFlight.take()) {
        await this.#wait(deadline);
        continue;
      }
      const pass = this.#breaker.admit();
      if (pass !== null) {
        // Those that waited were let go together.
        await untilLaterTurn();
        return await this.#attempt(attempt, pass);
      }
      this.#options.inFlight.give();
      this.#scheduleProbe();
      await this.#wait(deadline);
    }
  }

  async #attempt<T>(attempt: () => Promise<T>, pass: Pass): Promise<T> {
    try {
      const ended = await attempt();
      if (this.#breaker.succeeded(pass)) this.#wakeAll();
      return ended;
    } catch (error) {
      this.#breaker.failed(pass);
      throw error;
    } finally {
      this.#options.inFlight.give();
    }
  }

  /** Nothing more is attempted; whoever waits is told. */
  close(): void {
    this.#closed = true;
    if (this.#probeTimer !== null) clearTimeout(this.#probeTimer);
    this.#wakeAll();
    for (const sleeper of [...this.#sleepers]) sleeper.wake();
  }

  /** Until something wakes it, or the deadline. */
  #wait(deadline: number): Promise<void> {
    return this.#restIn(this.#waiters, deadline);
  }

  /** Until its place in the rate comes; only the end wakes it earlier. */
  #sleepUntil(at: number): Promise<void> {
    return at <= this.#options.monotonic() ? Promise.resolve() : this.#restIn(this.#sleepers, at);
  }

  #restIn(resting: Set<Waiter>, until: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        wake: () => {
          clearTimeout(timer);
          resting.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.wake, Math.max(until - this.#options.monotonic(), 0) + 1);
      resting.add(waiter);
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

  /** When the next attempt may begin under the configured rate; null, and nothing reserved, where that is past the deadline. */
  #reserve(deadline: number): number | null {
    const now = this.#options.monotonic();
    const rate = this.#options.ratePerSecond();
    if (rate === null) return now;
    const at = Math.max(now, this.#nextSendAt);
    if (at >= deadline) return null;
    this.#nextSendAt = at + 1000 / rate;
    return at;
  }
}
