/** Turns that this run has taken and is not done with: whether they have come, and whether others wait for them. */
export class HeldTurns {
  /** By `hash segment`: writes of it that are not done; `cameAt` monotonic ms. */
  readonly #held = new Map<string, { writes: number; isWanted: boolean; cameAt: number | null }>();

  add(turn: string): void {
    const held = this.#held.get(turn);
    if (held === undefined) this.#held.set(turn, { writes: 1, isWanted: false, cameAt: null });
    else held.writes += 1;
  }

  /** One of its writes is done: whether somebody waits for just that. */
  leave(turn: string): boolean {
    const held = this.#held.get(turn);
    if (held === undefined) return false;
    held.writes -= 1;
    if (held.writes > 0) return false;
    this.#held.delete(turn);
    return held.isWanted;
  }

  /** Somebody waits for it: whether it is done, and only nobody has been told. */
  want(turn: string): boolean {
    const held = this.#held.get(turn);
    if (held !== undefined) held.isWanted = true;
    return held === undefined;
  }

  /** It was told that it has come. `now`: monotonic ms */
  come(turn: string, now: number): void {
    const held = this.#held.get(turn);
    if (held !== undefined) held.cameAt = now;
  }

  /** null: nobody has told that it has. */
  cameAt(turn: string): number | null {
    return this.#held.get(turn)?.cameAt ?? null;
  }
}
