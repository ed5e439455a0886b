/** Why no rule fits, in words. Pure. */
import { JsonNumber, typeOf } from "../json/value.ts";
import { instantsApart } from "./clocks.ts";
import type { Pair, PlaceEvidence } from "./evidence.ts";
import { meansBusiness } from "./names.ts";

/** The first that holds for any of the pairs: the gravest come first. */
const REASONS: readonly (readonly [holds: (pair: Pair) => boolean, why: string])[] = [
  [({ difference }) => difference.kind === "precision", "digits are lost"],
  [({ difference }) => difference.kind === "status", "the services answer with different statuses"],
  [({ difference }) => difference.kind === "conflict", "the answers contradict each other"],
  [({ primary, shadow }) => primary.is === "absent" || shadow.is === "absent", "one service has it, the other has not"],
  [
    ({ primary, shadow }) => primary.is === "secret" || shadow.is === "secret",
    "it is redacted: nothing is known but that it differs",
  ],
  [isNull, "null on one side, a value on the other"],
  [areNumbers, "numbers that differ in amount"],
  [(pair) => instantsApart(pair) !== null, "instants that are far apart"],
  [areOfTwoTypes, "values of two types"],
];

export function whyNone({ at, pairs }: PlaceEvidence): string {
  if (meansBusiness(at)) return "its name says that somebody pays for a difference";
  return REASONS.find(([holds]) => pairs.some(holds))?.[1] ?? "values that differ for no reason that could be seen";
}

function isNull({ primary, shadow }: Pair): boolean {
  return [primary, shadow].some((side) => side.is === "value" && side.value === null);
}

function areNumbers({ primary, shadow }: Pair): boolean {
  return [primary, shadow].every((side) => side.is === "value" && side.value instanceof JsonNumber);
}

function areOfTwoTypes({ primary, shadow }: Pair): boolean {
  return primary.is === "value" && shadow.is === "value" && typeOf(primary.value) !== typeOf(shadow.value);
}
