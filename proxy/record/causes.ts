const KEPT = 10_000;

/**
 * The groups of writes that left the shadow's state in doubt: what follows from one of them in its lane is told there and
 * not as a cause of its own. Bounded, the oldest goes first, as the lanes' own memory of them does.
 */
export class Causes {
  readonly #groups = new Map<string, string>();

  add(exchangeId: string, group: string): void {
    if (this.#groups.size >= KEPT) this.#groups.delete(this.#groups.keys().next().value as string);
    this.#groups.set(exchangeId, group);
  }

  /** null: it follows from nothing, or from something that has no group or is forgotten. */
  groupOf(taintedBy: string | null): string | null {
    return taintedBy === null ? null : (this.#groups.get(taintedBy) ?? null);
  }
}
