import type { Tolerance } from "../../config/compare-settings.ts";
import { JsonNumber, type JsonValue } from "../../json/value.ts";
import { absolute, type Decimal, decimalOf, distance, order, times } from "./decimal.ts";
import { epochInstant, instantOfText } from "./instant.ts";

/** Whether two values lie within the bound of each other. Exact at the bound, which is within. */
export type Bound = (a: JsonValue, b: JsonValue) => boolean;

/** A percentage is of the larger of the two, so that it does not matter which service is the primary. */
export function boundOf(within: Tolerance): Bound {
  switch (within.kind) {
    case "absolute": {
      const by = numberOf(within.by);
      return (a, b) => between(numberIn(a), numberIn(b), (x, y) => order(distance(x, y), by) <= 0);
    }
    case "percent": {
      const share = times(numberOf(within.percent), { units: 1n, exponent: -2 });
      return (a, b) =>
        between(numberIn(a), numberIn(b), (x, y) => {
          const [sizeX, sizeY] = [absolute(x), absolute(y)];
          const larger = order(sizeX, sizeY) > 0 ? sizeX : sizeY;
          return order(distance(x, y), times(larger, share)) <= 0;
        });
    }
    case "time": {
      const seconds: Decimal = { units: BigInt(within.ms), exponent: -3 };
      return (a, b) => between(instantIn(a), instantIn(b), (x, y) => order(distance(x, y), seconds) <= 0);
    }
  }
}

function between(a: Decimal | null, b: Decimal | null, test: (a: Decimal, b: Decimal) => boolean): boolean {
  return a !== null && b !== null && test(a, b);
}

function numberOf(text: string): Decimal {
  const decimal = decimalOf(text);
  if (decimal === null) throw new RangeError(`tolerance ${text} has too many digits`);
  return decimal;
}

function numberIn(value: JsonValue): Decimal | null {
  return value instanceof JsonNumber ? decimalOf(value.raw) : null;
}

function instantIn(value: JsonValue): Decimal | null {
  if (typeof value === "string") return instantOfText(value);
  return value instanceof JsonNumber ? epochInstant(value.raw) : null;
}
