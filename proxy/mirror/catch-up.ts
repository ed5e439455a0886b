/** Whatever takes copies takes this many a second. */
const LEAST_PER_SECOND = 10;
/** Beyond any shadow: past it the ramp stands for nothing. */
const MOST_PER_SECOND = 1_000_000;
/** The rate doubles in this time where it is known what the service took before, and in the other where it is not. */
const DOUBLES_IN_MS = 4_000;
const DOUBLES_UNKNOWN_IN_MS = 1_000;
/** Answers in a row that were not refused: it takes copies again. */
const TAKES_AGAIN = 2;
/** Up to what is known to be safe. */
const DOUBLES_TO_SAFE_IN_MS = 1_000;
/** However often it was cut: a shadow that failed now and then, and is well again, is caught up with within minutes. */
const DOUBLES_AT_LATEST_IN_MS = 16_000;
/** A cut counts for all failures of the attempts that were under way when it was made. */
const CUT_AGAIN_AFTER_MS = 1_000;
/** The ramp has ended when nobody had to wait for it in this long. */
const QUIET_MS = 2_000;
/** How much a busy second weighs in the usual rate. */
const WEIGHT = 0.2;

interface Ramp {
  readonly base: number;
  /** Infinity: nothing rises before the service takes something. */
  readonly since: number;
  readonly doublesInMs: number;
  /** Up to here it rises quickly: half of the rate at which the service, having taken some, last failed. */
  readonly safe: number;
  readonly cutAt: number;
}

/**
 * How fast a shadow is fed that has just come back: a service that is cold, or has only just stopped falling over, is not
 * sent in one second what has waited for a quarter of a minute. The rate begins at twice what the service took before the
 * outage (at ten a second where nobody knows), doubles every few seconds, and is halved where the service fails or asks for
 * less. Where it had taken some at that rate, half of it is what is known to be safe: up to there it rises quickly again, beyond
 * it takes twice as long to double as before, up to 16 s. Failures of a service that takes nothing at all say nothing of a
 * rate. All times are monotonic ms that come in.
 */
export class CatchUp {
  /** Successes a second, in seconds in which there were any: an outage that begins slowly does not count. */
  #usual = 0;
  #second = 0;
  #inSecond = 0;
  #ramp: Ramp | null = null;
  /** Taken on the ramp since the last cut. */
  #taken = 0;
  #waitedAt = 0;

  get active(): boolean {
    return this.#ramp !== null;
  }

  /** An attempt was answered. */
  succeeded(now: number): void {
    // What is sent while catching up is not what is usual.
    if (this.#ramp !== null) {
      this.#taken++;
      // Of one alone it is not known yet whether it was refused.
      if (this.#taken === TAKES_AGAIN && this.#ramp.since === Infinity) this.#ramp = { ...this.#ramp, since: now };
      return;
    }
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      if (this.#inSecond > 0) {
        this.#usual = this.#usual === 0 ? this.#inSecond : this.#usual + WEIGHT * (this.#inSecond - this.#usual);
      }
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond++;
  }

  /** The service is back. */
  begin(now: number): void {
    this.#waitedAt = now;
    const ramp = this.#ramp;
    this.#taken = 0;
    if (ramp !== null) {
      const base = Math.max(this.perSecond(now) / 2, LEAST_PER_SECOND / 2);
      this.#ramp = { ...ramp, base, since: now };
      return;
    }
    const usual = Math.max(this.#usual, this.#inSecond);
    const base = Math.max(2 * usual, LEAST_PER_SECOND);
    const doublesInMs = usual === 0 ? DOUBLES_UNKNOWN_IN_MS : DOUBLES_IN_MS;
    this.#ramp = { base, since: now, doublesInMs, safe: 0, cutAt: -Infinity };
  }

  /** It is away: attempts are made one at a time, to see whether it is back. */
  stopped(now: number): void {
    if (this.#ramp !== null) this.#ramp = { ...this.#ramp, base: this.perSecond(now), since: Infinity };
  }

  /** It answered that it wants less: what it answered so is not taken. */
  refused(now: number): void {
    this.#taken--;
    this.cut(now);
  }

  /** It failed. */
  cut(now: number): void {
    const ramp = this.#ramp;
    if (ramp === null || now - ramp.cutAt < CUT_AGAIN_AFTER_MS) return;
    const base = Math.max(this.perSecond(now) / 2, LEAST_PER_SECOND / 2);
    const slower = Math.min(Math.max(2 * ramp.doublesInMs, DOUBLES_IN_MS), DOUBLES_AT_LATEST_IN_MS);
    this.#ramp =
      this.#taken > 0
        ? { base, since: now, doublesInMs: slower, safe: base, cutAt: now }
        : { ...ramp, base, since: Infinity, cutAt: now };
    this.#taken = 0;
  }

  /** Somebody has to wait for a place. */
  waited(now: number): void {
    this.#waitedAt = now;
  }

  /** Ends the ramp where it holds up nobody any more: whether it goes on. */
  stillOn(now: number): boolean {
    if (now - this.#waitedAt > QUIET_MS) this.#ramp = null;
    return this.#ramp !== null;
  }

  /** Attempts that may begin in a second; Infinity without a ramp. */
  perSecond(now: number): number {
    if (this.#ramp === null) return Infinity;
    const { base, since, doublesInMs, safe } = this.#ramp;
    const passed = Math.max(now - since, 0);
    const quickMs = safe > base ? Math.log2(safe / base) * DOUBLES_TO_SAFE_IN_MS : 0;
    const doublings = Math.min(passed, quickMs) / DOUBLES_TO_SAFE_IN_MS + Math.max(passed - quickMs, 0) / doublesInMs;
    return Math.min(base * 2 ** doublings, MOST_PER_SECOND);
  }
}
