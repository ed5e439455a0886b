/** A rule that could be written, and what there is to say for it. */
import type { NormaliserName, PlainScalar, ShapeName } from "../config/compare-settings.ts";
import type { Pair } from "./evidence.ts";

export type SuggestedRule =
  | { readonly kind: "normalise"; readonly at: string; readonly as: readonly NormaliserName[] }
  | { readonly kind: "tolerance"; readonly at: string; readonly within: string }
  | { readonly kind: "unordered"; readonly at: string; readonly by: string | null }
  | { readonly kind: "equivalent"; readonly at: string; readonly values: readonly (readonly PlainScalar[])[] }
  | { readonly kind: "shapes"; readonly at: string; readonly as: ShapeName }
  | { readonly kind: "ignore"; readonly at: string };

/**
 * How much the values alone say. `own`: they cannot agree, each service made its own. `same`: they say the same thing in
 * two spellings. `habit`: it is so in most exchanges, or it is a mistake.
 */
export type Strength = "own" | "same" | "habit";

export interface Candidate {
  readonly rule: SuggestedRule;
  /** Why the difference does not matter, for the rule's `because`. */
  readonly because: string;
  readonly strength: Strength;
  /** Whether the rule makes this pair agree. */
  covers(pair: Pair): boolean;
}
