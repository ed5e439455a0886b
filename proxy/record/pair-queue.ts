/**
 * Exchanges that wait to be redacted as a whole. One of them may take some ms of work, more than the event loop can be held
 * for: it is done in steps, with pauses in between that keep it at a tenth of the loop, and what waits has a bound.
 */

/** What waits, with its result; nothing is done before the first step. */
export type Steps<Result> = Generator<void, Result>;

/** Of bodies and heads, as they came. */
export const WAITING_MAX_BYTES = 8 * 1024 * 1024;
/** A pause is so many times as long as the step before it. */
const PAUSE = 9;

interface Job {
  readonly steps: Steps<void>;
  readonly bytes: number;
}

export class PairQueue {
  readonly #monotonic: () => number;
  readonly #caught: (error: unknown) => void;
  readonly #jobs: Job[] = [];
  #bytes = 0;
  #added = 0;
  #done = 0;
  readonly #waiting: { readonly for: number; readonly tell: () => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(monotonic: () => number, caught: (error: unknown) => void) {
    this.#monotonic = monotonic;
    this.#caught = caught;
  }

  /** false: there is no room for it. */
  add(steps: Steps<void>, bytes: number): boolean {
    if (this.#bytes + bytes > WAITING_MAX_BYTES) return false;
    this.#bytes += bytes;
    this.#jobs.push({ steps, bytes });
    this.#added += 1;
    if (this.#timer === null) this.#wait(0);
    return true;
  }

  /** Resolves when all that was added until now is done. */
  whenDone(): Promise<void> {
    if (this.#done === this.#added) return Promise.resolve();
    return new Promise((tell) => this.#waiting.push({ for: this.#added, tell }));
  }

  /** Does all that waits at once. */
  finish(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#jobs.length > 0) this.#step();
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const begunAt = this.#monotonic();
      this.#step();
      if (this.#jobs.length > 0) this.#wait((this.#monotonic() - begunAt) * PAUSE);
    }, ms);
    // What is left is done by `finish`.
    this.#timer.unref();
  }

  #step(): void {
    const job = this.#jobs[0];
    if (job === undefined) return;
    let isDone = true;
    try {
      isDone = job.steps.next().done === true;
    } catch (error) {
      this.#caught(error);
    }
    if (!isDone) return;
    this.#jobs.shift();
    this.#bytes -= job.bytes;
    this.#done += 1;
    while ((this.#waiting[0]?.for ?? Infinity) <= this.#done) this.#waiting.shift()?.tell();
  }
}
