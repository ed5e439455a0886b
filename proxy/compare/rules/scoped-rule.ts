/** One rule, made ready: its parameters parsed, its values keyed. */
import type { RuleCondition } from "../../config/compare-settings.ts";
import { parsePointer } from "../../json/pointer.ts";
import { JsonNumber, type JsonValue } from "../../json/value.ts";
import type { NamedRule, RuleKind } from "../../evidence/rule-names.ts";
import { type Normaliser, NORMALISER_OF } from "./normalisers.ts";
import { scalarKey } from "./scalar-key.ts";
import { SHAPE_TESTS, type ShapeTest } from "./shapes.ts";
import { type Bound, boundOf } from "./tolerance.ts";

interface Operations {
  readonly ignore: object;
  readonly normalise: {
    readonly steps: readonly Normaliser[];
    /** Arrays are compared as sets. */
    readonly asSet: boolean;
  };
  readonly tolerance: { readonly bound: Bound };
  /** By `scalarKey`: the first list that holds the value. */
  readonly equivalent: { readonly listOf: ReadonlyMap<string, number>; readonly lists: readonly ReadonlySet<string>[] };
  readonly shapes: { readonly shape: string; readonly test: ShapeTest };
  readonly unordered: { readonly by: readonly string[] | null };
}

interface Scope {
  /** Its place among all rules of the route. */
  readonly index: number;
  readonly name: string;
  readonly at: string;
  readonly until: number | null;
  readonly when: RuleCondition | null;
}

/** A rule made ready. */
export type ScopedRule<K extends RuleKind = RuleKind> = {
  readonly [Kind in K]: Scope & { readonly kind: Kind } & Operations[Kind];
}[K];

export function scopeRule(named: NamedRule, index: number): ScopedRule {
  const { at, until, when } = named.rule;
  const scope: Scope = { index, name: named.name, at, until, when };
  switch (named.kind) {
    case "ignore":
      return { ...scope, kind: "ignore" };
    case "normalise":
      return {
        ...scope,
        kind: "normalise",
        steps: named.rule.as.flatMap((name) => (name === "sorted-set" ? [] : [NORMALISER_OF[name]])),
        asSet: named.rule.as.includes("sorted-set"),
      };
    case "tolerance":
      return { ...scope, kind: "tolerance", bound: boundOf(named.rule.within) };
    case "equivalent": {
      const lists = named.rule.values.map((values) => new Set(values.map((value) => scalarKey(valueOf(value)) ?? "")));
      const listOf = new Map<string, number>();
      for (const [i, list] of lists.entries()) for (const key of list) if (!listOf.has(key)) listOf.set(key, i);
      return { ...scope, kind: "equivalent", lists, listOf };
    }
    case "shapes":
      return { ...scope, kind: "shapes", shape: named.rule.as, test: SHAPE_TESTS[named.rule.as] };
    case "unordered":
      return { ...scope, kind: "unordered", by: named.rule.by === null ? null : parsePointer(named.rule.by) };
  }
}

function valueOf(scalar: string | number | boolean | null): JsonValue {
  return typeof scalar === "number" ? new JsonNumber(String(scalar)) : scalar;
}
