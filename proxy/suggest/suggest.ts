/** Rules that would excuse what differs for no reason that matters, and what somebody has to look at. Pure. */
import { pointersAbove, pointersMeet } from "../config/pointer-patterns.ts";
import { asksForOrder, reordered, shuffled } from "./arrays.ts";
import { candidateFor, pairKey, unsteady } from "./candidates.ts";
import { type Counted, countsOf, type Known, whyCountedOut } from "./counts.ts";
import { gather, type Pair, type PlaceEvidence, type RouteEvidence } from "./evidence.ts";
import { type Exposure, exposureOf } from "./exposure.ts";
import { isIdName, isOwnId, meansBusiness } from "./names.ts";
import { whyNone } from "./reasons.ts";
import type { Candidate, SuggestedRule } from "./rule.ts";
import { isFresh } from "./values.ts";

export interface Sample {
  readonly id: string;
  readonly primary: string | null;
  readonly shadow: string | null;
}

export interface Suggestion {
  readonly route: string;
  readonly rule: SuggestedRule;
  readonly because: string;
  readonly hides: {
    readonly differences: number;
    /** Of the divergent exchanges that were looked at. */
    readonly exchanges: number;
    readonly share: number;
  };
  /** Differences at the same place that go on being told. */
  readonly leaves: number;
  /** What was counted there; null: nothing. */
  readonly known: Known | null;
  readonly samples: readonly Sample[];
}

/** A place for which nothing is suggested. */
export interface Doubt {
  readonly route: string;
  /** As in a difference; `status` is called that here. */
  readonly at: string;
  readonly kinds: readonly string[];
  readonly exchanges: number;
  readonly why: string;
  /** What would excuse it, if it turns out not to matter. */
  readonly rule: SuggestedRule | null;
  /** What was counted there; null: nothing. */
  readonly known: Known | null;
  readonly sample: Sample | null;
}

export interface Advice {
  readonly route: string;
  readonly suggestions: readonly Suggestion[];
  readonly doubts: readonly Doubt[];
  /** Divergent exchanges that were looked at, and how many of them would have nothing left to tell. */
  readonly lookedAt: number;
  readonly wouldAgree: number;
  /** Differences at more places than are kept. */
  readonly left: number;
}

/** Seen less often, it may be anything. */
const SEEN_AT_LEAST = 3;
const MOST = 0.5;
const NEARLY_ALL = 0.95;
/** Values that are spelled in two ways only now and then are spelled by somebody else. */
const SPELLING_AT_LEAST = 0.05;
const SAMPLES = 3;

type Judged =
  | { readonly candidate: Candidate; readonly why: null }
  | { readonly candidate: Candidate | null; readonly why: string };

export function suggestRules(evidence: RouteEvidence): Advice {
  const gathered = gather(evidence);
  const made = idsMade(gathered.places);
  const places = Map.groupBy(evidence.places, ({ at }) => at);
  const excused = new Set<Pair["difference"]>();
  const suggestions = new Map<string, Suggestion>();
  const doubts: Doubt[] = [];
  const arrays = shuffledArrays(gathered.places);
  for (const place of gathered.places) {
    if (isWithin(place, arrays)) continue;
    for (const part of partsOf(place, made)) {
      const exposure = exposureOf(part.pairs, gathered.agreed);
      const counted = countsOf(part, place, places.get(part.at) ?? []);
      const known = counted?.known ?? null;
      const { candidate, why } = judge(part, exposure, counted, evidence, made);
      if (why !== null) {
        doubts.push({ ...doubtOf(evidence.route, part, exposure, why, candidate?.rule ?? null), known });
        continue;
      }
      const covered = part.pairs.filter((pair) => candidate.covers(pair));
      for (const { difference } of covered) excused.add(difference);
      const rest = part.pairs.filter((pair) => !candidate.covers(pair));
      const suggestion = { ...suggestionOf(evidence, candidate, covered, rest.length), known };
      const key = `${candidate.rule.kind} ${candidate.rule.at}`;
      suggestions.set(key, joined(suggestions.get(key), suggestion));
      if (rest.length > 0) {
        const left = { at: part.at, pairs: rest };
        const why = "not what the rule for this place is about";
        doubts.push({ ...doubtOf(evidence.route, left, exposureOf(rest, gathered.agreed), why, null), known });
      }
    }
  }
  // What is shuffled is compared anew once the order does not count: what it then differs in is not known before.
  const isClear = evidence.records.filter(
    ({ differences, moreDifferences }) =>
      differences.length > 0 && moreDifferences === 0 && differences.every((difference) => excused.has(difference)),
  );
  return {
    route: evidence.route,
    suggestions: [...suggestions.values()].sort((a, b) => b.hides.exchanges - a.hides.exchanges),
    doubts: doubts.sort((a, b) => b.exchanges - a.exchanges),
    lookedAt: evidence.records.length,
    wouldAgree: isClear.length,
    left: gathered.morePlaces,
  };
}

