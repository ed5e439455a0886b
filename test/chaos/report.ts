/** What a chaos run prints: one table of counts, one of faults, one of outcomes, and what was violated. */
import { table } from "../bench/report.ts";
import type { Counts } from "./check-run.ts";
import type { EpisodeReport } from "./episode.ts";

/** Enough to see what is wrong; the rest is more of the same. */
const VIOLATIONS_TOLD = 12;

const COLUMNS = [
  ["sent", "sent"],
  ["applied", "applied"],
  ["equal", "equal"],
  ["onRepairList", "on repair list"],
  ["inGap", "in a gap"],
  ["unaccounted", "unaccounted"],
  ["orderedPairs", "ordered pairs"],
  ["reordered", "reordered"],
  ["doubled", "doubled"],
  ["refused", "refused, kept back"],
] as const satisfies readonly (readonly [keyof Counts, string])[];

export function reportOf(episodes: readonly EpisodeReport[]): string {
  const kinds = [...Map.groupBy(episodes, ({ kind }) => kind)];
  const rows = [...kinds, ["all", episodes] as const].map(([name, of]) => [
    name,
    String(of.length),
    String(sumOf(of, ({ faults }) => faults.length)),
    ...COLUMNS.map(([count]) => String(sumOf(of, ({ counts }) => counts[count]))),
    String(sumOf(of, ({ gaps }) => gaps)),
  ]);
  const head = ["episodes about", "", "faults", ...COLUMNS.map(([, words]) => words), "gaps"];
  return [table(head, rows), tally("fault", faultsOf(episodes)), tally("outcome", outcomesOf(episodes))].join("\n\n");
}

/** The first few exactly, with what repeats them. */
export function violationsOf(episodes: readonly EpisodeReport[]): readonly string[] {
  const all = episodes.flatMap(({ kind, seed, faults, violations }) =>
    violations.map(({ kind: what, words }) => `${what} (${kind}, seed ${seed}, after ${faults.join(", ")}): ${words}`),
  );
  const more = all.length - VIOLATIONS_TOLD;
  return more > 0 ? [...all.slice(0, VIOLATIONS_TOLD), `and ${more} more`] : all;
}

function faultsOf(episodes: readonly EpisodeReport[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of episodes.flatMap(({ faults }) => faults)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function outcomesOf(episodes: readonly EpisodeReport[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { outcomes } of episodes) {
    for (const [name, count] of Object.entries(outcomes)) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}

function tally(what: string, counts: Map<string, number>): string {
  const sorted = [...counts].toSorted(([a], [b]) => a.localeCompare(b));
  return table(
    [what, "times"],
    sorted.map(([name, count]) => [name, String(count)]),
  );
}

function sumOf(episodes: readonly EpisodeReport[], count: (episode: EpisodeReport) => number): number {
  return episodes.reduce((sum, episode) => sum + count(episode), 0);
}
