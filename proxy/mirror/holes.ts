/** A write that the shadow lacks, or may lack, and behind which more of its key waits in the journal. */
export interface Hole<Lost> {
  /** Monotonic ms: what the primary had answered by then was made for a state that the shadow does not have. */
  readonly madeAt: number;
  /** The write that was lost, and what became of it. */
  readonly exchangeId: string;
  readonly lost: Lost;
}

/**
 * Holes in lanes whose rest is in the journal (docs/delivery.md, "After a hole"): what comes back from there is no more replayed
 * than what waited in memory, up to the next write that stands alone. Kept for as long as anything waits in the journal.
 */
export class Holes<Lost> {
  readonly #byKey = new Map<string, Hole<Lost>>();

  note(keys: Iterable<string>, hole: Hole<Lost>): void {
    for (const key of keys) this.#byKey.set(key, hole);
  }

  /**
   * What a write that comes back from the journal is lost behind; then all of its keys have the hole. null: it is to be delivered. In
   * the order of answers.
   */
  behind(keys: readonly string[], answeredAt: number, standsAlone: (key: string) => boolean): Hole<Lost> | null {
    if (this.#byKey.size === 0) return null;
    let found: Hole<Lost> | null = null;
    for (const key of keys) {
      const hole = this.#byKey.get(key);
      if (hole === undefined) continue;
      // What was answered after it is what the shadow would have got anyway.
      if (answeredAt > hole.madeAt || standsAlone(key)) this.#byKey.delete(key);
      else found ??= hole;
    }
    if (found !== null) this.note(keys, found);
    return found;
  }

  /** Nothing waits in the journal. */
  clear(): void {
    this.#byKey.clear();
  }
}
