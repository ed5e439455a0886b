import type { Difference } from "../evidence/evidence.ts";
import type { PointerTokens } from "../json/pointer.ts";
import type { Place } from "./rules/places.ts";

/**
 * What is spent on asking about differences, in their characters and in the parts of their pointers: bodies that differ in
 * a million places are noise that no function need look through.
 */
const EFFORT = 16 * 1024 * 1024;
const MAX_ASKED = 10_000;

/** Is told of the differences that no rule excuses; notes those that must not be excused, and asks about the others. */
export class Oversight {
  readonly #mustMatch: Place;
  readonly #judge: ((difference: Difference) => boolean) | null;
  readonly #kept: Difference[] = [];
  #effortLeft = EFFORT;
  #askedLeft = MAX_ASKED;

  /** `mustMatch`: the root of the places that must match. `judge` says whether a difference is excused; null: none is. */
  constructor(mustMatch: Place, judge: ((difference: Difference) => boolean) | null) {
    this.#mustMatch = mustMatch;
    this.#judge = judge;
  }

  /** Differences at places that must match. */
  get kept(): readonly Difference[] {
    return this.#kept;
  }

  /** There were more differences than are looked at: those beyond were not excused, and are not in `kept`. */
  get isExhausted(): boolean {
    return this.#effortLeft < 0 || this.#askedLeft < 0;
  }

  /** `tokens` null: it is about status or headers. `hides`: with it goes all that is below. */
  excuses(describe: () => Difference, tokens: PointerTokens | null, hides: boolean): boolean {
    if (this.isExhausted) return false;
    this.#askedLeft -= 1;
    this.#effortLeft -= tokens?.length ?? 0;
    if (this.isExhausted) return false;
    if (tokens !== null && this.#mustMatchAt(tokens, hides)) {
      this.#kept.push(this.#described(describe));
      return false;
    }
    return this.#judge !== null && this.#judge(this.#described(describe));
  }

  #described(describe: () => Difference): Difference {
    const difference = describe();
    this.#effortLeft -= (difference.primary?.length ?? 0) + (difference.shadow?.length ?? 0);
    return difference;
  }

  #mustMatchAt(tokens: PointerTokens, hides: boolean): boolean {
    let place = this.#mustMatch;
    for (const token of tokens) {
      if (place.isBare) return false;
      place = place.child(token);
    }
    return place.rules !== null || (hides && !place.isBare);
  }
}
