/** What a chaos run prints: one table of counts, one of faults, of outcomes and of repair entries, and what was violated. */
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
  return [
    table(head, rows),
    tally("fault", added(episodes.flatMap(({ faults }) => faults.map((name) => ({ [name]: 1 }))))),
    tally("outcome", added(episodes.map(({ outcomes }) => outcomes))),
    tally("on the repair list for", added(episodes.map(({ repairs }) => repairs))),
  ].join("\n\n");
}

/** The first few exactly, with what repeats them. */
export function violationsOf(episodes: readonly EpisodeReport[]): readonly string[] {
  const all = episodes.flatMap(({ kind, seed, faults, violations }) =>
    violations.map(({ kind: what, words }) => `${what} (${kind}, seed ${seed}, after ${faults.join(", ")}): ${words}`),
  );
  const more = all.length - VIOLATIONS_TOLD;
  return more > 0 ? [...all.slice(0, VIOLATIONS_TOLD), `and ${more} more`] : all;
}

function added(counts: readonly Readonly<Record<string, number>>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) {
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return sums;
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
