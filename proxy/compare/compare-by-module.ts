import type { Difference } from "../evidence/evidence.ts";
import { MAX_DIFFERENCES, type Verdict } from "../exchange.ts";
import { MODULE_NORMALISE } from "../evidence/rule-names.ts";
import { type AnswerPair, areSame, type ComparableAnswer, compareAnswers, type HookUse } from "./diff-answers.ts";
import { giveAnswer, takeAnswer } from "./hook-answers.ts";
import { type HookCalls, type Hooks, kindWords, Nonsense } from "./hook-calls.ts";
import { Oversight } from "./oversight.ts";
import { mustMatchPlaces } from "./rules/must-match.ts";

/**
 * The verdict where a user's functions take part. What `normalise` made equal and what `judge` excuses counts as excused;
 * neither hides a difference at a place that must match.
 * @throws HookError: a function failed, and rules alone have to decide
 */
export function compareByModule(pair: AnswerPair, use: HookUse, hooks: Hooks, calls: HookCalls): Verdict {
  const { primary, shadow, rules, now } = pair;
  if (areSame(pair)) return compareAnswers(primary, shadow, rules, now);
  const mustMatch = mustMatchPlaces(rules);
  const { judge } = hooks;
  const judging = new Oversight(mustMatch, judge === undefined ? null : (each) => isExcused(judge, each, use, calls));
  const normalised = normalise(pair, hooks, calls);
  if (normalised === null) return compareAnswers(primary, shadow, rules, now, judging);
  const witness = new Oversight(mustMatch, null);
  const plain = compareAnswers(primary, shadow, rules, now, witness);
  const found = compareAnswers(...normalised, rules, now, judging);
  // There is more that differs than can be looked through for what must match.
  if ((witness.isExhausted || judging.isExhausted) && rules.mustMatch.length > 0) return plain;
  const told = new Set(judging.kept.map(identityOf));
  const hidden = witness.kept.filter((difference) => !told.has(identityOf(difference)));
  return merge(plain, found, hidden);
}

/** Both answers as the function gave them back; null: it changed nothing, or there is none. */
function normalise(
  { primary, shadow }: AnswerPair,
  hooks: Hooks,
  calls: HookCalls,
): readonly [primary: ComparableAnswer, shadow: ComparableAnswer] | null {
  const hook = hooks.normalise;
  const [a, b] = hook === undefined ? [null, null] : [giveAnswer(primary), giveAnswer(shadow)];
  if (hook === undefined || a === null || b === null) return null;
  const [x, y] = (
    [
      [a, "primary"],
      [b, "shadow"],
    ] as const
  ).map(([given, side]) => {
    const taken = calls.run("normalise", () => {
      const returned = hook(given.answer, side);
      return returned === undefined ? null : takeAnswer(returned, given);
    });
    calls.checkTime("normalise");
    return taken;
  });
  return (x ?? null) === null && (y ?? null) === null ? null : [x ?? primary, y ?? shadow];
}

function isExcused(
  judge: NonNullable<Hooks["judge"]>,
  difference: Difference,
  { route, method }: HookUse,
  calls: HookCalls,
): boolean {
  const excused = calls.run("judge", () => {
    const about = {
      ...difference,
      ...(route === undefined ? {} : { route }),
      ...(method === undefined ? {} : { method }),
    };
    const said = judge(about);
    if (said === "excuse") return true;
    if (said === "keep" || said === undefined) return false;
    throw new Nonsense(`returned ${kindWords(said)} where "excuse", "keep" or nothing is expected`);
  });
  calls.checkTime("judge");
  return excused;
}

function identityOf({ at, kind }: Difference): string {
  return `${kind} ${at}`;
}

/** What normalising took away was excused by it, but for what it must not hide. */
function merge(plain: Verdict, normalised: Verdict, hidden: readonly Difference[]): Verdict {
  const differences = [...normalised.differences, ...hidden].slice(0, MAX_DIFFERENCES);
  const moreDifferences =
    normalised.moreDifferences + normalised.differences.length + hidden.length - differences.length;
  const gone = Math.max(0, totalOf(plain) - totalOf(normalised) - hidden.length);
  const excused = normalised.excused + gone;
  const excusedBy = [...normalised.excusedBy, ...(gone === 0 ? [] : [{ rule: MODULE_NORMALISE, times: gone }])];
  const outcome = differences.length > 0 ? "divergent" : excused > 0 ? "ignored" : "match";
  return { outcome, differences, moreDifferences, excused, excusedBy };
}

function totalOf({ differences, moreDifferences, excused }: Verdict): number {
  return differences.length + moreDifferences + excused;
}
