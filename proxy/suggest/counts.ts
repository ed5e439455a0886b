/** What was counted of a place beside the divergences: how often it agrees, and whether the primary agrees with itself. Pure. */
import type { PlaceRecord } from "../evidence/places.ts";
import type { PlaceEvidence } from "./evidence.ts";
import type { SuggestedRule } from "./rule.ts";

/** Of exchanges of the methods in which the place was seen to differ. */
export interface Known {
  readonly compared: number;
  readonly differed: number;
  readonly askedTwice: number;
  readonly differedWithItself: number;
  /** Of the primary's, in compared exchanges. */
  readonly values: number;
  readonly distinct: number;
  readonly classes: readonly string[];
}

/** What the counts say of one part of a place. */
export interface Counted {
  readonly known: Known;
  /** The least and the most that this part's share of all exchanges with the place is likely to be; null: too few. */
  readonly share: { readonly atLeast: number; readonly atMost: number } | null;
  /** `steady`: it hardly ever differed from itself; null: it was not asked often enough, or is not known by reads. */
  readonly primaryIs: "unsteady" | "steady" | null;
  /** The primary's values come again and again, though those that differ do not. */
  readonly repeats: boolean;
}

const MOST = 0.5;
/** 99 of 100 intervals hold the true share. */
const Z = 2.58;
const ENOUGH_COMPARED = 10;
/** So often asked twice, always with another answer, it is so in most cases. */
const ENOUGH_ASKED = 7;
/** Of one kind of path: where it mostly agrees, it is no noise there. */
const ENOUGH_OF_A_KIND = 3;
const ENOUGH_VALUES = 20;
/** Counts of different values are exact to about 13 %. */
const COMES_AGAIN = 0.7;

/** `whole`: the place that `part` is of; `places`: what was counted at it. null: nothing was. */
export function countsOf(part: PlaceEvidence, whole: PlaceEvidence, places: readonly PlaceRecord[]): Counted | null {
  // Each pair of statuses is a place here, and all of them are one in the counts.
  if (part.at === "status") return null;
  const methods = new Set(part.pairs.map(({ record }) => record.method));
  const found = places.filter(({ method }) => methods.has(method));
  if (found.length === 0) return null;
  const known = sum(found);
  const ofWhole = part.pairs.length / whole.pairs.filter(({ record }) => methods.has(record.method)).length;
  const agreesSomewhere = found.some(
    ({ compared, differed }) => compared >= ENOUGH_OF_A_KIND && differed < MOST * compared,
  );
  const [low, high] = likelyShare(known.differed, known.compared);
  return {
    known,
    share:
      known.compared < ENOUGH_COMPARED
        ? null
        : { atLeast: agreesSomewhere ? 0 : low * ofWhole, atMost: Math.min(1, high * ofWhole) },
    primaryIs: steadiness(part, found),
    repeats: known.values >= ENOUGH_VALUES && known.distinct < COMES_AGAIN * known.values,
  };
}

/** What is learnt of reads is not so of writes. */
function steadiness(part: PlaceEvidence, found: readonly PlaceRecord[]): Counted["primaryIs"] {
  const { askedTwice, differedWithItself } = sum(found);
  if (askedTwice < ENOUGH_ASKED || part.pairs.some(({ record }) => record.method !== "GET")) return null;
  const [low, high] = likelyShare(differedWithItself, askedTwice);
  const isSteadySomewhere = found.some(
    (place) => place.askedTwice >= ENOUGH_OF_A_KIND && place.differedWithItself < MOST * place.askedTwice,
  );
  if (low >= MOST && !isSteadySomewhere) return "unsteady";
  return high < MOST ? "steady" : null;
}

/** Why the counts forbid a rule; null: they do not. `atLeast`: what a rule of its kind asks for. */
export function whyCountedOut(
  { known, share, primaryIs, repeats }: Counted,
  { kind }: SuggestedRule,
  strength: "own" | "same" | "habit",
  atLeast: number,
): string | null {
  if (share !== null && share.atMost < atLeast)
    return `it is equal in most exchanges: ${known.differed} of ${known.compared} that were counted differ`;
  if (strength !== "habit") return null;
  if (kind === "ignore" && primaryIs === "steady")
    return "the primary answers the same each time it is asked: what differs is kept somewhere";
  if ((kind === "ignore" || kind === "shapes") && repeats)
    return `the primary's values come again: about ${known.distinct} different ones in ${known.values} answers`;
  return null;
}

function sum(places: readonly PlaceRecord[]): Known {
  const total = (of: (place: PlaceRecord) => number): number => places.reduce((all, place) => all + of(place), 0);
  return {
    compared: total(({ compared }) => compared),
    differed: total(({ differed }) => differed),
    askedTwice: total(({ askedTwice }) => askedTwice),
    differedWithItself: total(({ differedWithItself }) => differedWithItself),
    values: total(({ values }) => values),
    distinct: total(({ distinct }) => distinct),
    classes: [...new Set(places.flatMap(({ classes }) => classes.map((each) => each.class)))],
  };
}

/** Wilson's interval of a share of which `part` of `whole` are a sample. */
function likelyShare(part: number, whole: number): readonly [low: number, high: number] {
  if (whole === 0) return [0, 1];
  const share = part / whole;
  const square = Z * Z;
  const middle = share + square / (2 * whole);
  const reach = Z * Math.sqrt((share * (1 - share)) / whole + square / (4 * whole * whole));
  const scale = 1 + square / whole;
  return [(middle - reach) / scale, (middle + reach) / scale];
}
