/**
 * Questions that one member puts to all others that share the store (docs/semantics.md, "Rows racing live writes"). Who comes
 * while something is asked hears of it before it takes traffic.
 */

export interface MemberCalls {
  /**
   * Resolves when all others that are there have answered, and at the latest after `forMs`; does not reject. `about`: what it
   * belongs to: a later question about the same takes the place of this one, and whoever has not heard this one hears that one alone.
   */
  ask(about: string, question: string, forMs: number): Promise<MemberAnswers>;
  /** From here on answers what others ask. Resolves once what is being asked now has been heard. Called once. */
  serve(answer: AnswerCall): Promise<void>;
}

/** `ageMs`: since it was asked. What it throws is no answer. */
export type AnswerCall = (question: string, ageMs: number) => Promise<string>;

export interface MemberAnswers {
  /** By the life of the process that gave it: after a restart it is another one. */
  readonly answers: ReadonlyMap<string, string>;
  /** Whose answer is missing and why, in words; null: all that are there have answered. */
  readonly missing: string | null;
}
