/** Answers that are remembered while keys are still unknown; past it the oldest is forgotten. */
const REMEMBERED = 10_000;

/**
 * Exchanges at the primary whose keys only the answer tells, and which keys were written meanwhile: two writes of one key
 * overlap also where nobody knew yet that they were of one key. Answers are numbered by the lanes.
 */
export class LateKeys {
  /** By exchange: the last answer before it began. In the order in which they began. */
  readonly #open = new Map<object, number>();
  /** By key: its last answer. In the order of those. */
  readonly #lastAnswers = new Map<string, number>();
  #forgottenUpTo = 0;

  began(exchange: object, lastAnswer: number): void {
    this.#open.set(exchange, lastAnswer);
  }

  ended(exchange: object): void {
    this.#open.delete(exchange);
    if (this.#open.size === 0) {
      this.#lastAnswers.clear();
      return;
    }
    const [oldest = 0] = this.#open.values();
    for (const [key, answer] of this.#lastAnswers) {
      if (answer > oldest) break;
      this.#lastAnswers.delete(key);
    }
  }

  answered(key: string, answer: number): void {
    if (this.#open.size === 0) return;
    this.#lastAnswers.delete(key);
    this.#lastAnswers.set(key, answer);
    if (this.#lastAnswers.size <= REMEMBERED) return;
    const [first] = this.#lastAnswers;
    if (first === undefined) return;
    this.#lastAnswers.delete(first[0]);
    this.#forgottenUpTo = first[1];
  }

  /** Whether a write of the key was answered since this one began, or may have been. */
  answeredSince(exchange: object, key: string): boolean {
    const begun = this.#open.get(exchange) ?? 0;
    return this.#forgottenUpTo > begun || (this.#lastAnswers.get(key) ?? 0) > begun;
  }

  isSince(exchange: object, answer: number): boolean {
    return answer > (this.#open.get(exchange) ?? 0);
  }
}
