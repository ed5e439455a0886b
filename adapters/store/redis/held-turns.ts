/** Turns that this run has taken and is not done with: whether they have come, and whether others wait for them. */
export class HeldTurns {
  /** By `hash segment`: writes of it that are not done. */
  readonly #held = new Map<string, { writes: number; isWanted: boolean; hasCome: boolean }>();

  add(turn: string): void {
    const held = this.#held.get(turn);
    if (held === undefined) this.#held.set(turn, { writes: 1, isWanted: false, hasCome: false });
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

  /** It was told that it has come. */
  come(turn: string): void {
    const held = this.#held.get(turn);
    if (held !== undefined) held.hasCome = true;
  }

  hasCome(turn: string): boolean {
    return this.#held.get(turn)?.hasCome === true;
  }
}
