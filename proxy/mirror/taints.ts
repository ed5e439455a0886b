const KEPT = 10_000;

/**
 * Which failed write each key's shadow state still suffers from: what follows in the lane differs because of it.
 * Bounded: the key longest without a failure is forgotten first.
 */
export class Taints {
  readonly #byKey = new Map<string, string>();

  taintedBy(key: string): string | null {
    return this.#byKey.get(key) ?? null;
  }

  /** Keeps the first failure: later ones follow from it. */
  add(key: string, exchangeId: string): void {
    if (this.#byKey.has(key)) return;
    if (this.#byKey.size >= KEPT) this.#byKey.delete(this.#byKey.keys().next().value as string);
    this.#byKey.set(key, exchangeId);
  }

  /** A later write was answered alike: what differs from here on is evidence of its own again. */
  lift(key: string): void {
    this.#byKey.delete(key);
  }
}
