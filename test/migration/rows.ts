/**
 * Rows of a migration, as exact texts. They are grown from the countries of an npm package: names in many scripts, flags, numbers at
 * the ends of their types, bytes, nulls, and instants around changes of the clock.
 */
import { createRequire } from "node:module";
import type { Countries } from "world-countries";

/** Of a column: its text, the same whatever the database. Bytes in hex; instants in UTC without zeros at the end. */
export type PlaceValue = string | null;

export interface Place {
  readonly id: string;
  readonly name: string;
  readonly native: string | null;
  readonly flag: string | null;
  readonly code: string | null;
  readonly area: string | null;
  readonly far: string;
  readonly seen: string | null;
  readonly n: string;
}

export const COLUMNS = ["name", "native", "flag", "code", "area", "far", "seen", "n"] as const;
export type Column = (typeof COLUMNS)[number];

// As an ES module it imports JSON without saying so, which Node refuses.
const countries = createRequire(import.meta.url)("world-countries") as Countries;

const GREATEST = 2n ** 63n - 1n;
/** What `numeric(30,10)` holds at most. */
const LARGEST = "99999999999999999999.9999999999";

/** The last moment before, the first one of, and one within hours that are there twice, or not at all, somewhere. */
const INSTANTS = [
  "2026-03-29T00:59:59.999999Z",
  "2026-03-29T01:00:00Z",
  "2026-10-25T00:30:00.5Z",
  "2026-10-25T01:30:00.5Z",
  "2026-11-01T05:30:00.000001Z",
  "2026-11-01T06:30:00.000001Z",
  "2026-03-08T06:59:59.999999Z",
  "2026-03-08T07:00:00Z",
  "1970-01-01T00:00:01Z",
  "2038-01-19T03:14:07.999999Z",
];

/** The row of this number, from 1. */
export function growPlace(number: number): Place {
  const country = countries[number % countries.length] as Countries[number];
  const round = Math.floor(number / countries.length);
  const [native] = Object.values(country.name.native ?? {});
  const common = number % 11 === 0 ? country.name.common.toUpperCase() : country.name.common;
  return {
    id: String(number),
    // A blank at the end is lost by whoever trims.
    name: number % 7 === 0 ? ` ${common} ${round} ` : `${common} ${round}`,
    native: number % 5 === 0 ? null : (native?.official ?? ""),
    flag: number % 13 === 0 ? null : country.flag,
    code: number % 17 === 0 ? null : `00${Buffer.from(country.cca3).toString("hex")}${numberHex(number)}ff`,
    area: number % 19 === 0 ? null : areaOf(number, country.area),
    far: String(number % 2 === 0 ? -GREATEST - 1n + BigInt(number - 2) : GREATEST - BigInt(number - 1)),
    seen: number % 23 === 0 ? null : (INSTANTS[number % INSTANTS.length] as string),
    n: String(number % 7),
  };
}

export function* growPlaces(count: number): Generator<Place> {
  for (let number = 1; number <= count; number += 1) yield growPlace(number);
}

function areaOf(number: number, area: number): string {
  if (number % 1_000 === 1) return LARGEST;
  const sign = number % 29 === 0 ? "-" : "";
  return `${sign}${Math.max(0, Math.floor(area)) + number}.${String((number * 7_919) % 10_000_000_000).padStart(10, "0")}`;
}

function numberHex(number: number): string {
  return number.toString(16).padStart(8, "0");
}

/** `2026-03-29T01:00:00.500000Z` and `2026-03-29T01:00:00.5Z` are one. */
export function shortInstant(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+Z$/, "Z") : text;
}
