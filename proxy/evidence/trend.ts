/** Whether a group comes up more or less often than before. Pure. */
import type { GroupTrend } from "./evidence.ts";

const HOUR_MS = 60 * 60 * 1000;
export const TREND_HOURS = 24;
/** As many of the latest hours are set against as many before them. */
const WINDOW = 6;

/** Hours since 1970. */
export function hourOf(epochMs: number): number {
  return Math.floor(epochMs / HOUR_MS);
}

/** `counts` by hour; those outside of the last 24 are left out. */
export function trendOf(counts: Iterable<readonly [hour: number, count: number]>, now: number): GroupTrend {
  const present = hourOf(now);
  const hours = new Array<number>(TREND_HOURS).fill(0);
  for (const [hour, count] of counts) {
    const at = TREND_HOURS - 1 - (present - hour);
    // An arrival after the present hour is a clock that was set back.
    const slot = Math.min(at, TREND_HOURS - 1);
    if (slot >= 0) hours[slot] = (hours[slot] ?? 0) + count;
  }
  return { direction: directionOf(hours, (now % HOUR_MS) / HOUR_MS), hours };
}

/** Two counts of chance events differ by more than twice the root of their sum one time in twenty. */
function directionOf(hours: readonly number[], partOfPresent: number): GroupTrend["direction"] {
  const late = sumOf(hours.slice(-WINDOW));
  const before = sumOf(hours.slice(-2 * WINDOW, -WINDOW));
  if (late === 0 && sumOf(hours) === 0) return "quiet";
  // The present hour is not over yet.
  const expected = (before * (WINDOW - 1 + partOfPresent)) / WINDOW;
  const chance = 2 * Math.sqrt(late + expected);
  if (late - expected > chance) return "rising";
  return expected - late > chance ? "falling" : "steady";
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
