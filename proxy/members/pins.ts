/**
 * Pins over several members: names (route/pin-names.ts) of what is written and not confirmed by the shadow yet. While one is held
 * anywhere, no read that needs it is asked of the shadow.
 */

export interface SharedPins {
  /** null: nobody else is to know. Resolves once all members can see it; where the store is away, when it is back. */
  hold(names: readonly string[]): Promise<void> | null;
  release(names: readonly string[]): void;
  /**
   * What this member's pins are about (`spec`), from now on; null: writes are under way that are not pinned. Members that say the same
   * can rely on one another.
   */
  say(spec: string | null): void;
  /** All that an earlier life of this member left behind is done with. */
  settledEarlierLives(): void;
  /** Whether none is held elsewhere, and all of `members` have said `spec`. Never rejects; false: or nobody knows. */
  areFree(names: readonly string[], spec: string, members: readonly string[]): Promise<boolean>;
}
