export type TimeLimit = "connect-timeout" | "headers-timeout" | "body-timeout" | "total-timeout" | "write-timeout";

/**
 * The time limits of one connection: one at a time, beside the one on the whole exchange, which goes along with whichever
 * other runs. One timer, set again only when it is over or would be too late: exchanges come and go beneath it.
 */
export class TimeLimits {
  readonly #late: (limit: TimeLimit) => void;
  /** What the running limit says when it is over; null: none runs. */
  #running: TimeLimit | null = null;
  #dueAt = 0;
  /** Of the whole exchange; 0: none. */
  #totalDueAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerDueAt = 0;

  constructor(late: (limit: TimeLimit) => void) {
    this.#late = late;
  }

  /** An exchange begins. `totalMs`: 0 for none; `now`: monotonic ms, as below. */
  begin(totalMs: number, now: number): void {
    this.#totalDueAt = totalMs > 0 ? now + totalMs : 0;
  }

  /** Takes the place of the limit that runs; 0 ms: none but the one on the whole exchange. */
  set(limit: TimeLimit, ms: number, now: number): void {
    let dueAt = ms > 0 ? now + ms : 0;
    if (this.#totalDueAt > 0 && (dueAt === 0 || this.#totalDueAt < dueAt)) {
      dueAt = this.#totalDueAt;
      limit = "total-timeout";
    }
    this.#running = dueAt === 0 ? null : limit;
    this.#dueAt = dueAt;
    if (dueAt === 0 || (this.#timer !== null && this.#timerDueAt <= dueAt)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#start(dueAt, now);
  }

  /** Only the limit on the whole exchange goes on. */
  onlyTotal(): void {
    if (this.#totalDueAt > 0) this.set("total-timeout", 0, performance.now());
    else this.#running = null;
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#running = null;
    this.#totalDueAt = 0;
  }

  /** The connection is gone. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #start(dueAt: number, now: number): void {
    this.#timerDueAt = dueAt;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        if (this.#running === null) return;
        const at = performance.now();
        if (at < this.#dueAt) this.#start(this.#dueAt, at);
        else this.#late(this.#running);
      },
      Math.max(1, Math.ceil(dueAt - now)),
    );
  }
}
