/**
 * Compares a stored pair under other rules, and says what is new in it. Stand-ins tell same from different, but a rule that
 * looks at values (a tolerance, a shape) finds nothing in them that it could judge: such a place is left undecided.
 */
import type { Comparer } from "../compare/comparer.ts";
import { type ComparableAnswer, compareAnswers } from "../compare/diff-answers.ts";
import type { CompareSettings } from "../config/compare-settings.ts";
import type { RouteSettings } from "../config/settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import type { RawHeaders, Verdict } from "../exchange.ts";
import type { PairAnswer, StoredPair } from "../evidence/stored-pair.ts";
import { moduleName, type NamedRule, rulesOnValues } from "../evidence/rule-names.ts";
import { isMasked, KnownDifferences } from "./difference-keys.ts";

export interface ComparedAgain {
  /** What differs now. */
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
  /** Of them those that did not differ when it was recorded. */
  readonly appeared: readonly Difference[];
  /** Of those that differed when it was recorded, those that do not now. */
  readonly vanished: readonly Difference[];
  /** Those of which it cannot be told whether they differ: at redacted places that another rule on values covers now. */
  readonly undecided: readonly Difference[];
  /** Only status and headers were compared: a body was left out of the pair. */
  readonly headsOnly: boolean;
}

/** `failed`: in words. */
export async function compareAgain(
  pair: StoredPair,
  route: RouteSettings,
  comparer: Pick<Comparer, "compare">,
  now: number,
): Promise<ComparedAgain | { readonly failed: string }> {
  const headsOnly = !bodiesAreComparable(pair);
  const verdict = await verdictOf(pair, route, comparer, now, headsOnly);
  if ("failed" in verdict) return verdict;
  const before = headsOnly ? pair.differences.filter(isOfHead) : pair.differences;
  const known = new KnownDifferences(before);
  const found = new KnownDifferences(verdict.differences);
  const bearing = bearingOf(pair, route, now, headsOnly);
  const bearings = verdict.differences.map((difference) => bearing(difference, known.has(difference)));
  const those = (wanted: Bearing): readonly Difference[] =>
    verdict.differences.filter((_, i) => bearings[i] === wanted);
  return {
    differences: verdict.differences.filter((_, i) => bearings[i] !== "excused-still"),
    moreDifferences: verdict.moreDifferences,
    appeared: those("new"),
    undecided: those("undecided"),
    // Of those that are not listed it is not known which they are.
    vanished: verdict.moreDifferences > 0 ? [] : before.filter((difference) => !found.has(difference)),
    headsOnly,
  };
}

/** Without a body on one side, the two can be told apart by their digests at most. */
function bodiesAreComparable({ primary, shadow }: StoredPair): boolean {
  const [a, b] = [primary.body, shadow.body];
  if ("text" in a && "text" in b) return true;
  return !("text" in a) && !("text" in b) && a.digest === b.digest;
}

function isOfHead({ at, kind }: Difference): boolean {
  return kind === "status" || at.startsWith("header:");
}

async function verdictOf(
  pair: StoredPair,
  { name, compare: rules }: RouteSettings,
  comparer: Pick<Comparer, "compare">,
  now: number,
  headsOnly: boolean,
): Promise<Pick<Verdict, "differences" | "moreDifferences"> | { readonly failed: string }> {
  const primary = comparableOf(pair.primary, headsOnly);
  const shadow = comparableOf(pair.shadow, headsOnly);
  const { module } = rules;
  if (module === null) return compareAnswers(primary, shadow, rules, now);
  const hooks = { module, route: name, method: pair.request.method };
  const end = await comparer.compare({ primary: decoded(primary), shadow: decoded(shadow), rules, now, hooks });
  if ("overloaded" in end) return { failed: "more comparisons wait than the queue holds" };
  if ("failed" in end) return end;
  if ("hookFailure" in end && end.hookFailure !== undefined) {
    return { failed: `${end.hookFailure.step}: ${end.hookFailure.why}` };
  }
  return end;
}

function comparableOf({ status, headers, body }: PairAnswer, headsOnly: boolean): ComparableAnswer {
  const text = !headsOnly && "text" in body ? body.text : "";
  return { status, headers, body: { kind: "bytes", bytes: Buffer.from(text) }, readAs: withoutCoding(headers) };
}

/** A module decodes by the headers that it is shown. */
function decoded(answer: ComparableAnswer): ComparableAnswer {
  return { status: answer.status, headers: withoutCoding(answer.headers), body: answer.body };
}

function withoutCoding(headers: RawHeaders): RawHeaders {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.toLowerCase() !== "content-encoding") kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

type Bearing = "new" | "known" | "excused-still" | "undecided";

/**
 * What a difference is beside those that were found when the pair was recorded. A rule on values says nothing about
 * stand-ins: what such a rule excused then it excuses still, and of one that came since it is not known. A module may look
 * at any place.
 */
function bearingOf(
  pair: StoredPair,
  { compare: rules }: RouteSettings,
  now: number,
  headsOnly: boolean,
): (difference: Difference, isKnown: boolean) => Bearing {
  const { module } = rules;
  const knowsModule = module !== null && pair.rules.includes(moduleName(module));
  const onValues = rulesOnValues(rules);
  const leftBy = (covering: readonly NamedRule[]): KnownDifferences => {
    const primary = comparableOf(pair.primary, headsOnly);
    const shadow = comparableOf(pair.shadow, headsOnly);
    return new KnownDifferences(compareAnswers(primary, shadow, excusingAll(rules, covering), now).differences);
  };
  let left: { readonly byRulesOfThen: KnownDifferences; readonly byAllRules: KnownDifferences } | null = null;
  return (difference, isKnown) => {
    // Beyond those that were listed it is not known what differed.
    if (pair.moreDifferences > 0) return isKnown ? "known" : "undecided";
    const plain = isKnown ? "known" : "new";
    if (!isMasked(difference)) return plain;
    const covered = isKnown ? "known" : "excused-still";
    if (module !== null) return knowsModule ? covered : "undecided";
    left ??= {
      byRulesOfThen: leftBy(onValues.filter(({ name }) => pair.rules.includes(name))),
      byAllRules: leftBy(onValues),
    };
    if (!left.byRulesOfThen.has(difference)) return covered;
    return left.byAllRules.has(difference) ? plain : "undecided";
  };
}

/** Excuses all that these rules cover. */
function excusingAll(rules: CompareSettings, covering: readonly NamedRule[]): CompareSettings {
  const because = "a rule looks at values here";
  const covered = covering.flatMap(({ rule: { at, until, when } }) => {
    const here = { at, until, when, because };
    // A set is told element by element.
    return at === "" || at.startsWith("/") ? [here, { ...here, at: `${at}/**` }] : [here];
  });
  return { ...rules, mustMatch: [], ignore: [...rules.ignore, ...covered] };
}
