import { JsonNumber, type JsonValue } from "../../json/value.ts";
import { canonicalNumber } from "../../json/number.ts";
import type { ScopedRule } from "./scoped-rule.ts";
import { numberInText } from "./decimal.ts";
import { listAsSet } from "./normalisers.ts";
import type { RulesHere } from "./places.ts";
import { scalarKey } from "./scalar-key.ts";

type RulesOfValue = Omit<RulesHere, "ignoresAllBelow">;

/** How values are read: JSON has types, a header has texts that may stand for numbers and lists. */
interface Reading {
  readonly keys: (value: JsonValue) => readonly string[];
  readonly measured: (value: JsonValue) => JsonValue;
  readonly apply: (rule: ScopedRule<"normalise">, value: JsonValue | undefined) => JsonValue | undefined;
}

const JSON_READING: Reading = { keys: jsonKeys, measured: (value) => value, apply: applied };
const HEADER_READING: Reading = { keys: textKeys, measured: asNumber, apply: appliedToList };

/** The rules that, together, make two values that differ agree; null where none do. undefined: absent. */
export function rulesThatExcuse(
  here: RulesOfValue,
  a: JsonValue | undefined,
  b: JsonValue | undefined,
): readonly ScopedRule[] | null {
  return excusing(here, a, b, JSON_READING);
}

/** The same for header values. null: absent. */
export function rulesThatExcuseHeader(
  here: RulesOfValue,
  a: string | null,
  b: string | null,
): readonly ScopedRule[] | null {
  return excusing(here, a ?? undefined, b ?? undefined, HEADER_READING);
}

function excusing(
  here: RulesOfValue,
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  reading: Reading,
): readonly ScopedRule[] | null {
  const [ignore] = here.ignore;
  if (ignore !== undefined) return [ignore];
  const direct = agreeing(here, a, b, reading);
  if (direct !== null) return [direct];
  let [x, y] = [a, b];
  const used: ScopedRule[] = [];
  for (const rule of here.normalise) {
    const [before, other] = [x, y];
    x = reading.apply(rule, x);
    y = reading.apply(rule, y);
    if (x !== before || y !== other) used.push(rule);
    if (sameScalar(x, y)) return used;
  }
  if (used.length === 0) return null;
  const last = agreeing(here, x, y, reading);
  return last === null ? null : [...used, last];
}

export function rulesThatExcuseStatus(
  here: Pick<RulesHere, "ignore" | "equivalent">,
  a: number,
  b: number,
): readonly ScopedRule[] | null {
  const [ignore] = here.ignore;
  if (ignore !== undefined) return [ignore];
  const keys = (status: number): string[] => [`#${canonicalNumber(String(status))}`, `"${status}`];
  const found = here.equivalent.find(({ lists }) => lists.some((list) => holds(list, keys(a)) && holds(list, keys(b))));
  return found === undefined ? null : [found];
}

/** What the normalise rules make of a value; sets are left to whoever pairs elements. */
export function normalised(
  rules: readonly ScopedRule<"normalise">[],
  value: JsonValue | undefined,
): JsonValue | undefined {
  let found = value;
  for (const rule of rules) found = applied(rule, found);
  return found;
}

/** The first rule under which two values agree as they are. */
function agreeing(
  here: RulesOfValue,
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  { keys, measured }: Reading,
): ScopedRule | null {
  if (a === undefined || b === undefined) return null;
  for (const rule of here.tolerance) {
    if (rule.bound(a, b) || rule.bound(measured(a), measured(b))) return rule;
  }
  for (const rule of here.equivalent) {
    const [keysA, keysB] = [keys(a), keys(b)];
    if (rule.lists.some((list) => holds(list, keysA) && holds(list, keysB))) return rule;
  }
  for (const rule of here.shapes) {
    const found = rule.test(a);
    if (found !== null && found === rule.test(b)) return rule;
  }
  return null;
}

function applied(rule: ScopedRule<"normalise">, value: JsonValue | undefined): JsonValue | undefined {
  let found = value;
  for (const step of rule.steps) found = step(found);
  return found;
}

function appliedToList(rule: ScopedRule<"normalise">, value: JsonValue | undefined): JsonValue | undefined {
  const found = applied(rule, value);
  return rule.asSet && typeof found === "string" ? listAsSet(found) : found;
}

function sameScalar(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const key = scalarKey(a);
  return key !== null && key === scalarKey(b);
}

function holds(list: ReadonlySet<string>, keys: readonly string[]): boolean {
  return keys.some((key) => list.has(key));
}

function jsonKeys(value: JsonValue): readonly string[] {
  const key = scalarKey(value);
  return key === null ? [] : [key];
}

function textKeys(value: JsonValue): readonly string[] {
  const keys = jsonKeys(value);
  const raw = typeof value === "string" ? numberInText(value) : null;
  return raw === null ? keys : [...keys, `#${canonicalNumber(raw)}`];
}

function asNumber(value: JsonValue): JsonValue {
  const raw = typeof value === "string" ? numberInText(value) : null;
  return raw === null ? value : new JsonNumber(raw);
}
