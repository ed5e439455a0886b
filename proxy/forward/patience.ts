/** How many may wait for a service that nobody has to wait for, and for how long it is left alone once it gives no answers. Pure: times come in. */
const MOST_AT_ONCE = 64;
/** In a row. */
const FAILURES = 5;
const REST_MS = 10_000;

export class Patience {
  #waiting = 0;
  #failures = 0;
  #restsUntil = -Infinity;

  /** false: not now. Whoever begins ends it once. */
  begin(now: number): boolean {
    if (this.#waiting >= MOST_AT_ONCE || now < this.#restsUntil) return false;
    this.#waiting += 1;
    return true;
  }

  ended(isAnswered: boolean, now: number): void {
    this.left();
    this.#failures = isAnswered ? 0 : this.#failures + 1;
    if (this.#failures < FAILURES) return;
    this.#failures = 0;
    this.#restsUntil = now + REST_MS;
  }

  /** Whoever waited waits no more, and nothing is known of the service. */
  left(): void {
    this.#waiting -= 1;
  }
}
