/** Instants on both sides: how far apart, and whether they were read from a clock while the exchange went on. Pure. */
import { type Decimal, distance } from "../compare/rules/decimal.ts";
import { epochInstant, instantOfText } from "../compare/rules/instant.ts";
import { SHAPE_TESTS } from "../compare/rules/shapes.ts";
import { JsonNumber } from "../json/value.ts";
import type { Pair, Side } from "./evidence.ts";

export interface Spread {
  /** Seconds, of those that a tolerance of seconds could cover. */
  readonly farthestNearS: number;
  /** Nearly all of the primary's were the time of the exchange's arrival. */
  readonly areReadings: boolean;
  /** They are whole quarters of an hour apart: a time zone, and no clock. */
  readonly isShifted: boolean;
}

/** Beyond this a difference is no matter of clocks. */
const NEAR_S = 40;
/** The primary answers within this time of the arrival. */
const READ_WITHIN_S = 120;
const MOST = 0.9;
const QUARTER_S = 900;
const DAY_S = 86_400;

/** null: the pairs are no instants, but for a few. */
export function spreadOf(pairs: readonly Pair[]): Spread | null {
  const apart: number[] = [];
  let readings = 0;
  for (const pair of pairs) {
    const seconds = instantsApart(pair);
    if (seconds === null) continue;
    apart.push(seconds);
    if (isReading(pair)) readings += 1;
  }
  if (apart.length === 0 || apart.length < MOST * pairs.length) return null;
  const near = apart.filter((seconds) => seconds <= NEAR_S);
  const shifted = apart.filter((seconds) => {
    const rest = seconds % QUARTER_S;
    return seconds > NEAR_S && Math.min(rest, QUARTER_S - rest) <= NEAR_S;
  });
  return {
    farthestNearS: near.reduce((most, seconds) => Math.max(most, seconds), 0),
    areReadings: readings >= MOST * apart.length,
    isShifted: shifted.length > 0,
  };
}

/** Seconds, or null where one side is no instant. */
export function instantsApart({ primary, shadow, record, difference }: Pair): number | null {
  const [a, b] = [instantOf(primary), instantOf(shadow)];
  if (a === null || b === null || difference.kind === "precision") return null;
  // Other large numbers are sizes and serials.
  const now = Date.parse(record.time) / 1000;
  const isToday = Math.abs(secondsOf(a) - now) < DAY_S;
  return isToday || (isWritten(primary) && isWritten(shadow)) ? secondsOf(distance(a, b)) : null;
}

function isWritten(side: Side): boolean {
  return side.is === "value" && SHAPE_TESTS.instant(side.value) === "text";
}

function isReading({ primary, record }: Pair): boolean {
  const read = instantOf(primary);
  return read !== null && Math.abs(secondsOf(read) - Date.parse(record.time) / 1000) <= READ_WITHIN_S;
}

function instantOf(side: Side): Decimal | null {
  // Small numbers are numbers, and only the class of instants knows that.
  if (side.is !== "value" || SHAPE_TESTS.instant(side.value) === null) return null;
  if (typeof side.value === "string") return instantOfText(side.value);
  return side.value instanceof JsonNumber ? epochInstant(side.value.raw) : null;
}

function secondsOf({ units, exponent }: Decimal): number {
  return Number(units) * 10 ** exponent;
}
