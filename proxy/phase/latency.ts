/** How long answers took, as counts in buckets a fifth wide: bounded, and precise enough to compare two services. Pure. */

const FIRST_MS = 0.1;
/** Of each doubling. */
const STEPS = 4;
/** From 0.1 ms to more than a minute and a half. */
const BUCKETS = 80;
/** Fewer do not have a 95th percentile. */
const FEWEST = 20;

export function bucketOf(ms: number): number {
  return Math.min(BUCKETS - 1, Math.max(0, Math.floor(STEPS * Math.log2(Math.max(ms, FIRST_MS) / FIRST_MS))));
}

/** ms below which 95 of 100 are, to a tenth either way; null: there are fewer than 20. */
export function percentile95(counts: readonly number[]): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all < FEWEST) return null;
  let below = 0;
  const found = counts.findIndex((count) => (below += count) >= all * 0.95);
  return FIRST_MS * 2 ** ((found + 0.5) / STEPS);
}

/** Of the shadow's 95th percentile to the primary's. */
export function latencyRatio(primary: readonly number[], shadow: readonly number[]): number | null {
  const [of, to] = [percentile95(shadow), percentile95(primary)];
  return of === null || to === null ? null : of / to;
}

export function countMs(counts: number[], ms: number): void {
  const bucket = bucketOf(ms);
  while (counts.length <= bucket) counts.push(0);
  counts[bucket] = (counts[bucket] as number) + 1;
}
