/** How often each rule of a route's comparison excused a difference, since the process began. */
import type { CompareSettings } from "../config/compare-settings.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { RuleTimes } from "../exchange.ts";
import { countedRules } from "../evidence/rule-names.ts";

export interface RuleUse {
  /** Its name, as `rule-names.ts` spells it. */
  readonly rule: string;
  readonly because: string | null;
  /** Epoch ms, or null. */
  readonly until: number | null;
  readonly excused: number;
  /** Epoch ms; null: never. */
  readonly lastExcusedAt: number | null;
  /** Enough answers were compared under it, and it excused nothing. */
  readonly stale: boolean;
}

export interface RuleCounters {
  /**
   * Two answers were compared. `revision` is that of the exchange's snapshot: rules that a newer file has taken out are
   * counted no longer. `at` in epoch ms.
   */
  compared(route: RouteSettings, revision: number, excusedBy: readonly RuleTimes[], at: number): void;
  /** Every rule of the route, in the order in which they are asked. */
  of(route: RouteSettings): readonly RuleUse[];
}

/** Compared answers after which a rule that excused nothing is stale. */
const STALE_AFTER = 1_000;

interface Count {
  /** Answers of the route compared before the rule was there. */
  readonly from: number;
  excused: number;
  lastExcusedAt: number | null;
}

interface RouteCount {
  compared: number;
  revision: number;
  settings: CompareSettings | null;
  rules: Map<string, Count>;
}

export function createRuleCounters(): RuleCounters {
  const routes = new Map<string, RouteCount>();

  function countsOf({ name, compare }: RouteSettings, revision: number): RouteCount {
    let counts = routes.get(name);
    if (counts === undefined) {
      counts = { compared: 0, revision, settings: null, rules: new Map() };
      routes.set(name, counts);
    }
    if (counts.settings !== compare && revision >= counts.revision) {
      const before = counts.rules;
      const from = counts.compared;
      const fresh = (): Count => ({ from, excused: 0, lastExcusedAt: null });
      counts.rules = new Map(countedRules(compare).map(({ name: rule }) => [rule, before.get(rule) ?? fresh()]));
      counts.settings = compare;
      counts.revision = revision;
    }
    return counts;
  }

  return {
    compared(route, revision, excusedBy, at) {
      const counts = countsOf(route, revision);
      counts.compared += 1;
      for (const { rule, times } of excusedBy) {
        const count = counts.rules.get(rule);
        if (count === undefined) continue;
        count.excused += times;
        count.lastExcusedAt = at;
      }
    },

    of(route) {
      const counts = routes.get(route.name);
      return countedRules(route.compare).map(({ name, because, until }) => {
        const count = counts?.rules.get(name);
        const { excused = 0, lastExcusedAt = null, from = Infinity } = count ?? {};
        const stale = excused === 0 && (counts?.compared ?? 0) - from >= STALE_AFTER;
        return { rule: name, because, until, excused, lastExcusedAt, stale };
      });
    },
  };
}
