/** The rules of a route, made ready once, and those of them that act for one pair of answers. */
import type { CompareSettings, RuleCondition } from "../../config/compare-settings.ts";
import { headerOf, type RawHeaders } from "../../exchange.ts";
import { namedRules } from "../../evidence/rule-names.ts";
import { parseMediaType } from "../decode.ts";
import { byKind, NOWHERE, type Place, placesOf, type RulesHere } from "./places.ts";
import { type ScopedRule, scopeRule } from "./scoped-rule.ts";

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
