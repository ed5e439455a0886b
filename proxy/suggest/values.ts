/** What two values have in common, asked of the rules themselves. Pure. */
import { NORMALISER_OF, listAsSet } from "../compare/rules/normalisers.ts";
import { scalarKey } from "../compare/rules/scalar-key.ts";
import { SHAPE_TESTS } from "../compare/rules/shapes.ts";
import type { NormaliserName, ShapeName } from "../config/compare-settings.ts";
import type { JsonValue } from "../json/value.ts";
import type { Pair, Side } from "./evidence.ts";

/** The same after these normalisers: one more spelling, or one side absent where the other is as good as. */
export function agreeNormalised({ primary, shadow }: Pair, as: readonly NormaliserName[]): boolean {
  if (!isLegible(primary) || !isLegible(shadow)) return false;
  let [a, b] = [valueOf(primary), valueOf(shadow)];
  for (const name of as) [a, b] = [normalise(name, a), normalise(name, b)];
  if (a === undefined || b === undefined) return a === b;
  const key = scalarKey(a);
  return key !== null && key === scalarKey(b);
}

export function areOfShape({ primary, shadow }: Pair, as: ShapeName): boolean {
  if (primary.is !== "value" || shadow.is !== "value") return false;
  const found = SHAPE_TESTS[as](primary.value);
  return found !== null && found === SHAPE_TESTS[as](shadow.value);
}

/** Hardly any value comes twice, on either side: nobody has chosen them. */
export function isFresh(pairs: readonly Pair[]): boolean {
  const enough = FRESH_SHARE * pairs.length;
  const distinct = (side: "primary" | "shadow"): number =>
    new Set(pairs.map(({ difference }) => difference[side])).size;
  return distinct("primary") >= enough && distinct("shadow") >= enough;
}

const FRESH_SHARE = 0.9;
const LONGEST_RANDOM = 512;
/** No blanks, and letters and digits in turns: no word, no amount, no path. */
const RANDOM_TEXT = /^(?=(?:\D*\d+[A-Za-z]){2})[\w+=-][\w+/=-]{11,}$/;

/** Both sides redacted, or texts without words that are new every time. */
export function looksRandom(pairs: readonly Pair[]): boolean {
  const isRandom = (side: Side): boolean =>
    side.is === "secret" || (side.is === "value" && typeof side.value === "string" && isRandomText(side.value));
  return isFresh(pairs) && pairs.every(({ primary, shadow }) => isRandom(primary) && isRandom(shadow));
}

function isRandomText(text: string): boolean {
  return text.length <= LONGEST_RANDOM && RANDOM_TEXT.test(text);
}

function isLegible(side: Side): boolean {
  return side.is === "value" || side.is === "absent";
}

function valueOf(side: Side): JsonValue | undefined {
  return side.is === "value" ? side.value : undefined;
}

function normalise(name: NormaliserName, value: JsonValue | undefined): JsonValue | undefined {
  if (name === "sorted-set") return typeof value === "string" ? listAsSet(value) : value;
  return NORMALISER_OF[name](value);
}
