/**
 * Sizes, times, rates and shares as people write them: `64KiB`, `250ms`, `200/s`, `5%`. Every one carries its unit.
 * An `error` is a predicate that follows the name of the setting: `is "64", which has no unit; write 64KiB or 64MiB`.
 */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

type Units = readonly (readonly [unit: string, factor: number])[];

const SIZE_UNITS: Units = [
  ["B", 1],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["TB", 1e12],
  ["KiB", KIB],
  ["MiB", MIB],
  ["GiB", GIB],
  ["TiB", TIB],
];
const TIME_UNITS: Units = [
  ["ms", 1],
  ["s", SECOND],
  ["m", MINUTE],
  ["h", HOUR],
  ["d", DAY],
];
const RATE_UNITS: Units = [
  ["/s", 1],
  ["/m", 1 / 60],
  ["/h", 1 / 3600],
];
const SHARE_UNITS: Units = [["%", 0.01]];

/** For editors: a quantity, or a text with a variable of the environment in it. */
export const SIZE_PATTERN = patternOf(SIZE_UNITS);
export const TIME_PATTERN = patternOf(TIME_UNITS);
export const RATE_PATTERN = patternOf(RATE_UNITS);
export const SHARE_PATTERN = patternOf(SHARE_UNITS);

function patternOf(units: Units): string {
  return `^\\d+(\\.\\d+)? ?(${units.map(([unit]) => unit).join("|")})$|\\$\\{`;
}

/** Bytes, a whole number. */
export function parseSize(text: string): Parsed<number> {
  return inWhole(parseQuantity(text, SIZE_UNITS, "KiB", "MiB"));
}

/** Milliseconds, a whole number. */
export function parseDuration(text: string): Parsed<number> {
  return inWhole(parseQuantity(text, TIME_UNITS, "s", "ms"));
}

/** Requests a second, above 0. */
export function parseRate(text: string): Parsed<number> {
  return parseQuantity(text, RATE_UNITS, "/s", "/m");
}

/** `5%` is 0.05; from 0 to 1. */
export function parseShare(text: string): Parsed<number> {
  const digits = /^(\d+(?:\.\d+)?)%$/.exec(text.trim())?.[1];
  // Divided, not multiplied: 7 * 0.01 is 0.07000000000000001.
  if (digits !== undefined && Number(digits) <= 100) return { ok: true, value: Number(digits) / 100 };
  const share = parseQuantity(text, SHARE_UNITS, "%", null);
  if (!share.ok) return share;
  return { ok: false, error: `is ${JSON.stringify(text)}, above the whole; write 0% to 100%` };
}

/** The largest binary unit that leaves a short number: `64MiB`, `1.5GiB`, `1000B`. */
export function spellSize(bytes: number): string {
  return spell(bytes, [
    ["TiB", TIB],
    ["GiB", GIB],
    ["MiB", MIB],
    ["KiB", KIB],
    ["B", 1],
  ]);
}

export function spellDuration(ms: number): string {
  return spell(ms, TIME_UNITS.toReversed());
}

export function spellShare(share: number): string {
  return `${Number((share * 100).toPrecision(12))}%`;
}

function spell(value: number, units: Units): string {
  for (const [unit, factor] of units) {
    const count = value / factor;
    if (count >= 1 && Number.isInteger(count * 10)) return `${count}${unit}`;
  }
  const [unit] = units[units.length - 1] as readonly [string, number];
  return `${value}${unit}`;
}

function parseQuantity(text: string, units: Units, usual: string, other: string | null): Parsed<number> {
  const trimmed = text.trim();
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z/%]*)$/.exec(trimmed) ?? [];
  const examples = (number: string): string => `${number}${usual}${other === null ? "" : ` or ${number}${other}`}`;
  const shown = JSON.stringify(text);
  if (digits === undefined || unit === undefined) {
    return { ok: false, error: `is ${shown}, which is not a number with a unit; write ${examples("10")}` };
  }
  if (unit === "") return { ok: false, error: `is ${shown}, which has no unit; write ${examples(digits)}` };
  const known = units.find(([name]) => name === unit);
  if (known !== undefined) return { ok: true, value: Number(digits) * known[1] };
  const spelledOtherwise = units.find(([name]) => name.toLowerCase() === unit.toLowerCase());
  const instead = spelledOtherwise === undefined ? examples(digits) : `${digits}${spelledOtherwise[0]}`;
  const names = units.map(([name]) => name).join(", ");
  return { ok: false, error: `is ${shown}, whose unit ${unit} is none of ${names}; write ${instead}` };
}

function inWhole(parsed: Parsed<number>): Parsed<number> {
  return parsed.ok ? { ok: true, value: Math.round(parsed.value) } : parsed;
}
