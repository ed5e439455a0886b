import { compareNumbers } from "../json/number.ts";
import { type JsonArray, JsonNumber, JsonObject, type JsonValue, typeOf } from "../json/value.ts";
import { type MemberPairs, pairMembers } from "./equal-json.ts";
import type { Findings } from "./findings.ts";
import { type ElementPairs, ElementPairing } from "./pair-elements.ts";
import { NOWHERE, type Place } from "./rules/places.ts";

/** Two objects whose members are being compared. */
interface OpenObjects {
  readonly kind: "objects";
  readonly place: Place;
  readonly a: JsonObject;
  readonly b: JsonObject;
  readonly pairs: MemberPairs | null;
  next: number;
}

/** Two arrays whose elements are being compared, those that may differ. */
interface OpenArrays {
  readonly kind: "arrays";
  readonly place: Place;
  readonly a: JsonArray;
  readonly b: JsonArray;
  readonly elements: ElementPairs;
  next: number;
}

/**
 * Finds every place where the shadow's JSON differs from the primary's. The order of members says nothing, that of elements
 * does: elements that are the same but stand in another order are one difference, and so is one element too many or too
 * few, wherever it stands. A difference within an element is told at the primary's index, an extra element at the shadow's.
 * Depth costs memory, not stack; time is roughly linear in both sizes. Stops early where `findings` is beyond its limit.
 */
export function diffJson(primary: JsonValue, shadow: JsonValue, findings: Findings): void {
  const path: (string | number)[] = [];
  const open: (OpenObjects | OpenArrays)[] = [];
  const pairing = new ElementPairing(findings.effort, findings.limit);

  compare(primary, shadow, findings.root);
  for (let top = open.at(-1); top !== undefined && !findings.isBeyondLimit; top = open.at(-1)) {
    path.length = open.length - 1;
    if (top.kind === "objects") stepObjects(top);
    else stepArrays(top);
  }

  /** Compares two scalars; opens two containers of one kind. */
  function compare(a: JsonValue, b: JsonValue, place: Place): void {
    if (a === b) return;
    if (a instanceof JsonNumber && b instanceof JsonNumber) {
      const relation = compareNumbers(a.raw, b.raw);
      if (relation !== "equal") findings.json(path, relation === "precision" ? "precision" : "value", a, b, place);
    } else if (a instanceof JsonObject && b instanceof JsonObject) {
      open.push({ kind: "objects", place, a, b, pairs: pairMembers(a, b), next: 0 });
    } else if (Array.isArray(a) && Array.isArray(b)) {
      openArrays(a, b, place);
    } else {
      findings.json(path, typeOf(a) === typeOf(b) ? "value" : "type", a, b, place);
    }
  }

  function stepObjects(objects: OpenObjects): void {
    const { a, b, pairs, place } = objects;
    const depth = open.length;
    while (objects.next < a.names.length) {
      const i = objects.next;
      objects.next += 1;
      const partner = pairs === null ? i : (pairs.partner[i] as number);
      const name = a.names[i] as string;
      path[depth - 1] = name;
      const inside = place.isBare ? NOWHERE : place.child(name);
      if (partner < 0) findings.json(path, "missing", a.values[i], undefined, inside);
      else compare(a.values[i] as JsonValue, b.values[partner] as JsonValue, inside);
      if (open.length > depth) return;
    }
    for (const i of pairs?.surplus ?? []) {
      const name = b.names[i] as string;
      path[depth - 1] = name;
      findings.json(path, "extra", undefined, b.values[i], place.child(name));
    }
    open.pop();
  }

  function openArrays(a: JsonArray, b: JsonArray, place: Place): void {
    const elements = pairing.of(a, b, place);
    for (const rule of elements.reorderedBy) findings.excuse(rule);
    if (elements.isOtherOrder) findings.json(path, "order", a, b, place);
    open.push({ kind: "arrays", place, a, b, elements, next: 0 });
  }

  function stepArrays(arrays: OpenArrays): void {
    const { a, b, place } = arrays;
    const { pairs, missing, extra } = arrays.elements;
    const depth = open.length;
    while (arrays.next < pairs.length) {
      const [i, j] = pairs[arrays.next] as readonly [number, number];
      arrays.next += 1;
      path[depth - 1] = i;
      compare(a[i] as JsonValue, b[j] as JsonValue, place.child(i));
      if (open.length > depth) return;
    }
    for (const i of missing) {
      path[depth - 1] = i;
      findings.json(path, "missing", a[i], undefined, place.child(i));
    }
    for (const j of extra) {
      path[depth - 1] = j;
      findings.json(path, "extra", undefined, b[j], place.child(j));
    }
    open.pop();
  }
}
