/** How the comparisons of a collection's rows went, and when the next one begins, as CLI and dashboard say it. Pure. */
import type { CollectionStatus } from "./collection-status.ts";
import { plural, spellCount, spellSpan } from "./sentences.ts";

export interface Comparisons {
  /** Of all rows, of a sample, and when both sides were the same last; those that there are. */
  readonly last: readonly { readonly text: string; readonly isEqual: boolean }[];
  /** Why the last run by itself came to nothing; null: it did not. */
  readonly failed: string | null;
  /** null: none begins by itself, or nobody knows when. */
  readonly next: string | null;
}

export function comparisonsOf({ schedule, reconcile, sample, cleanAt }: CollectionStatus, now: number): Comparisons {
  const ago = (time: string): string => `${spellSpan(Math.max(0, now - Date.parse(time)))} ago`;
  const last: { text: string; isEqual: boolean }[] = [];
  if (reconcile !== null) {
    const { missing, mismatched, extra, unmade, sourceRows, begunAt } = reconcile;
    const differ = missing + mismatched + (extra ?? 0) + unmade;
    const found = differ === 0 ? `${plural(sourceRows, "row")} equal` : `${spellCount(differ)} differ`;
    const text = `compared ${ago(begunAt)}: ${found}${extra === null ? ", extra ones not looked for" : ""}`;
    last.push({ text, isEqual: differ === 0 });
    if (differ > 0 && cleanAt !== null) last.push({ text: `equal ${ago(cleanAt)}`, isEqual: true });
  }
  if (sample !== null) {
    const { legacy, next, begunAt } = sample;
    const differ = legacy.differing + (next?.differing ?? 0);
    const drawn = plural(legacy.drawn + (next?.drawn ?? 0), "row");
    last.push({ text: `sample ${ago(begunAt)}: ${spellCount(differ)} of ${drawn} differ`, isEqual: differ === 0 });
  }
  const failed = (schedule?.problem ?? null) === null ? null : `failed: ${schedule?.problem}`;
  return { last, failed, next: nextOf(schedule, now) };
}

function nextOf(schedule: CollectionStatus["schedule"], now: number): string | null {
  if (schedule === null) return null;
  const { runningSince, nextAt } = schedule;
  if (runningSince !== null) return `being compared since ${spellSpan(Math.max(0, now - Date.parse(runningSince)))}`;
  return nextAt === null ? null : `next in ${spellSpan(Math.max(0, Date.parse(nextAt) - now))}`;
}
