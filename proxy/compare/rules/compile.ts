import type { CompareSettings, RuleCondition } from "../../config/settings.ts";
import { headerOf, type RawHeaders } from "../../exchange.ts";
import { parsePointer } from "../../json/pointer.ts";
import { JsonNumber, type JsonValue } from "../../json/value.ts";
import { namedRules, type NamedRule, type RuleKind } from "../../rule-names.ts";
import { parseMediaType } from "../decode.ts";
import { type Bound, boundOf } from "./tolerance.ts";
import { byKind, NOWHERE, type Place, placesOf, type RulesHere } from "./places.ts";
import { type Normaliser, NORMALISER_OF } from "./normalisers.ts";
import { SHAPE_TESTS, type ShapeTest } from "./shapes.ts";
import { scalarKey } from "./scalar-key.ts";

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

/** The rules that act for one pair of answers. */
export interface ActiveRules {
  readonly all: readonly ScopedRule[];
  /** The whole body. */
  readonly root: Place;
  readonly status: Pick<RulesHere, "ignore" | "equivalent"> | null;
  /** `name` in lower case. */
  header(name: string): Omit<RulesHere, "ignoresAllBelow"> | null;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: RawHeaders;
}

export interface CompiledRules {
  /** `primary` null: rules with a condition do not act. `now` in epoch ms. */
  select(now: number, primary: AnswerHead | null): ActiveRules;
}

/** Sets of acting rules that are remembered: each answer type, status class and expiry makes one. */
const SELECTIONS_KEPT = 64;

const NO_RULES: ActiveRules = { all: [], root: NOWHERE, status: null, header: () => null };
const NOTHING: CompiledRules = { select: () => NO_RULES };

const compiled = new WeakMap<CompareSettings, CompiledRules>();

/** Made once for each settings object: a route's rules are compiled when they are first asked. */
export function compileRules(settings: CompareSettings): CompiledRules {
  let rules = compiled.get(settings);
  if (rules === undefined) {
    rules = compile(namedRules(settings).map(scopeRule));
    compiled.set(settings, rules);
  }
  return rules;
}

function compile(rules: readonly ScopedRule[]): CompiledRules {
  if (rules.length === 0) return NOTHING;
  const isConditional = rules.some(({ when }) => when !== null);
  const selections = new Map<string, ActiveRules>();
  return {
    select(now, primary) {
      const type = isConditional && primary !== null ? essenceOf(primary.headers) : null;
      const status = primary === null ? null : primary.status;
      let key = "";
      for (const { when, until } of rules) {
        key += (until === null || now <= until) && (when === null || holds(when, type, status)) ? "1" : "0";
      }
      let active = selections.get(key);
      if (active === undefined) {
        active = activate(rules.filter((_, i) => key[i] === "1"));
        if (selections.size >= SELECTIONS_KEPT) selections.clear();
        selections.set(key, active);
      }
      return active;
    },
  };
}

function essenceOf(headers: RawHeaders): string | null {
  return parseMediaType(headerOf(headers, "content-type"))?.essence ?? null;
}

function holds(when: RuleCondition, type: string | null, status: number | null): boolean {
  if (when.statusClass !== null && (status === null || Math.trunc(status / 100) !== when.statusClass)) return false;
  if (when.type === null) return true;
  if (type === null) return false;
  return when.type.endsWith("/*") ? type.startsWith(when.type.slice(0, -1)) : type === when.type;
}

function activate(rules: readonly ScopedRule[]): ActiveRules {
  const forStatus = rules.filter(({ at }) => at === "status");
  const forHeaders = Map.groupBy(
    rules.filter(({ at }) => at.startsWith("header:")),
    ({ at }) => at.slice("header:".length).trim().toLowerCase(),
  );
  const headers = new Map([...forHeaders].map(([name, ofHeader]) => [name, byKind(ofHeader)]));
  return {
    all: rules,
    root: placesOf(rules),
    status: forStatus.length === 0 ? null : byKind(forStatus),
    header: (name) => headers.get(name) ?? null,
  };
}

function scopeRule(named: NamedRule, index: number): ScopedRule {
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
