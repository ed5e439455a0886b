/** The rules of a comparison in the order in which they are asked, and what each is called wherever it is counted or shown. */
import type {
  CompareRule,
  CompareSettings,
  EquivalentRule,
  IgnoreRule,
  ModuleSettings,
  NormaliseRule,
  RuleCondition,
  ShapeRule,
  Tolerance,
  ToleranceRule,
  UnorderedRule,
} from "../config/compare-settings.ts";

export type KindedRule =
  | { readonly kind: "ignore"; readonly rule: IgnoreRule }
  | { readonly kind: "normalise"; readonly rule: NormaliseRule }
  | { readonly kind: "tolerance"; readonly rule: ToleranceRule }
  | { readonly kind: "equivalent"; readonly rule: EquivalentRule }
  | { readonly kind: "shapes"; readonly rule: ShapeRule }
  | { readonly kind: "unordered"; readonly rule: UnorderedRule };

export type RuleKind = KindedRule["kind"];

/** `name` is the rule's identity: the same as long as its kind, place, condition and parameter are. */
export type NamedRule = KindedRule & {
  readonly name: string;
  /** Where it stands in its own list. */
  readonly index: number;
};

/** What a module's functions are called where it is counted what they did. */
export const MODULE_NORMALISE = "module normalise";
export const MODULE_JUDGE = "module judge";

type RuleLists = Pick<CompareSettings, RuleKind>;

const named = new WeakMap<RuleLists, readonly NamedRule[]>();

/** Every rule once. Of two that are written alike, the second one is called `… #2`. */
export function namedRules(rules: RuleLists): readonly NamedRule[] {
  let found = named.get(rules);
  if (found === undefined) {
    found = nameRules(rules);
    named.set(rules, found);
  }
  return found;
}

/** Rules that look at the values of both sides, beyond whether they are the same. */
const LOOKS_AT_VALUES: ReadonlySet<RuleKind> = new Set(["normalise", "tolerance", "equivalent", "shapes"]);

export function rulesOnValues(rules: RuleLists): readonly NamedRule[] {
  return namedRules(rules).filter(({ kind }) => LOOKS_AT_VALUES.has(kind));
}

/** The module as one rule: another text is another one. */
export function moduleName({ sha256 }: ModuleSettings): string {
  return `module ${sha256}`;
}

export interface CountedRule {
  readonly name: string;
  readonly because: string | null;
  /** Epoch ms, or null. */
  readonly until: number | null;
}

/** Everything that may excuse a difference: the rules, then what a module does. */
export function countedRules(rules: CompareSettings): readonly CountedRule[] {
  const hooks = rules.module?.hooks ?? [];
  return [
    ...namedRules(rules).map(({ name, rule: { because, until } }) => ({ name, because, until })),
    ...(hooks.includes("normalise") ? [{ name: MODULE_NORMALISE, because: null, until: null }] : []),
    ...(hooks.includes("judge") ? [{ name: MODULE_JUDGE, because: null, until: null }] : []),
  ];
}

function nameRules(rules: RuleLists): readonly NamedRule[] {
  const times = new Map<string, number>();
  return kindedRules(rules).map((kinded) => {
    const called = spellRule(kinded);
    const time = (times.get(called) ?? 0) + 1;
    times.set(called, time);
    return { ...kinded, name: time === 1 ? called : `${called} #${time}` };
  });
}

function kindedRules(rules: RuleLists): readonly (KindedRule & { readonly index: number })[] {
  return [
    ...rules.ignore.map((rule, index) => ({ kind: "ignore", rule, index }) as const),
    ...rules.normalise.map((rule, index) => ({ kind: "normalise", rule, index }) as const),
    ...rules.tolerance.map((rule, index) => ({ kind: "tolerance", rule, index }) as const),
    ...rules.equivalent.map((rule, index) => ({ kind: "equivalent", rule, index }) as const),
    ...rules.shapes.map((rule, index) => ({ kind: "shapes", rule, index }) as const),
    ...rules.unordered.map((rule, index) => ({ kind: "unordered", rule, index }) as const),
  ];
}

/** `ignore /updatedAt`, `normalise /email as trim, lowercase`, `tolerance /score within 1% when application/json 2xx` */
function spellRule(kinded: KindedRule): string {
  const { kind, rule } = kinded;
  return `${kind} ${rule.at}${parameterOf(kinded)}${spellWhen(rule)}`;
}

function parameterOf({ kind, rule }: KindedRule): string {
  switch (kind) {
    case "normalise":
      return ` as ${rule.as.join(", ")}`;
    case "tolerance":
      return ` within ${spellTolerance(rule.within)}`;
    case "shapes":
      return ` as ${rule.as}`;
    case "unordered":
      return rule.by === null ? "" : ` by ${rule.by}`;
    case "ignore":
    case "equivalent":
      return "";
  }
}

export function spellTolerance(within: Tolerance): string {
  switch (within.kind) {
    case "absolute":
      return within.by;
    case "percent":
      return `${within.percent}%`;
    case "time":
      return within.ms % 1000 === 0 ? `${within.ms / 1000}s` : `${within.ms}ms`;
  }
}

function spellWhen({ when }: CompareRule): string {
  return when === null ? "" : ` when ${spellCondition(when)}`;
}

function spellCondition({ type, statusClass }: RuleCondition): string {
  return [...(type === null ? [] : [type]), ...(statusClass === null ? [] : [`${statusClass}xx`])].join(" ");
}
