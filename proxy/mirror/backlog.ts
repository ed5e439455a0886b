/** Copies that were accepted and have no outcome yet, by route: how far the shadow lags behind the primary. */
export class Backlog {
  /** Insertion order is the order of answers, so the first value is the oldest. */
  readonly #byRoute = new Map<string, Map<string, number>>();

  add(route: string, exchangeId: string, atMonotonic: number): void {
    let waiting = this.#byRoute.get(route);
    if (waiting === undefined) {
      waiting = new Map();
      this.#byRoute.set(route, waiting);
    }
    waiting.set(exchangeId, atMonotonic);
  }

  remove(route: string, exchangeId: string): void {
    this.#byRoute.get(route)?.delete(exchangeId);
  }

  /** Ms since the oldest of them was answered by the primary; 0 when nothing waits. */
  lagMs(route: string, nowMonotonic: number): number {
    const oldest = this.#byRoute.get(route)?.values().next();
    return oldest === undefined || oldest.done === true ? 0 : nowMonotonic - oldest.value;
  }

  /** Of all routes. */
  size(): number {
    let total = 0;
    for (const waiting of this.#byRoute.values()) total += waiting.size;
    return total;
  }
}
