/** One list out of the lists of all partitions. */

export interface Placed<T> {
  readonly partition: number;
  readonly position: number;
  readonly item: T;
}

/** Unique over all partitions: two processes may have given two of them the same position. */
export function newestFirst(a: Placed<unknown>, b: Placed<unknown>): number {
  return b.position - a.position || b.partition - a.partition;
}

/** Reads one partition's list part by part, as far as somebody wants to see it. */
export class PartReader<T> {
  readonly #next: () => Promise<readonly Placed<T>[] | null>;
  #items: readonly Placed<T>[] = [];
  #at = 0;
  #ended = false;

  /** `next`: the part that follows, perhaps empty; null at the end. */
  constructor(next: () => Promise<readonly Placed<T>[] | null>) {
    this.#next = next;
  }

  async peek(): Promise<Placed<T> | null> {
    while (this.#at >= this.#items.length) {
      if (this.#ended) return null;
      const part = await this.#next();
      if (part === null) {
        this.#ended = true;
        return null;
      }
      this.#items = part;
      this.#at = 0;
    }
    return this.#items[this.#at] ?? null;
  }

  skip(): void {
    this.#at += 1;
  }
}

/** The first `most` of all, in the order of `compare`. */
export async function takeMerged<T>(
  readers: readonly PartReader<T>[],
  compare: (a: Placed<T>, b: Placed<T>) => number,
  most: number,
): Promise<readonly Placed<T>[]> {
  const taken: Placed<T>[] = [];
  await Promise.all(readers.map((reader) => reader.peek()));
  while (taken.length < most) {
    let best: { readonly reader: PartReader<T>; readonly placed: Placed<T> } | null = null;
    for (const reader of readers) {
      const placed = await reader.peek();
      if (placed !== null && (best === null || compare(placed, best.placed) < 0)) best = { reader, placed };
    }
    if (best === null) break;
    best.reader.skip();
    taken.push(best.placed);
  }
  return taken;
}
