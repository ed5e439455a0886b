/** One write's place among those of its shadow that were answered and that the shadow is not done with. */
export interface Place {
  readonly queue: Queue;
  earlier: Place | null;
  later: Place | null;
  /** Told when nothing is before it any more. */
  first: (() => void) | null;
}

interface Queue {
  oldest: Place | null;
  newest: Place | null;
  /** Who waits to be first. */
  waiting: number;
}

/**
 * Each goes on only when those before it have, one after another: a shadow that refuses all that it gets would be served no
 * faster than that, and what comes in faster would pile up. Beyond so many nobody waits.
 */
const MAX_WAITING = 64;

/**
 * Writes that the primary has accepted and their shadow is not done with, in the order of their answers, whatever their
 * lane. Whoever waits here waits for what was answered before it, and nobody for what came later: two never wait for each
 * other.
 */
export class Unsettled {
  readonly #byService = new Map<string, Queue>();

  /** In the order of answers. */
  add(service: string): Place {
    let queue = this.#byService.get(service);
    if (queue === undefined) this.#byService.set(service, (queue = { oldest: null, newest: null, waiting: 0 }));
    const place: Place = { queue, earlier: queue.newest, later: null, first: null };
    if (queue.newest === null) queue.oldest = place;
    else queue.newest.later = place;
    queue.newest = place;
    return place;
  }

  /** Once. */
  remove(place: Place): void {
    const { queue, earlier, later } = place;
    if (earlier === null) queue.oldest = later;
    else earlier.later = later;
    if (later === null) queue.newest = earlier;
    else later.earlier = earlier;
    // What has left must not keep others in memory.
    place.earlier = null;
    place.later = null;
    queue.oldest?.first?.();
  }

  isFirst(place: Place): boolean {
    return place === place.queue.oldest;
  }

  /** Resolves when everything that was answered earlier has left: true; or false after `forMs`, or where too many wait. */
  whenFirst(place: Place, forMs: number): Promise<boolean> {
    const { queue } = place;
    if (this.isFirst(place)) return Promise.resolve(true);
    if (queue.waiting >= MAX_WAITING) return Promise.resolve(false);
    queue.waiting++;
    return new Promise((resolve) => {
      const end = (isFirst: boolean): void => {
        clearTimeout(timer);
        place.first = null;
        queue.waiting--;
        resolve(isFirst);
      };
      const timer = setTimeout(end, forMs, false);
      place.first = () => end(true);
    });
  }
}
