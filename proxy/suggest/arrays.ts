/** Arrays with the same elements in another order: seen as such, or by ids that have changed places. Pure. */
import { scalarKey } from "../compare/rules/scalar-key.ts";
import { escapeToken } from "../json/pointer.ts";
import { JsonObject, type JsonValue } from "../json/value.ts";
import type { Pair, PlaceEvidence } from "./evidence.ts";
import { isIdName } from "./names.ts";
import type { Candidate } from "./rule.ts";

/** The client asked for this order. */
const SORTED = /(?:^|[&_[.])(?:sort|order)(?:_?by)?\]?=/i;

export function asksForOrder({ record }: Pair): boolean {
  return record.query !== null && SORTED.test(record.query);
}

/** What is seen of kind `order`: the comparison found the same elements. */
export function reordered({ at, pairs }: PlaceEvidence): Candidate | null {
  const seen = pairs.filter(({ difference }) => difference.kind === "order");
  if (seen.length === 0) return null;
  const by = keyOfElements(seen);
  return unordered(at, by, (pair) => pair.difference.kind === "order");
}

/**
 * Elements that differ in more than their order are compared place by place, which says nothing about them. Told by a
 * member of theirs that has the same values on both sides, in other places.
 */
export function shuffled({ at, pairs }: PlaceEvidence): Candidate | null {
  const last = at.lastIndexOf("/*");
  const by = at.slice(last + "/*".length);
  if (last < 0 || at.startsWith("header:") || (by !== "" && !/^\/[^/]+$/.test(by))) return null;
  const answers = Map.groupBy(pairs, ({ record, difference }) => `${record.id} ${arrayOf(difference.at, by)}`);
  let moved = 0;
  for (const ofOne of answers.values()) if (haveMoved(ofOne)) moved += 1;
  if (moved === 0 || moved < MOST * answers.size) return null;
  return unordered(at.slice(0, last), by === "" ? null : by, () => true);
}

const MOST = 0.8;

function unordered(at: string, by: string | null, covers: Candidate["covers"]): Candidate {
  return {
    rule: { kind: "unordered", at, by },
    because: "the same elements in another order",
    strength: "same",
    covers,
  };
}

/** The pointer without index and member: answers may hold many arrays of one place. */
function arrayOf(pointer: string, by: string): string {
  const element = pointer.slice(0, pointer.length - by.length);
  return element.slice(0, element.lastIndexOf("/"));
}

function haveMoved(pairs: readonly Pair[]): boolean {
  if (pairs.length < 2) return false;
  const [a, b] = [pairs.map((pair) => keyOf(pair.primary)), pairs.map((pair) => keyOf(pair.shadow))];
  const [inA, inB] = [new Set(a), new Set(b)];
  return inA.size === a.length && inB.size === b.length && !inA.has(null) && b.every((key) => inA.has(key));
}

function keyOf(side: Pair["primary"]): string | null {
  return side.is === "value" ? scalarKey(side.value) : null;
}

/** The member that is another one in each element of every array, ids before other names; null: there is none. */
function keyOfElements(pairs: readonly Pair[]): string | null {
  let names: string[] | null = null;
  for (const { primary, shadow } of pairs) {
    for (const side of [primary, shadow]) {
      // Arrays that were cut say nothing against a key.
      if (side.is !== "value") continue;
      const unique = uniqueMembers(side.value);
      names = names === null ? unique : names.filter((name) => unique.includes(name));
    }
  }
  const best = names?.find((name) => isIdName(`/${name}`)) ?? names?.find((name) => KEY_NAME.test(name));
  return best === undefined ? null : `/${escapeToken(best)}`;
}

const KEY_NAME = /^(?:key|sku|code|slug|number|name)$/i;

function uniqueMembers(value: JsonValue): string[] {
  if (!Array.isArray(value) || value.length < 2) return [];
  const elements = value as readonly JsonValue[];
  const [first] = elements;
  if (!(first instanceof JsonObject)) return [];
  return first.names.filter((name) => {
    const keys = elements.map((element) => {
      const at = element instanceof JsonObject ? element.names.indexOf(name) : -1;
      return at < 0 ? null : scalarKey((element as JsonObject).values[at] as JsonValue);
    });
    return !keys.includes(null) && new Set(keys).size === keys.length;
  });
}
