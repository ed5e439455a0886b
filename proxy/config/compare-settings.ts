/** How two answers are compared, as far as it is configured: a part of `Settings`. */

/** When a rule acts, by the primary's answer; null: whatever it says. */
export interface RuleCondition {
  /** `type/subtype` or `type/*`, lower case, without parameters. */
  readonly type: string | null;
  /** 2 for 2xx. */
  readonly statusClass: number | null;
}

/** What every rule of the comparison has. */
export interface CompareRule {
  /** A pointer pattern (`*` one token, `**` any number), `header:NAME` or `status`. */
  readonly at: string;
  /** null: nobody said. */
  readonly because: string | null;
  /** Epoch ms after which the rule no longer excuses, or null. */
  readonly until: number | null;
  readonly when: RuleCondition | null;
}

export interface IgnoreRule extends CompareRule {
  readonly because: string;
}

export const NORMALISERS = [
  "trim",
  "lowercase",
  "unicode",
  "instant",
  "number",
  "url",
  "uuid",
  "html-entities",
  "sorted-set",
  "null-as-absent",
  "empty-as-absent",
] as const;
export type NormaliserName = (typeof NORMALISERS)[number];

export interface NormaliseRule extends CompareRule {
  /** In the order in which they are applied. */
  readonly as: readonly NormaliserName[];
}

/** Numbers as decimal texts, so that bounds are exact. */
export type Tolerance =
  | { readonly kind: "absolute"; readonly by: string }
  | { readonly kind: "percent"; readonly percent: string }
  | { readonly kind: "time"; readonly ms: number };

export interface ToleranceRule extends CompareRule {
  readonly within: Tolerance;
}

export interface UnorderedRule extends CompareRule {
  /** The pointer, within an element, of the key that elements are matched by; null: by all that they hold. */
  readonly by: string | null;
}

export type PlainScalar = string | number | boolean | null;

export interface EquivalentRule extends CompareRule {
  /** Any two values of one list agree. */
  readonly values: readonly (readonly PlainScalar[])[];
}

export const SHAPES = ["uuid", "ulid", "instant", "jwt", "etag", "hash", "integer", "id"] as const;
export type ShapeName = (typeof SHAPES)[number];

export interface ShapeRule extends CompareRule {
  readonly as: ShapeName;
}

export const HOOKS = ["normalise", "judge"] as const;
export type HookName = (typeof HOOKS)[number];

export const TRANSFORM_HOOKS = ["toNext", "answer"] as const;
export type TransformHookName = (typeof TRANSFORM_HOOKS)[number];

/** Functions of the user's own that take part in a comparison, or in a transform. */
export interface ModuleSettings<Hook extends HookName | TransformHookName = HookName> {
  /** Its whole name. */
  readonly file: string;
  /** Whole names of the files that it imports, and they in turn; packages are not among them. */
  readonly imports: readonly string[];
  /** Hex digest of all these texts when the config was loaded: other texts are another module. */
  readonly sha256: string;
  /** Those that it exports; never empty. */
  readonly hooks: readonly Hook[];
}

/** What is looked at beside the outcomes, to learn which places say something else each time. Shares are 0 to 1. */
export interface NoiseSettings {
  /** Of safe reads that the primary has answered: Crossfade asks it the same once more. */
  readonly readShare: number;
  /** Of compared exchanges: each place of their answers is counted, whether it differs or not. */
  readonly comparedShare: number;
}

export interface CompareSettings {
  readonly status: "exact" | "class";
  /** Lower-case names of the answer headers that are compared. */
  readonly headers: readonly string[];
  /** Pointer patterns of places that no rule may excuse. */
  readonly mustMatch: readonly string[];
  readonly ignore: readonly IgnoreRule[];
  readonly normalise: readonly NormaliseRule[];
  readonly tolerance: readonly ToleranceRule[];
  readonly unordered: readonly UnorderedRule[];
  readonly equivalent: readonly EquivalentRule[];
  readonly shapes: readonly ShapeRule[];
  readonly module: ModuleSettings | null;
  readonly noise: NoiseSettings;
}
