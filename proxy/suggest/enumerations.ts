/** Values of one service that stand for values of the other, one for one. Pure. */
import type { PlainScalar } from "../config/compare-settings.ts";
import { JsonNumber, type JsonValue } from "../json/value.ts";
import type { Pair } from "./evidence.ts";
import type { Candidate } from "./rule.ts";

const MOST_VALUES = 12;
const LONGEST = 64;
/** As often each pair must have been seen to be no chance. */
const SEEN_AT_LEAST = 3;
/** And all together, where the two of a pair have nothing in common. */
const MANY = 10;

interface Equivalence {
  readonly primary: JsonValue;
  readonly shadow: JsonValue;
  times: number;
}

export function* enumeration(at: string, pairs: readonly Pair[]): Generator<Candidate> {
  const seen = new Map<string, Equivalence>();
  for (const { primary, shadow, difference } of pairs) {
    if (primary.is !== "value" || shadow.is !== "value") continue;
    const key = keyOf(difference);
    const known = seen.get(key);
    if (known !== undefined) known.times += 1;
    else if (seen.size < MOST_TOLD_APART) seen.set(key, { primary: primary.value, shadow: shadow.value, times: 1 });
  }
  const steady = [...seen].filter(([, { times }]) => times >= SEEN_AT_LEAST);
  if (steady.length === 0 || steady.length > MOST_VALUES) return;
  const found = steady.map(([, equivalence]) => equivalence);
  const lists = found.map(({ primary, shadow }) => [plain(primary), plain(shadow)] as const);
  if (!lists.every(isEquivalent) || !isOneToOne(lists)) return;
  // One pair alone may be a wrong value that is always the same; two words that are spelled alike are not.
  const areAllAlike = lists.every(([a, b]) => areAlike(a, b));
  if (!areAllAlike) {
    const times = found.reduce((sum, equivalence) => sum + equivalence.times, 0);
    if (lists.length < 2 || times < MANY || !lists.flat().every(isWord)) return;
  }
  const keys = new Set(steady.map(([key]) => key));
  const values = lists.map(([a, b]) => [a as PlainScalar, b as PlainScalar]);
  yield {
    rule: { kind: "equivalent", at, values },
    because: "one value of legacy stands for one of next",
    strength: "habit",
    covers: ({ difference }) => keys.has(keyOf(difference)),
  };
}

const MOST_TOLD_APART = 1_000;

function keyOf({ primary, shadow }: Pair["difference"]): string {
  return `${primary}\n${shadow}`;
}

/** undefined: not a value that YAML keeps as it is. */
function plain(value: JsonValue): PlainScalar | undefined {
  if (value instanceof JsonNumber) {
    const number = Number(value.raw);
    return Number.isSafeInteger(number) && String(number) === value.raw ? number : undefined;
  }
  if (typeof value === "string") return value.length <= LONGEST && value.isWellFormed() ? value : undefined;
  return typeof value === "boolean" ? value : undefined;
}

/** Two numbers that differ differ in amount, and true is not false. */
function isEquivalent([a, b]: readonly [PlainScalar | undefined, PlainScalar | undefined]): boolean {
  if (a === undefined || b === undefined || a === "" || b === "") return false;
  return typeof a === "string" || typeof a !== typeof b;
}

/** And no value of one side is one of the other's: a swap is a mistake. */
function isOneToOne(lists: readonly (readonly [PlainScalar | undefined, PlainScalar | undefined])[]): boolean {
  const sides = new Set(lists.flatMap(([a, b]) => [JSON.stringify(a), JSON.stringify(b)]));
  return sides.size === 2 * lists.length;
}

/** Of a closed list, and no id, address or date. */
function isWord(value: PlainScalar | undefined): boolean {
  return !/\d{4}|[@:]/.test(String(value));
}

/** The same letters, whatever their case. A text with blanks may be a name or a sentence, and no member of a list. */
function areAlike(a: PlainScalar | undefined, b: PlainScalar | undefined): boolean {
  const letters = (value: PlainScalar | undefined): string => String(value).toLowerCase().replace(/[_-]/g, "");
  return !/\s/.test(String(a)) && letters(a) === letters(b);
}
