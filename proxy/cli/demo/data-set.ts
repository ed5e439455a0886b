/** The data of both services: the countries of npm's world-countries, and notes and visits about them. */
import { readFileSync } from "node:fs";
import { locateInPackage } from "./packages.ts";

export interface Country {
  /** ISO 3166-1 alpha-3. */
  readonly id: string;
  readonly name: string;
  readonly capital: readonly string[];
  readonly region: string;
  readonly area: number;
  readonly latlng: readonly number[];
  readonly borders: readonly string[];
  readonly currencies: Readonly<Record<string, unknown>>;
  readonly languages: Readonly<Record<string, unknown>>;
}

export interface Note {
  /** Counted up, as the legacy service counts. */
  readonly id: number;
  readonly countryId: string;
  readonly text: string;
  readonly pinned: boolean;
}

/** Under the id of its country: what both services agree on. */
export interface Visit {
  readonly id: string;
  readonly times: number;
  readonly last: string | null;
}

export interface DataSet {
  readonly countries: readonly Country[];
  readonly notes: readonly Note[];
  readonly visits: readonly Visit[];
}

const NOTES = 100;
/** 0.17 writes the whole file, indented, at each write: more data would only make it slow. */
const VISITS = 100;

interface WorldCountry extends Omit<Country, "id" | "name"> {
  readonly cca3: string;
  readonly name: { readonly common: string };
}

/** @throws CrossfadeError where world-countries is not installed. */
export function makeDataSet(): DataSet {
  // Read as a file: a JSON import would hold half a megabyte for as long as the process lives.
  const file = locateInPackage(() => import.meta.resolve("world-countries/countries.json"));
  const world = JSON.parse(readFileSync(file, "utf8")) as readonly WorldCountry[];
  const countries = world.map(({ cca3, name, capital, region, area, latlng, borders, currencies, languages }) => ({
    id: cca3,
    name: name.common,
    capital,
    region,
    area,
    latlng,
    borders,
    currencies,
    languages,
  }));
  const notes = countries.slice(0, NOTES).map((country, index) => ({
    id: index + 1,
    countryId: country.id,
    text: noteText(country),
    pinned: index % 7 === 0,
  }));
  const visits = countries.slice(-VISITS).map((country) => ({ id: country.id, times: 0, last: null }));
  return { countries, notes, visits };
}

export function noteText(country: Country): string {
  const capital = country.capital[0] ?? country.name;
  const neighbours = country.borders.length === 0 ? "by sea" : `from ${country.borders[0] ?? ""}`;
  return `${capital}: arrive ${neighbours}, pay in ${Object.keys(country.currencies)[0] ?? "cash"}`;
}