/** What is missing or extra, what stands in another order, and what is different are three things. */
function partsOf(place: PlaceEvidence, made: ReadonlySet<string>): readonly PlaceEvidence[] {
  const { at, pairs } = place;
  if (shuffled(place) !== null) return [place];
  const parts = Map.groupBy(pairs, ({ difference, primary, shadow }) => {
    if (difference.kind === "order") return "order";
    return primary.is === "absent" || shadow.is === "absent" ? "absent" : "value";
  });
  return [...parts.values()].flatMap((some) => byRequests({ at, pairs: some }, made));
}

/**
 * One rule for all, or for those kinds of requests in which one says the same in another spelling: an id that is spelled in
 * two ways when it is read, and made by each service at creation, is two things.
 */
function byRequests(place: PlaceEvidence, made: ReadonlySet<string>): readonly PlaceEvidence[] {
  const { at, pairs } = place;
  if (candidateFor(at, pairs, made) !== null) return [place];
  const parts = new Map<string, Pair[]>();
  for (const some of Map.groupBy(pairs, ({ scope }) => scope).values()) {
    const candidate = candidateFor(at, some, made);
    const key = candidate?.strength === "same" ? JSON.stringify(candidate.rule) : "";
    parts.set(key, [...(parts.get(key) ?? []), ...some]);
  }
  return [...parts.values()].map((some) => ({ at, pairs: some }));
}

function judge(
  place: PlaceEvidence,
  exposure: Exposure,
  counted: Counted | null,
  evidence: RouteEvidence,
  made: ReadonlySet<string>,
): Judged {
  const { at, pairs } = place;
  if (at !== "status" && !isWritable(place))
    return { candidate: null, why: at === "" ? "the bodies differ as a whole" : "no rule can name this place" };
  const isUnsteady = counted?.primaryIs === "unsteady";
  const fits = shuffled(place) ?? reordered(place) ?? candidateFor(at, pairs, made);
  const candidate = isUnsteady ? unsteady(at, pairs, fits) : fits;
  if (candidate === null) {
    const rarely = exposure.atMost < MOST ? ", and equal in most exchanges" : "";
    return { candidate, why: whyNone(place) + rarely };
  }
  const why = whyNot(candidate, place, exposure, counted, evidence);
  return why === null ? { candidate, why } : { candidate, why };
}

/** Why a rule that fits is not suggested; null: nothing speaks against it. */
function whyNot(
  { rule, strength, covers }: Candidate,
  { at, pairs }: PlaceEvidence,
  { exchanges, atLeast: leastKnown, atMost, strays }: Exposure,
  counted: Counted | null,
  { mustMatch, rules }: RouteEvidence,
): string | null {
  const atLeast = Math.max(leastKnown, counted?.share?.atLeast ?? 0);
  if (at !== "status" && mustMatch.some((kept) => reaches(rule, kept))) return "the route says it must match";
  const name = `${rule.kind} ${rule.at}`;
  if (rules.some((known) => known === name || known.startsWith(`${name} `)))
    return "the route has such a rule: these are from before it, or beyond what it excuses";
  if (meansBusiness(at)) return "its name says that somebody pays for a difference";
  if (rule.kind === "unordered" && pairs.some(asksForOrder)) return "the request asks for an order";
  if (exchanges < SEEN_AT_LEAST) return `seen only ${exchanges === 1 ? "once" : `${exchanges} times`}`;
  if (atMost < MOST) return "it is equal in most exchanges, and differs in few";
  const isStray = new Set(strays);
  const known = new Set(pairs.filter((pair) => !isStray.has(pair)).map(pairKey));
  const unexplained = strays.filter(
    (pair) => !known.has(pairKey(pair)) && !(rule.kind === "tolerance" && covers(pair)),
  );
  if (unexplained.length > 0) return "in some kinds of requests it is equal in most exchanges, and differs in few";
  const out =
    counted === null ? null : whyCountedOut(counted, rule, strength, strength === "same" ? SPELLING_AT_LEAST : MOST);
  if (out !== null) return out;
  if (rule.kind === "ignore" && strength !== "own" && atLeast < NEARLY_ALL)
    return "it looks random, and may be equal in other exchanges";
  if (atLeast >= MOST || strength === "own") return null;
  if (strength === "same" && atLeast >= SPELLING_AT_LEAST) return null;
  return "it may be equal in most of the exchanges that agreed";
}

