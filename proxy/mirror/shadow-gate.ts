import { Breaker, type BreakerOptions, type BreakerState, type Pass } from "./breaker.ts";
import { CatchUp } from "./catch-up.ts";
import type { InFlight } from "./in-flight.ts";
import { untilLaterTurn } from "./loop-share.ts";

export interface ShadowGateOptions extends BreakerOptions {
  readonly inFlight: InFlight;
  readonly ratePerSecond: () => number | null;
  /** The service is back. */
  readonly onClosed?: () => void;
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

/** Of a turn of the event loop that came late, the places up to this long ago are given out together. */
const LATE_MS = 10;

/** For what may not begin yet. */
const LOOK_AGAIN_MS = 250;
const always = (): boolean => true;

/**
 * What stands between the lanes and one shadow service: the breaker, the limit of requests in flight, and the rate.
 * While the breaker is open lanes wait here and do not drop; one attempt at a time tries whether the service is back.
 * Once it is, they go on at the configured rate, or where none is configured one after another up a ramp.
 */
export class ShadowGate {
  readonly #options: ShadowGateOptions;
  readonly #breaker: Breaker;
  readonly #waiters = new Set<Waiter>();
  readonly #sleepers = new Set<Waiter>();
  readonly #catchUp = new CatchUp();
  /** Who waits for a place on the ramp, in the order of their coming. */
  readonly #ramp = new Set<Waiter>();
  #rampTimer: NodeJS.Timeout | null = null;
  #probeTimer: NodeJS.Timeout | null = null;
  #nextSendAt = 0;
  #closed = false;

