/** What both services' own accounts say of a run of cutovers and rollbacks. Pure. */
import type { Applied } from "./service.ts";

export type Account = Readonly<Record<string, readonly Applied[]>>;

export interface ClientKey {
  readonly key: string;
  /** Acknowledged writes: 1 to this, each sent when the one before was answered. */
  readonly acknowledged: number;
  /**
   * It is on the repair list as `overlap`, or was, and both sides have been read since. Redis did not say in time what was before: the
   * copies go out in an order that nobody knows, and the state is verified.
   */
  readonly isDoubted: boolean;
}

export interface Verdict {
  readonly writes: number;
  /** Acknowledged, and not applied by both. */
  readonly lost: number;
  readonly twice: number;
  /** Applied behind one that was sent after it was acknowledged, and its key's state is not in doubt. */
  readonly reordered: number;
  /** The same, of keys in doubt: no violation, since their state is verified, and no order that was kept either. */
  readonly reorderedInDoubt: number;
  /** Taken as primary by both, or by neither. */
  readonly split: number;
  /** Taken by a side that was the other one before and after: more changes of side than moves were made. */
  readonly wrongSide: number;
  readonly words: readonly string[];
}

export function check(
  { legacy, next }: { readonly legacy: Account; readonly next: Account },
  keys: readonly ClientKey[],
  moves: number,
): Verdict {
  const counts = { writes: 0, lost: 0, twice: 0, reordered: 0, reorderedInDoubt: 0, split: 0, wrongSide: 0 };
  const words: string[] = [];
  const found = (what: keyof typeof counts, said: string): void => {
    counts[what]++;
    if (words.length < 12) words.push(`${what}: ${said}`);
  };
  for (const { key, acknowledged, isDoubted } of keys) {
    counts.writes += acknowledged;
    const sides = [legacy[key] ?? [], next[key] ?? []] as const;
    for (const [side, applied] of sides.entries()) {
      const where = side === 0 ? "legacy" : "next";
      const times = Map.groupBy(applied, ({ n }) => n);
      for (let n = 1; n <= acknowledged; n++) {
        const count = times.get(n)?.length ?? 0;
        if (count === 0) found("lost", `${key} ${n} was never applied by ${where}`);
        if (count > 1) found("twice", `${key} ${n} was applied ${count} times by ${where}`);
      }
      for (let i = 1; i < applied.length; i++) {
        const [before, after] = [applied[i - 1] as Applied, applied[i] as Applied];
        if (after.n >= before.n) continue;
        if (isDoubted) counts.reorderedInDoubt++;
        else found("reordered", `${key} ${after.n} was applied behind ${before.n} by ${where}`);
      }
    }
    let changes = 0;
    let last: string | null = null;
    const primaries = sides.map((applied) => new Set(applied.filter(({ copy }) => !copy).map(({ n }) => n)));
    for (let n = 1; n <= acknowledged; n++) {
      const [atLegacy, atNext] = [primaries[0]?.has(n) === true, primaries[1]?.has(n) === true];
      if (atLegacy === atNext) {
        found("split", `${key} ${n} was taken as its primary by ${atLegacy ? "both" : "neither"}`);
        continue;
      }
      const side = atLegacy ? "legacy" : "next";
      if (last !== null && side !== last) changes++;
      last = side;
    }
    if (changes > moves) found("wrongSide", `${key} changed its side ${changes} times in ${moves} moves`);
  }
  return { ...counts, words };
}
