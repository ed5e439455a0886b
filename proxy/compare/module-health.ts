import type { CompareSettings, HookName, ModuleSettings } from "../config/compare-settings.ts";
import type { HookFailure, HookStep } from "./hook-calls.ts";

/** How a user's modules fare, for each route's settings: those of a reload begin anew. */
export interface ModuleHealth {
  /** The module that takes part in a comparison by these rules; null: there is none, or it is switched off. */
  moduleOf(rules: CompareSettings): ModuleSettings | null;
  /** A pair was compared with the module's functions. `failure` null: they did what they should. `at` in epoch ms. */
  ran(rules: CompareSettings, failure: HookFailure | null, at: number): void;
  of(rules: CompareSettings): ModuleReport | null;
}

export interface ModuleReport {
  readonly file: string;
  readonly hooks: readonly HookName[];
  readonly failures: readonly FailedStep[];
  readonly isOff: boolean;
}

export interface FailedStep {
  /** `module normalise`, `module judge` or `module import`. */
  readonly step: `module ${HookStep}`;
  readonly times: number;
  /** What the last one was, without content. */
  readonly last: string;
  /** Epoch ms. */
  readonly lastAt: number;
}

/** Each costs a second of all modules' time, or a thread: after so many in a row a module is switched off. */
const COSTLY_MAX = 5;
/** Pairs that make up for a costly one: a module that hangs with one pair in ten is switched off as well. */
const PAIRS_FOR_A_COSTLY_ONE = 20;

interface Count {
  costly: number;
  isOff: boolean;
  readonly failures: Map<HookStep, FailedStep>;
}

export function createModuleHealth(): ModuleHealth {
  const counts = new WeakMap<CompareSettings, Count>();

  function countOf(rules: CompareSettings): Count {
    let count = counts.get(rules);
    if (count === undefined) {
      count = { costly: 0, isOff: false, failures: new Map() };
      counts.set(rules, count);
    }
    return count;
  }

  return {
    moduleOf: (rules) => (rules.module === null || counts.get(rules)?.isOff === true ? null : rules.module),

    ran(rules, failure, at) {
      const count = countOf(rules);
      if (failure?.costly === true) count.costly += 1;
      else count.costly = Math.max(0, count.costly - 1 / PAIRS_FOR_A_COSTLY_ONE);
      if (count.costly >= COSTLY_MAX) count.isOff = true;
      if (failure === null) return;
      const { step, why } = failure;
      const times = (count.failures.get(step)?.times ?? 0) + 1;
      count.failures.set(step, { step: `module ${step}`, times, last: why, lastAt: at });
    },

    of(rules) {
      if (rules.module === null) return null;
      const { file, hooks } = rules.module;
      const count = counts.get(rules);
      return { file, hooks, failures: [...(count?.failures.values() ?? [])], isOff: count?.isOff ?? false };
    },
  };
}
