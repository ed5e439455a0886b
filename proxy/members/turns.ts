/**
 * Turns: the order of one key's writes over several members that share a store (docs/semantics.md, "Keys, lanes, order").
 * A member's own lanes order its own writes; a turn says when those that other members took before are done.
 */

/** Where a write stands. `unsure`: its order among the others' is not known, so that its key has to be verified by state. */
export type TurnCome = "mine" | "unsure";

/** The key is quiet: no write of it is on its way to the shadow, and none is delivered meanwhile, by no member. */
export interface QuietKey {
  /** Whether a write of it has begun since, or may have: it may be in what is read from here on, and is yet to be delivered. */
  crossed(): Promise<boolean>;
}

export interface SharedTurn extends QuietKey {
  leave(): void;
}

export interface Turns {
  /** Takes a place before the primary is called. Resolves when it is taken, or is known not to be; null: nothing to wait for. */
  take(exchangeId: string, keys: readonly string[]): Promise<void> | null;
  /**
   * The primary accepted. Keys that only the answer tells take their place here, which has to be waited for (bounded) before the
   * answer's last byte leaves: whoever writes then comes after it. `ms`: since the primary was called.
   */
  answered(exchangeId: string, keys: readonly string[], ms: number): Promise<void> | null;
  /** Resolves when what was taken is known, so that whoever writes the key from then on comes after it; null: it is. */
  placed(exchangeId: string): Promise<void> | null;
  /** The primary is called before its place is known: another write may come and go unseen until then. */
  hurried(exchangeId: string): void;
  /** Its answer leaves before its place is known: something that begins after it may have come before it. */
  doubt(exchangeId: string): void;
  /** What its order stamp begins with, as it is known by now; null: the store's generation. */
  order(exchangeId: string | null): number | null;
  /** Resolves when all that was to go before is done, or at the deadline (monotonic ms). null: it is its turn. */
  come(exchangeId: string, deadline: number): Promise<TurnCome> | null;
  /**
   * Resolves when what other members had answered of writes that were taken before this one is done with, or after `forMs` at the
   * latest: to whether there was any since then (monotonic ms). null: nobody else takes turns.
   */
  earlier(exchangeId: string, since: number, forMs: number): Promise<boolean> | null;
  /** It is not to be delivered, or the shadow is done with it. Harmless where it was called before. */
  leave(exchangeId: string): void;
  /**
   * Whether another member has a write of these keys under way, or had one answered within the last `ms`: then what two sides
   * answer to a read is of two states. null: no.
   */
  crossed(keys: readonly string[], ms: number): Promise<boolean> | null;
  /** A turn of its own for what reads and mends a key; null: not to be had in time. */
  visit(key: string, patienceMs: number): Promise<SharedTurn | null>;
  /** The process ends: nothing is waited for any more. */
  stop(): void;
}

/** Of a store that nobody shares. */
export const ALONE: Turns = {
  take: () => null,
  placed: () => null,
  answered: () => null,
  hurried: () => undefined,
  doubt: () => undefined,
  order: () => null,
  come: () => null,
  earlier: () => null,
  leave: () => undefined,
  crossed: () => null,
  visit: () => Promise.resolve({ crossed: () => Promise.resolve(false), leave: () => undefined }),
  stop: () => undefined,
};
