interface OfRoute {
  count: number;
  since: number;
}

/**
 * How many writes wait in the log, by route, and for how long the oldest of them has: two numbers a route, however many wait. What waits
 * is taken in the order of answers, so that the oldest left of a route is no older than the one that was taken last: until
 * the next is taken, the age told is too high by the time between the two.
 */
export class WaitingSince {
  readonly #byRoute = new Map<string, OfRoute>();

  /** `answeredAt`: epoch ms, as all times here. */
  add(route: string, answeredAt: number): void {
    const of = this.#byRoute.get(route);
    if (of === undefined) {
      this.#byRoute.set(route, { count: 1, since: answeredAt });
      return;
    }
    of.count += 1;
    of.since = Math.min(of.since, answeredAt);
  }

  taken(route: string, answeredAt: number): void {
    const of = this.#byRoute.get(route);
    if (of !== undefined) of.since = Math.max(of.since, answeredAt);
    this.leave(route);
  }

  /** It does not wait here after all. */
  leave(route: string): void {
    const of = this.#byRoute.get(route);
    if (of !== undefined && --of.count === 0) this.#byRoute.delete(route);
  }

  count(route: string): number {
    return this.#byRoute.get(route)?.count ?? 0;
  }

  /** When the primary had answered the oldest; null: none waits. */
  of(route: string): number | null {
    return this.#byRoute.get(route)?.since ?? null;
  }
}