function reaches({ at, kind }: SuggestedRule, kept: string): boolean {
  if (at.startsWith("header:")) return false;
  return (
    pointersMeet(at, kept) || (kind !== "unordered" && pointersAbove(kept).some((above) => pointersMeet(at, above)))
  );
}

/** A pointer that was cut, or that text cannot carry, is one that no rule covers; words about a body have no place. */
function isWritable({ at, pairs }: PlaceEvidence): boolean {
  if (!at.isWellFormed() || at.endsWith("…")) return false;
  if (at.startsWith("header:")) return true;
  if (at === "") return pairs.every(({ difference }) => difference.kind === "order");
  return at.startsWith("/") && !/~(?![01])/.test(at);
}

/** By array, the place within its elements by which they are told apart. */
function shuffledArrays(places: readonly PlaceEvidence[]): ReadonlyMap<string, PlaceEvidence> {
  const arrays = new Map<string, PlaceEvidence>();
  for (const place of places) {
    const rule = shuffled(place)?.rule;
    const known = rule === undefined ? undefined : arrays.get(rule.at);
    if (rule !== undefined && (known === undefined || (isIdName(place.at) && !isIdName(known.at)))) {
      arrays.set(rule.at, place);
    }
  }
  return arrays;
}

/** Values of different elements were compared there, which says nothing. */
function isWithin(place: PlaceEvidence, arrays: ReadonlyMap<string, PlaceEvidence>): boolean {
  for (const [array, teller] of arrays) {
    if (place !== teller && (place.at === `${array}/*` || place.at.startsWith(`${array}/*/`))) return true;
  }
  return false;
}

/** Pairs of ids that creations answered with: other members name the same things. */
function idsMade(places: readonly PlaceEvidence[]): ReadonlySet<string> {
  const made = new Set<string>();
  for (const { at, pairs } of places) {
    if (!isOwnId(at)) continue;
    const created = pairs.filter(
      ({ record, primary, shadow }) => record.method === "POST" && primary.is === "value" && shadow.is === "value",
    );
    if (created.length >= SEEN_AT_LEAST && isFresh(created)) for (const pair of created) made.add(pairKey(pair));
  }
  return made;
}

function suggestionOf(
  { route, records }: RouteEvidence,
  { rule, because }: Candidate,
  covered: readonly Pair[],
  leaves: number,
): Omit<Suggestion, "known"> {
  const counted = covered.filter(({ isCounted }) => isCounted);
  const exchanges = new Set(counted.map(({ record }) => record.id)).size;
  return {
    route,
    rule,
    because,
    hides: {
      differences: counted.length,
      exchanges,
      share: records.length === 0 ? 0 : exchanges / records.length,
    },
    leaves,
    samples: covered.slice(0, SAMPLES).map(sampleOf),
  };
}

/** One rule for what was seen in two ways. */
function joined(known: Suggestion | undefined, more: Suggestion): Suggestion {
  if (known === undefined) return more;
  return {
    ...known,
    hides: {
      differences: known.hides.differences + more.hides.differences,
      exchanges: known.hides.exchanges + more.hides.exchanges,
      share: Math.min(1, known.hides.share + more.hides.share),
    },
    leaves: known.leaves + more.leaves,
    samples: [...known.samples, ...more.samples].slice(0, SAMPLES),
  };
}

function doubtOf(
  route: string,
  { at, pairs }: PlaceEvidence,
  { exchanges }: Exposure,
  why: string,
  rule: SuggestedRule | null,
): Omit<Doubt, "known"> {
  const [first] = pairs;
  return {
    route,
    at,
    kinds: [...new Set(pairs.map(({ difference }) => difference.kind))].sort(),
    exchanges,
    why,
    rule,
    sample: first === undefined ? null : sampleOf(first),
  };
}

function sampleOf({ record, difference }: Pair): Sample {
  return { id: record.id, primary: difference.primary, shadow: difference.shadow };
}
