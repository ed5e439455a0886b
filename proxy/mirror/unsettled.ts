/** One write's place among those that were answered and that the shadow is not done with. */
export interface Place {
  earlier: Place | null;
  later: Place | null;
  /** Told when nothing is before it any more. */
  first: (() => void) | null;
}

/**
 * Writes that the primary has accepted and the shadow is not done with, in the order of their answers, whatever their lane.
 * Whoever waits here waits for what was answered before it, and nobody for what came later: two never wait for each other.
 */
export class Unsettled {
  #oldest: Place | null = null;
  #newest: Place | null = null;

  add(): Place {
    const place: Place = { earlier: this.#newest, later: null, first: null };
    if (this.#newest === null) this.#oldest = place;
    else this.#newest.later = place;
    this.#newest = place;
    return place;
  }

  /** Once. */
  remove(place: Place): void {
    const { earlier, later } = place;
    if (earlier === null) this.#oldest = later;
    else earlier.later = later;
    if (later === null) this.#newest = earlier;
    else later.earlier = earlier;
    // What has left must not keep others in memory.
    place.earlier = null;
    place.later = null;
    this.#oldest?.first?.();
  }

  isFirst(place: Place): boolean {
    return place === this.#oldest;
  }

  /** Resolves when everything that was answered earlier has left, or after `forMs`: whether it has. */
  whenFirst(place: Place, forMs: number): Promise<boolean> {
    if (this.isFirst(place)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (isFirst: boolean): void => {
        clearTimeout(timer);
        place.first = null;
        resolve(isFirst);
      };
      const timer = setTimeout(end, forMs, false);
      place.first = () => end(true);
    });
  }
}
