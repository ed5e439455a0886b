/** Which rule, if any, makes nearly all pairs of one place agree. Pure. */
import type { NormaliserName, ShapeName } from "../config/compare-settings.ts";
import { instantsApart, spreadOf } from "./clocks.ts";
import { enumeration } from "./enumerations.ts";
import type { Pair } from "./evidence.ts";
import { isIdName, isOwnId, isPerAnswer } from "./names.ts";
import type { Candidate, Strength } from "./rule.ts";
import { agreeNormalised, areOfShape, isFresh, looksRandom } from "./values.ts";

/**
 * Where the primary itself answers differently each time, no value can be right: what fits is then no mere habit, and where
 * nothing fits the place is left out. Lost digits, other types and what one side lacks are something else.
 */
export function unsteady(at: string, pairs: readonly Pair[], fits: Candidate | null): Candidate | null {
  if (fits !== null) return fits.strength === "habit" ? { ...fits, strength: "own" } : fits;
  const isOther = pairs.every(({ difference: { kind }, primary, shadow }) => {
    return (kind === "value" || kind === "header") && primary.is !== "absent" && shadow.is !== "absent";
  });
  if (!isOther) return null;
  return {
    rule: { kind: "ignore", at },
    because: "asked the same twice, the primary answers differently",
    strength: "own",
    covers: ({ primary, shadow }) => primary.is !== "absent" && shadow.is !== "absent",
  };
}

/** Less than this, and the rule does not tell what goes on at the place. */
const COVERED_AT_LEAST = 0.8;
/** Texts that differ every time are random only after some. */
const RANDOM_AFTER = 10;

/** `made`: pairs of ids that creations made, as `pairKey` spells them. */
export function candidateFor(at: string, pairs: readonly Pair[], made: ReadonlySet<string>): Candidate | null {
  for (const candidate of candidates(at, pairs, made)) {
    if (coversMost(candidate, pairs)) return candidate;
  }
  return null;
}

/** Most candidates fail at once. */
function coversMost(candidate: Candidate, pairs: readonly Pair[]): boolean {
  let left = pairs.length - COVERED_AT_LEAST * pairs.length;
  for (const pair of pairs) {
    if (candidate.covers(pair)) continue;
    left -= 1;
    if (left < 0) return false;
  }
  return true;
}

/** The one that says most comes first. */
function* candidates(at: string, pairs: readonly Pair[], made: ReadonlySet<string>): Generator<Candidate> {
  // What a service has rounded it has lost.
  if (pairs.some(({ difference }) => difference.kind === "precision")) return;
  if (at === "status") {
    yield* statuses(pairs);
    return;
  }
  for (const as of SAME_THING) yield normalising(at, [as], "same", SPELLINGS[as] ?? "");
  if (at.startsWith("header:"))
    for (const as of [["sorted-set"], ["lowercase", "sorted-set"]] as const)
      yield normalising(at, as, "same", "the same list in another spelling");
  yield* clocks(at, pairs);
  yield* ids(at, pairs, made);
  yield* enumeration(at, pairs);
  for (const as of ALMOST)
    yield normalising(at, as, "habit", `differs in ${as.map((each) => ALMOST_IN[each]).join(", ")} alone`);
  if (pairs.length >= RANDOM_AFTER && spreadOf(pairs) === null && looksRandom(pairs)) {
    yield {
      rule: { kind: "ignore", at },
      because: "random: another value on each side every time",
      strength: "habit",
      covers: ({ primary, shadow }) => primary.is !== "absent" && shadow.is !== "absent",
    };
  }
}

/** 200 and 201 are one success; what else differs may be known to clients. */
function* statuses(pairs: readonly Pair[]): Generator<Candidate> {
  if (!pairs.every(({ difference }) => isDone(difference.primary) && isDone(difference.shadow))) return;
  yield {
    rule: { kind: "equivalent", at: "status", values: [[200, 201]] },
    because: "both say that it was done",
    strength: "same",
    covers: () => true,
  };
}

function isDone(status: string | null): boolean {
  return status === "200" || status === "201";
}

/** Nothing of the value is lost in these. */
const SAME_THING = ["number", "instant", "uuid", "url", "unicode", "html-entities"] as const;
const SPELLINGS: Partial<Record<NormaliserName, string>> = {
  number: "the same number in another spelling",
  instant: "the same instant in another spelling",
  uuid: "the same UUID in another spelling",
  url: "the same URL in another spelling",
  unicode: "the same characters, composed in another way",
  "html-entities": "the same characters, as HTML spells them",
};
const ALMOST: readonly (readonly NormaliserName[])[] = [
  ["trim"],
  ["lowercase"],
  ["trim", "lowercase"],
  ["trim", "lowercase", "unicode"],
  ["null-as-absent"],
  ["empty-as-absent"],
];
const ALMOST_IN: Partial<Record<NormaliserName, string>> = {
  trim: "white space at its ends",
  lowercase: "case",
  unicode: "how characters are composed",
  "null-as-absent": "null where the other side has none",
  "empty-as-absent": "an empty value where the other side has none",
};

function normalising(at: string, as: readonly NormaliserName[], strength: Strength, because: string): Candidate {
  return { rule: { kind: "normalise", at, as }, because, strength, covers: (pair) => agreeNormalised(pair, as) };
}

const WITHIN_S = [1, 2, 5, 10, 30, 60];
/** Clocks are as far apart next time as they were, or a little more. */
const ROOM = 1.5;

function* clocks(at: string, pairs: readonly Pair[]): Generator<Candidate> {
  const spread = spreadOf(pairs);
  if (spread === null) return;
  const seconds = WITHIN_S.find((each) => each >= spread.farthestNearS * ROOM) ?? 60;
  yield {
    rule: { kind: "tolerance", at, within: `${seconds}s` },
    because: spread.areReadings
      ? "each service reads its own clock"
      : `instants never more than ${Math.ceil(spread.farthestNearS)} s apart`,
    strength: spread.areReadings ? "own" : "habit",
    covers: (pair) => {
      const apart = instantsApart(pair);
      return apart !== null && apart <= seconds;
    },
  };
  if (spread.areReadings && !spread.isShifted) {
    yield shaped(at, "instant", "habit", "each service stamps it when it comes to it");
  }
}

/** Values that each service makes for itself. */
const OWN_SHAPES = ["uuid", "ulid", "jwt", "etag", "hash", "integer"] as const;

function* ids(at: string, pairs: readonly Pair[], made: ReadonlySet<string>): Generator<Candidate> {
  const isMade = pairs.every((pair) => made.has(pairKey(pair)));
  if (!isMade && !isFresh(pairs)) return;
  const isCreated = isOwnId(at) && pairs.every(({ record }) => record.method === "POST");
  const strength: Strength = isMade || isCreated || isPerAnswer(at) || at === "header:etag" ? "own" : "habit";
  for (const as of OWN_SHAPES) {
    // Numbers that differ are amounts, unless they are said to be ids.
    if (as === "integer" && !isIdName(at)) continue;
    const because = isMade && !isCreated ? `the ids that each service made at creation` : `each service makes its own`;
    yield shaped(at, as, strength, because);
  }
}

function shaped(at: string, as: ShapeName, strength: Strength, because: string): Candidate {
  return { rule: { kind: "shapes", at, as }, because, strength, covers: (pair) => areOfShape(pair, as) };
}

export function pairKey({ difference }: Pair): string {
  return `${difference.primary} ${difference.shadow}`;
}
