/** Something with a time limit. */
export interface Limited {
  /** Monotonic ms. */
  readonly dueAt: number;
  /** Where it stands among the watched; theirs to set, -1 while it is not. */
  place: number;
  expire(): void;
}

/**
 * Time limits of everything that is under way, with one timer for all: nearly all of them end long before their limit, so
 * setting and clearing a timer for each would be work for nothing. The timer stays set for the earliest limit that was
 * known, and looks then what is left.
 *
 * An array and not a Set: V8 chains the tables that a Set outgrows, and each dead one that has grown old keeps what was in
 * it, and all later ones, from the young generation's collector (measured: 6 KB more promoted for each write).
 */
export class Deadlines {
  readonly #monotonic: () => number;
  readonly #watched: Limited[] = [];
  #timer: NodeJS.Timeout | null = null;
  #wakesAt = Infinity;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  watch(one: Limited): void {
    one.place = this.#watched.push(one) - 1;
    if (one.dueAt < this.#wakesAt) this.#wakeAt(one.dueAt);
  }

  /** It has ended. */
  forget(one: Limited): void {
    if (one.place === -1) return;
    const last = this.#watched.pop() as Limited;
    if (last !== one) {
      this.#watched[one.place] = last;
      last.place = one.place;
    }
    one.place = -1;
  }

  #wakeAt(at: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - this.#monotonic()) + 1);
    // What is watched holds the process by its connection; a limit alone must not.
    this.#timer.unref();
  }

  #look(): void {
    this.#timer = null;
    this.#wakesAt = Infinity;
    const now = this.#monotonic();
    const due = this.#watched.filter(({ dueAt }) => dueAt <= now);
    for (const one of due) {
      this.forget(one);
      one.expire();
    }
    const next = this.#watched.reduce((least, { dueAt }) => Math.min(least, dueAt), Infinity);
    if (next < this.#wakesAt) this.#wakeAt(next);
  }
}
