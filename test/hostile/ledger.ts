/** Which requests clients sent: what arrives anywhere else was never sent. */
export class Ledger {
  readonly #most = new Map<string, number>();
  readonly #told = new Set<string>();
  #count = 0;

  /** A nonce of a request that a client sends. `most`: how often the primary may see it. */
  sent(most = 1): string {
    const nonce = this.unsent();
    this.#most.set(nonce, most);
    return nonce;
  }

  /** A nonce that is hidden somewhere and must never arrive as a request. */
  unsent(): string {
    this.#count += 1;
    return `n${this.#count.toString(36).padStart(6, "0")}`;
  }

  /** What is wrong, each told once. */
  problems(primary: ReadonlyMap<string, number>, shadow: ReadonlyMap<string, number>): string[] {
    const problems: string[] = [];
    for (const [nonce, count] of primary) {
      const most = this.#most.get(nonce);
      if (most === undefined) problems.push(`the primary got ${nonce}, which no client sent`);
      else if (count > most) problems.push(`the primary got ${nonce} ${count} times`);
    }
    for (const [nonce, count] of shadow) {
      if (!this.#most.has(nonce)) problems.push(`the shadow got ${nonce}, which no client sent`);
      else if (count > 1) problems.push(`the shadow got ${nonce} ${count} times`);
      if (!primary.has(nonce)) problems.push(`the shadow got ${nonce}, which the primary never saw`);
    }
    const news = problems.filter((problem) => !this.#told.has(problem));
    for (const problem of news) this.#told.add(problem);
    return news;
  }
}
