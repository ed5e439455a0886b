/** How the comparisons of a collection's rows went, and when the next one begins, as CLI and dashboard say it. Pure. */
import type { CollectionStatus } from "./collection-status.ts";
import { plural, spellCount, spellSpan } from "./sentences.ts";

export interface ToldComparisons {
  /** `compared 3 h ago: 18,204 rows equal · next in 3 h`; empty: nothing is known and nothing is to come. */
  readonly text: string;
  /** Rows were found to differ, or the last run by itself came to nothing. */
  readonly isBad: boolean;
}

export function tellComparisons(
  { schedule, reconcile, sample, cleanAt }: CollectionStatus,
  now: number,
): ToldComparisons {
  const span = (from: number, to: number): string => spellSpan(Math.max(0, to - from));
  const ago = (time: string): string => `${span(Date.parse(time), now)} ago`;
  const parts: string[] = [];
  let isBad = false;
  if (reconcile !== null) {
    const { missing, mismatched, extra, unmade, sourceRows, begunAt } = reconcile;
    const differ = missing + mismatched + (extra ?? 0) + unmade;
    const found = differ === 0 ? `${plural(sourceRows, "row")} equal` : `${spellCount(differ)} differ`;
    parts.push(`compared ${ago(begunAt)}: ${found}${extra === null ? ", extra ones not looked for" : ""}`);
    isBad = differ > 0;
    if (isBad && cleanAt !== null) parts.push(`equal ${ago(cleanAt)}`);
  }
  if (sample !== null) {
    const { legacy, next, begunAt } = sample;
    const differ = legacy.differing + (next?.differing ?? 0);
    const drawn = plural(legacy.drawn + (next?.drawn ?? 0), "row");
    parts.push(`sample ${ago(begunAt)}: ${spellCount(differ)} of ${drawn} differ`);
    isBad ||= differ > 0;
  }
  if (schedule !== null) {
    const { runningSince, nextAt, problem } = schedule;
    if (problem !== null) parts.push(`failed: ${problem}`);
    isBad ||= problem !== null;
    if (runningSince !== null) parts.push(`being compared since ${span(Date.parse(runningSince), now)}`);
    else if (nextAt !== null) parts.push(`next in ${span(now, Date.parse(nextAt))}`);
  }
  return { text: parts.join(" · "), isBad };
}
