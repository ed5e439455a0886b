/** Exact decimal arithmetic on the digits of numbers: nothing is rounded, and no spelling costs more than its length. */
import { canonicalNumber } from "../../json/number.ts";

/** `units * 10 ** exponent`. */
export interface Decimal {
  readonly units: bigint;
  readonly exponent: number;
}

/** BigInt arithmetic is not linear: numbers that need more digits than this, side by side, are not calculated with. */
const MOST_DIGITS = 1000;

/** Decimal numbers as people and databases write them: signs, leading zeros, no digits on one side of the point. */
const WRITTEN = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?$/;

/** A number in a text as JSON spells it, or null: `+1.50`, `007`, `.5`, ` 3. `. Zero has no sign. */
export function numberInText(text: string): string | null {
  const [, sign, mantissa, exponent] = WRITTEN.exec(text.trim()) ?? [];
  if (mantissa === undefined) return null;
  const point = mantissa.indexOf(".");
  const whole = (point < 0 ? mantissa : mantissa.slice(0, point)).replace(/^0+/, "");
  const fraction = point < 0 ? "" : mantissa.slice(point + 1);
  const spelled = `${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
  if (!/[1-9]/.test(spelled)) return "0";
  return `${sign === "-" ? "-" : ""}${spelled}${exponent === undefined ? "" : `e${exponent}`}`;
}

/** null: it takes more digits than are calculated with. `raw` is a JSON number. */
export function decimalOf(raw: string): Decimal | null {
  const canonical = canonicalNumber(raw);
  const mark = canonical.indexOf("e");
  if (mark < 0) return { units: 0n, exponent: 0 };
  const digits = canonical.slice(0, mark);
  const exponent = Number(canonical.slice(mark + 1));
  if (digits.length > MOST_DIGITS || Math.abs(exponent) > MOST_DIGITS) return null;
  return { units: BigInt(digits), exponent };
}

export function distance(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { units: magnitude(scaled(a, exponent) - scaled(b, exponent)), exponent };
}

export function times(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, exponent: a.exponent + b.exponent };
}

export function absolute({ units, exponent }: Decimal): Decimal {
  return { units: magnitude(units), exponent };
}

/** Below 0, 0 or above 0. */
export function order(a: Decimal, b: Decimal): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const [x, y] = [scaled(a, exponent), scaled(b, exponent)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function scaled({ units, exponent }: Decimal, to: number): bigint {
  return units * 10n ** BigInt(exponent - to);
}

function magnitude(units: bigint): bigint {
  return units < 0n ? -units : units;
}
