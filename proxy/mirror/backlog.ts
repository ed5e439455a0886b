/** One copy's place in the backlog. */
export interface Waiting {
  readonly queue: Queue;
  readonly since: number;
  earlier: Waiting | null;
  later: Waiting | null;
}

interface Queue {
  oldest: Waiting | null;
  newest: Waiting | null;
  length: number;
}

/** Copies that were accepted and have no outcome yet, by route: how far the shadow lags behind the primary. */
export class Backlog {
  readonly #byRoute = new Map<string, Queue>();
  #left = 0;

  /** Copies that the next process delivers. */
  get left(): number {
    return this.#left;
  }

  /** In the order of answers. */
  add(route: string, atMonotonic: number): Waiting {
    let queue = this.#byRoute.get(route);
    if (queue === undefined) this.#byRoute.set(route, (queue = { oldest: null, newest: null, length: 0 }));
    const waiting: Waiting = { queue, since: atMonotonic, earlier: queue.newest, later: null };
    if (queue.newest === null) queue.oldest = waiting;
    else queue.newest.later = waiting;
    queue.newest = waiting;
    queue.length++;
    return waiting;
  }

  /** Instead of `remove`: it gets no outcome in this process. */
  leave(waiting: Waiting): void {
    this.#left++;
    this.remove(waiting);
  }

  /** Once. */
  remove(waiting: Waiting): void {
    const { queue, earlier, later } = waiting;
    if (earlier === null) queue.oldest = later;
    else earlier.later = later;
    if (later === null) queue.newest = earlier;
    else later.earlier = earlier;
    // What has left must not keep others in memory.
    waiting.earlier = null;
    waiting.later = null;
    queue.length--;
  }

  /** Ms since the oldest of them was answered by the primary; 0 when nothing waits. */
  lagMs(route: string, nowMonotonic: number): number {
    const oldest = this.#byRoute.get(route)?.oldest ?? null;
    return oldest === null ? 0 : nowMonotonic - oldest.since;
  }

  /** Of all routes. */
  size(): number {
    let total = 0;
    for (const { length } of this.#byRoute.values()) total += length;
    return total;
  }
}
