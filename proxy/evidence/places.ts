/** What is known of places in answers without keeping a value: shapes that survey, store, API and `suggest` share. Pure. */
import type { PathParams } from "../exchange.ts";
import { generalPlace } from "./groups.ts";

/** What one pair of answers tells of one place. */
export interface SurveyedPlace {
  /** A pointer with `*` for an index or an id, `header:NAME` or `status`; empty for the body as a whole. */
  readonly at: string;
  readonly sides: "both" | "first" | "second";
  /** A difference that no rule excuses was told there. */
  readonly differs: boolean;
  /** As `value-classes.ts` names them, of the first answer where it has the place. */
  readonly valueClass: string;
  /** 48 bits of a keyed hash of the first answer's value; null: it has none there, or no scalar. */
  readonly hash: number | null;
}

/** Why a pair that was chosen taught nothing. */
export const SURVEY_FAILURES = ["too-large", "overload", "failed"] as const;
/** Why a safe read that was chosen was not asked twice, or the second answer not looked at. */
export const NOT_TWICE_REASONS = [
  ...SURVEY_FAILURES,
  "busy",
  "primary-unwell",
  "not-comparable",
  "no-second-answer",
  "written-meanwhile",
] as const;
export type SurveyFailure = (typeof SURVEY_FAILURES)[number];
export type NotTwiceReason = (typeof NOT_TWICE_REASONS)[number];

export type Survey = { readonly places: readonly SurveyedPlace[] } | { readonly why: SurveyFailure };

/** Where a place is: exchanges of one route and method, with paths that differ in nothing but ids. */
export interface PlaceAddress {
  readonly route: string;
  readonly method: string;
  /** `/users/*`; `**` where there are too many kinds of paths to tell them apart. */
  readonly path: string;
  readonly at: string;
}

/** Counts of one place since `since`, all of them under the same rules. No value is among them. */
export interface PlaceCounts {
  /** Reads that the primary was asked twice, with the place in one of the two answers; and those in which they differed. */
  readonly askedTwice: number;
  readonly differedWithItself: number;
  /** Compared exchanges that were counted, with the place on either side; on both; and those that differed there. */
  readonly compared: number;
  readonly onBothSides: number;
  readonly differed: number;
}

/** A place as API and `suggest` show it. */
export interface PlaceRecord extends PlaceAddress, PlaceCounts {
  /** Of the primary's values in compared exchanges: how many were seen, and about how many different ones among them. */
  readonly values: number;
  readonly distinct: number;
  /** How often each class of the primary's values was seen, the most frequent first. */
  readonly classes: readonly { readonly class: string; readonly count: number }[];
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly lastSeen: string;
}

/** A place as a store keeps it. */
export interface KeptPlace extends PlaceAddress, PlaceCounts {
  /** Digest of the comparison's rules: under others the counts begin anew. */
  readonly rules: string;
  readonly values: number;
  /** The smallest hashes seen, ascending: how small they are tells how many different ones there were. */
  readonly smallest: readonly number[];
  readonly classes: readonly (readonly [name: string, count: number])[];
  /** Epoch ms. */
  readonly since: number;
  readonly lastSeen: number;
}

/** How much the primary disagrees with itself at one place, over all kinds of paths. */
export interface OwnDisagreement {
  readonly at: string;
  readonly askedTwice: number;
  readonly differedWithItself: number;
}

/**
 * A path without ids, and without what a pattern caught in it where that may be one: `/users/*` for `/users/ann`. `path` and
 * `key` as evidence may show them.
 */
export function kindOfPath(path: string, key: string | null, { named, rest }: PathParams): string {
  const id = idOf(key);
  const caught = new Set(Object.values(named));
  // The whole path is the key: of nothing that was caught it is known that it is a word of the API's own.
  if (id === null || id.startsWith("/")) for (const segment of rest) caught.add(segment);
  const segments = withoutIds(path, key).split("/");
  return segments.map((segment) => (caught.has(segment) ? "*" : segment)).join("/");
}

/** A path or pointer, as evidence may show it, with `*` for indices, ids, stand-ins, and what the key is about. */
export function withoutIds(path: string, key: string | null): string {
  const id = idOf(key);
  return generalPlace(path.replace(STAND_IN, "*"))
    .split("/")
    .map((segment) => (segment === id ? "*" : segment))
    .join("/");
}

/** `**`: exchanges of all other paths. */
export const MANY_PATHS = "**";
const STAND_IN = /\[redacted [0-9a-f]{8}\]/g;

/** Of `users/42` what follows the prefix. */
function idOf(key: string | null): string | null {
  const end = key?.search(/[/:]/) ?? -1;
  return key === null || end === -1 ? null : key.slice(end + 1);
}

/** A larger answer tells nothing of noise: what is learnt of small ones is cheap, and there are enough of them. */
export const SURVEYED_MAX_BYTES = 256 * 1024;
