import assert from "node:assert/strict";
import { test } from "node:test";
import { hourOf, trendOf } from "../../../proxy/evidence/trend.ts";

const HALF_PAST = Date.parse("2026-11-22T12:30:00.000Z");
const NOW = hourOf(HALF_PAST);

/** `counts[0]` is the present hour's, `counts[1]` the one before, … */
function trend(counts: readonly number[]): string {
  return trendOf(
    counts.map((count, hoursAgo) => [NOW - hoursAgo, count] as const),
    HALF_PAST,
  ).direction;
}

const flat = (count: number, hours: number): number[] => Array.from({ length: hours }, () => count);

test("the direction is set by six hours against the six before, beyond what chance does", () => {
  assert.equal(trend([]), "quiet");
  assert.equal(trend([50, ...flat(100, 23)]), "steady");
  assert.equal(trend([100]), "rising");
  assert.equal(trend([10, ...flat(20, 5), ...flat(10, 6)]), "rising");
  assert.equal(trend([...flat(0, 6), ...flat(10, 6)]), "falling");
  assert.equal(trend([2, 0, 0, 0, 0, 0, 1]), "steady");
  // Long ago: nothing now, but not forgotten.
  assert.equal(trend([...flat(0, 20), 5]), "steady");
});

test("the present hour counts for as much of it as is over", () => {
  // Half an hour of a hundred an hour is no fall.
  assert.equal(trend([5_000, ...flat(10_000, 11)]), "steady");
});

test("24 hours, the present one last; what is older or not yet is not lost on the way", () => {
  const { hours } = trendOf(
    [
      [NOW, 3],
      [NOW + 1, 2],
      [NOW - 23, 7],
      [NOW - 24, 9],
    ],
    HALF_PAST,
  );
  assert.deepEqual([hours.length, hours[0], hours[23]], [24, 7, 5]);
});
