const KEPT = 10_000;

interface Failed {
  readonly exchangeId: string;
  /** Monotonic ms: when the primary had answered it. */
  readonly answeredAt: number;
}

/**
 * Which failed write each key's shadow state still suffers from: what was answered after it differs because of it.
 * Bounded: the key longest without a failure is forgotten first.
 */
export class Taints {
  readonly #byKey = new Map<string, Failed>();

  /** The failed write, of any of these keys, that one answered then follows from. */
  taintedBy(keys: readonly string[], answeredAt: number): string | null {
    if (this.#byKey.size === 0) return null;
    for (const key of keys) {
      const failed = this.#byKey.get(key);
      if (failed !== undefined && failed.answeredAt < answeredAt) return failed.exchangeId;
    }
    return null;
  }

  /** Keeps the first failure: later ones follow from it. */
  add(keys: readonly string[], exchangeId: string, answeredAt: number): void {
    for (const key of keys) {
      if (this.#byKey.has(key)) continue;
      if (this.#byKey.size >= KEPT) this.#byKey.delete(this.#byKey.keys().next().value as string);
      this.#byKey.set(key, { exchangeId, answeredAt });
    }
  }

  /** A later write was answered alike: what differs from here on is evidence of its own again. */
  lift(keys: readonly string[], answeredAt: number): void {
    for (const key of keys) {
      const failed = this.#byKey.get(key);
      if (failed !== undefined && failed.answeredAt < answeredAt) this.#byKey.delete(key);
    }
  }
}
