/** What a shared store counts beside the process that asks. */
import type { OutcomeCount } from "../../../proxy/evidence/evidence.ts";
import type { OutcomeKind, OutcomeReason } from "../../../proxy/outcome.ts";
import { readRun, type RunBefore } from "./lasting-run.ts";

export interface Counts {
  readonly outcomes: readonly OutcomeCount[];
  readonly eligible: readonly { readonly route: string; readonly count: number }[];
}

/** Replied by beside.lua: fields and values in turn. */
export type BesideReply = readonly [outcomes: readonly string[], eligible: readonly string[], run: readonly string[]];

/** All that is counted, less what this run has counted since its life began: `before` is how far it had come by then. */
export function countsBeside([outcomes, eligible, run]: BesideReply, before: RunBefore["totals"]): Counts {
  const own = readRun(run).totals;
  const title = ({ route, outcome, reason }: Omit<OutcomeCount, "count">): string =>
    JSON.stringify([route, outcome, reason]);
  const ownOutcomes = new Map(own.outcomes.map((row) => [title(row), row.count]));
  const ownEligible = new Map(own.totals.map((row) => [row.route, row.eligible]));
  for (const row of before.outcomes) ownOutcomes.set(title(row), (ownOutcomes.get(title(row)) ?? 0) - row.count);
  for (const row of before.totals) ownEligible.set(row.route, (ownEligible.get(row.route) ?? 0) - row.eligible);
  return {
    outcomes: pairsOf(outcomes).map(([name, value]) => {
      const [route, outcome, reason] = JSON.parse(name) as [string, OutcomeKind, string];
      const row = { route, outcome, reason: reason === "" ? null : (reason as OutcomeReason) };
      return { ...row, count: value - (ownOutcomes.get(title(row)) ?? 0) };
    }),
    eligible: pairsOf(eligible).map(([route, value]) => ({ route, count: value - (ownEligible.get(route) ?? 0) })),
  };
}

function pairsOf(fields: readonly string[]): readonly (readonly [string, number])[] {
  return fields.flatMap((field, i) => (i % 2 === 0 ? [[field, Number(fields[i + 1])] as const] : []));
}
