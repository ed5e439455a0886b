/** Keeps the evidence of all partitions together within what is to be kept, the oldest first. */
import type { Retention } from "../retention.ts";

/** Of one partition, as its last answer told. */
export interface Sizes {
  /** Records that are no samples. */
  readonly records: number;
  /** Of all records. */
  readonly bytes: number;
  readonly groups: number;
  /** Epoch ms; Infinity where there is none. */
  readonly oldestRecord: number;
  readonly oldestGroup: number;
}

export interface Eviction {
  /** Records at most, until `bytes` are free, none that arrived after `till`. */
  readonly records: number;
  readonly bytes: number;
  readonly most: number;
  readonly till: number;
  readonly groups: number;
}

/** One step holds Redis up for a millisecond or two. */
const EVICTED_AT_ONCE = 500;
const STEPS_AT_ONCE = 40;

/** What is to go next, and from which partition; null: nothing. */
export function planEviction(
  partitions: readonly Sizes[],
  keep: Retention,
  now: number,
): { readonly partition: number; readonly eviction: Eviction; readonly known: Sizes } | null {
  const sum = (of: (sizes: Sizes) => number): number => partitions.reduce((total, sizes) => total + of(sizes), 0);
  const records = oldestOf(partitions, ({ oldestRecord }) => oldestRecord);
  const groups = oldestOf(partitions, ({ oldestGroup }) => oldestGroup);
  const aged = now - keep.keepMs - 1;
  const tooMany = sum((sizes) => sizes.records) - keep.keepRecords;
  const tooLarge = Math.max(0, sum(({ bytes }) => bytes) - keep.keepBytes);
  const nothing: Eviction = { records: 0, bytes: 0, most: EVICTED_AT_ONCE, till: MAX, groups: 0 };
  const ofRecords = (eviction: Partial<Eviction>) => ({
    partition: records.partition,
    known: partitions[records.partition] ?? EMPTY,
    eviction: { ...nothing, till: records.next, ...eviction },
  });
  const hasRecords = records.oldest !== Infinity;
  if (hasRecords && records.oldest <= aged) return ofRecords({ records: EVICTED_AT_ONCE, till: Math.min(aged, MAX) });
  if (hasRecords && tooMany > 0) return ofRecords({ records: Math.min(tooMany, EVICTED_AT_ONCE) });
  const surplus = sum((sizes) => sizes.groups) - keep.keepGroups;
  // Bytes are freed from single records first; only where samples alone are too many does a whole group go.
  if (surplus <= 0 && tooLarge > 0 && hasRecords) return ofRecords({ bytes: tooLarge });
  if (groups.oldest === Infinity || (surplus <= 0 && tooLarge === 0)) return null;
  const known = partitions[groups.partition] ?? EMPTY;
  return { partition: groups.partition, known, eviction: { ...nothing, groups: 1 } };
}

const MAX = Number.MAX_SAFE_INTEGER;

/** The partition with the oldest, and up to when it is the one: where the next partition's begin. */
function oldestOf(
  partitions: readonly Sizes[],
  of: (sizes: Sizes) => number,
): { readonly partition: number; readonly oldest: number; readonly next: number } {
  let partition = 0;
  let oldest = Infinity;
  let next = Infinity;
  for (const [i, sizes] of partitions.entries()) {
    const time = of(sizes);
    if (time < oldest) [partition, oldest, next] = [i, time, oldest];
    else next = Math.min(next, time);
  }
  return { partition, oldest, next: Math.min(next, MAX) };
}

export class Evictor {
  readonly #sizes: Sizes[];
  readonly #keep: Retention;
  readonly #now: () => number;
  readonly #evict: (partition: number, eviction: Eviction, known: Sizes) => Promise<Sizes>;
  #running: Promise<void> | null = null;

  constructor(
    partitions: number,
    keep: Retention,
    now: () => number,
    evict: (partition: number, eviction: Eviction, known: Sizes) => Promise<Sizes>,
  ) {
    this.#sizes = Array.from({ length: partitions }, () => EMPTY);
    this.#keep = keep;
    this.#now = now;
    this.#evict = evict;
  }

  note(partition: number, sizes: Sizes): void {
    this.#sizes[partition] = sizes;
  }

  /** Resolves when all is within bounds, or the rest has to wait for the next commit. Never rejects. */
  async run(): Promise<void> {
    while (this.#running !== null) await this.#running;
    this.#running = this.#steps().finally(() => (this.#running = null));
    await this.#running;
  }

  async #steps(): Promise<void> {
    for (let step = 0; step < STEPS_AT_ONCE; step++) {
      const plan = planEviction(this.#sizes, this.#keep, this.#now());
      if (plan === null) return;
      try {
        this.#sizes[plan.partition] = await this.#evict(plan.partition, plan.eviction, plan.known);
      } catch {
        // What could not be evicted is still too much at the next commit.
        return;
      }
    }
  }
}

const EMPTY: Sizes = { records: 0, bytes: 0, groups: 0, oldestRecord: Infinity, oldestGroup: Infinity };