  constructor(options: ShadowGateOptions) {
    this.#options = options;
    this.#breaker = new Breaker(options);
    options.inFlight.whenFreed(() => {
      if (this.state() === "closed") this.#wakeOne();
      // Whoever waited for a place when the breaker opened has asked for no probe, and nobody else may come to ask for one.
      else if (this.#waiters.size > 0) this.#scheduleProbe();
    });
  }

  state(): BreakerState {
    return this.#breaker.state;
  }

  /**
   * Runs `attempt` when the breaker, the in-flight limit and the rate let it through; what it throws counts as a failure
   * of the service. Resolves to NotAttempted once `deadline` (monotonic ms) passes. `heldUp`: called where it has to wait.
   * While `mayBegin` says no it waits without a place among those in flight.
   */
  run<T>(
    attempt: () => Promise<T>,
    deadline: number,
    heldUp?: () => void,
    mayBegin: () => boolean = always,
  ): Promise<T | NotAttempted> {
    if (mayBegin() && this.#goesAtOnce(deadline)) return this.#attempt(attempt, "usual");
    heldUp?.();
    return this.#whenLet(attempt, deadline, mayBegin);
  }

  /** Nothing stands in the way of what would come now. */
  get isFree(): boolean {
    const { inFlight, ratePerSecond } = this.#options;
    const flows = !this.#closed && this.state() === "closed" && ratePerSecond() === null && !this.#catchUp.active;
    return flows && inFlight.hasRoom;
  }

  /** The common case; the place among those in flight is taken. */
  #goesAtOnce(deadline: number): boolean {
    const { inFlight, monotonic } = this.#options;
    return this.isFree && monotonic() < deadline && inFlight.take();
  }

  async #whenLet<T>(attempt: () => Promise<T>, deadline: number, mayBegin: () => boolean): Promise<T | NotAttempted> {
    /** It was told that a place is free, and has not taken it. */
    let woken = false;
    for (;;) {
      if (this.#closed) return new NotAttempted("shutdown");
      const now = this.#options.monotonic();
      if (now >= deadline) return this.#late(woken);
      if (!mayBegin()) {
        if (woken) this.#wakeOne();
        woken = false;
        await this.#sleepUntil(Math.min(now + LOOK_AGAIN_MS, deadline));
        continue;
      }
      if (this.state() !== "open") {
        if (!(await this.#itsPlace(deadline))) return this.#late(woken);
        if (this.#closed) continue;
      }
      if (!this.#options.inFlight.take()) {
        woken = await this.#wait(deadline);
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
      woken = await this.#wait(deadline);
    }
  }

  /** Whoever is too late for the free place that it was told of leaves it to the next. */
  #late(woken: boolean): NotAttempted {
    if (this.state() !== "closed") return new NotAttempted("breaker-open");
    if (woken) this.#wakeOne();
    return new NotAttempted("expired");
  }

  async #attempt<T>(attempt: () => Promise<T>, pass: Pass): Promise<T> {
    try {
      const ended = await attempt();
      const now = this.#options.monotonic();
      if (this.#breaker.succeeded(pass)) {
        this.#catchUp.begin(now);
        this.#wakeAll();
        this.#options.onClosed?.();
      } else {
        this.#catchUp.succeeded(now);
      }
      return ended;
    } catch (error) {
      this.#breaker.failed(pass);
      // What fails while it is away tells nothing of how much it can take.
      const now = this.#options.monotonic();
      if (pass === "usual") this.#catchUp.cut(now);
      if (this.state() === "open") this.#catchUp.stopped(now);
      throw error;
    } finally {
      this.#options.inFlight.give();
    }
  }

  /** The service has asked for less: it is caught up with more slowly. */
  slowDown(): void {
    this.#catchUp.refused(this.#options.monotonic());
  }

  /** Resolves at that time (monotonic ms), or when the gate is closed. */
  async restUntil(at: number): Promise<void> {
    await this.#sleepUntil(at);
  }

  /** Nothing more is attempted; whoever waits is told. */
  close(): void {
    this.#closed = true;
    if (this.#rampTimer !== null) clearTimeout(this.#rampTimer);
    for (const waiter of [...this.#ramp]) waiter.wake();
    if (this.#probeTimer !== null) clearTimeout(this.#probeTimer);
    this.#wakeAll();
    for (const sleeper of [...this.#sleepers]) sleeper.wake();
  }

  /** Until something wakes it, or the deadline: which of them it was. */
  #wait(deadline: number): Promise<boolean> {
    return this.#restIn(this.#waiters, deadline);
  }

  /** Until its place in the rate comes; only the end wakes it earlier. */
  #sleepUntil(at: number): Promise<boolean> {
    return at <= this.#options.monotonic() ? Promise.resolve(false) : this.#restIn(this.#sleepers, at);
  }

  #restIn(resting: Set<Waiter>, until: number): Promise<boolean> {
    if (this.#closed) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (woken: boolean): void => {
        clearTimeout(timer);
        resting.delete(waiter);
        resolve(woken);
      };
      const waiter: Waiter = { wake: () => end(true) };
      const timer = setTimeout(end, Math.max(until - this.#options.monotonic(), 0) + 1, false);
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

  /** Waits for its place in the rate; false, and nothing is taken, where that is past the deadline. */
  async #itsPlace(deadline: number): Promise<boolean> {
    const rate = this.#options.ratePerSecond();
    const now = this.#options.monotonic();
    if (rate === null) return !this.#catchUp.stillOn(now) || (await this.#itsPlaceOnRamp(deadline));
    const at = Math.max(now, this.#nextSendAt);
    if (at >= deadline) return false;
    this.#nextSendAt = at + 1000 / rate;
    await this.#sleepUntil(at);
    return true;
  }

  /** Not reserved ahead, as those of a fixed rate are: the rate is another one by then. */
  #itsPlaceOnRamp(deadline: number): boolean | Promise<boolean> {
    const now = this.#options.monotonic();
    if (this.#ramp.size === 0 && now >= this.#nextSendAt) {
      this.#takePlace(now);
      return true;
    }
    this.#catchUp.waited(now);
    const place = this.#restIn(this.#ramp, deadline);
    this.#scheduleRamp(now);
    return place;
  }

  #takePlace(now: number): void {
    this.#nextSendAt = Math.max(this.#nextSendAt, now - LATE_MS) + 1000 / this.#catchUp.perSecond(now);
  }

  #scheduleRamp(now: number): void {
    if (this.#rampTimer !== null || this.#closed || this.#ramp.size === 0) return;
    this.#rampTimer = setTimeout(
      () => {
        this.#rampTimer = null;
        const then = this.#options.monotonic();
        for (const waiter of this.#ramp) {
          if (then < this.#nextSendAt) break;
          this.#takePlace(then);
          waiter.wake();
        }
        this.#catchUp.waited(then);
        this.#scheduleRamp(then);
      },
      Math.max(this.#nextSendAt - now, 1),
    );
  }
}
