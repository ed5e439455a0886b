import { compareNumbers } from "../json/number.ts";
import { type JsonArray, JsonNumber, JsonObject, type JsonValue, typeOf } from "../json/value.ts";
import { EqualityClasses, equalJson, type MemberPairs, pairMembers, samePlacesShuffled } from "./equal-json.ts";
import type { Findings, Mark } from "./findings.ts";

/** Two objects whose members are being compared. */
interface OpenObjects {
  readonly kind: "objects";
  readonly a: JsonObject;
  readonly b: JsonObject;
  readonly pairs: MemberPairs | null;
  next: number;
}

/** Two stretches of equal length, from the same index on in both arrays, whose elements are being compared. */
interface OpenArrays {
  readonly kind: "arrays";
  readonly a: JsonArray;
  readonly b: JsonArray;
  readonly end: number;
  next: number;
  readonly mark: Mark;
  /** Unexcused findings before the element at `next - 1`. */
  foundBefore: number;
  /** Indices whose elements differ. */
  readonly differing: number[];
}

/**
 * Finds every place where the shadow's JSON differs from the primary's. The order of members says nothing, that of elements
 * does: elements that are the same but stand in another order are one difference, and so is one element too many or too
 * few. Depth costs memory, not stack; time is roughly linear in both sizes. Stops early where `findings` is beyond its limit.
 */
export function diffJson(primary: JsonValue, shadow: JsonValue, findings: Findings): void {
  const path: (string | number)[] = [];
  const open: (OpenObjects | OpenArrays)[] = [];
  const classes = new EqualityClasses();

  compare(primary, shadow);
  for (let top = open.at(-1); top !== undefined && !findings.isBeyondLimit; top = open.at(-1)) {
    path.length = open.length - 1;
    if (top.kind === "objects") stepObjects(top);
    else stepArrays(top);
  }

  /** Compares two scalars; opens two containers of one kind. */
  function compare(a: JsonValue, b: JsonValue): void {
    if (a === b) return;
    if (a instanceof JsonNumber && b instanceof JsonNumber) {
      const relation = compareNumbers(a.raw, b.raw);
      if (relation !== "equal") findings.json(path, relation === "precision" ? "precision" : "value", a, b);
    } else if (a instanceof JsonObject && b instanceof JsonObject) {
      open.push({ kind: "objects", a, b, pairs: pairMembers(a, b), next: 0 });
    } else if (Array.isArray(a) && Array.isArray(b)) {
      openArrays(a, b);
    } else {
      findings.json(path, typeOf(a) === typeOf(b) ? "value" : "type", a, b);
    }
  }

  function stepObjects(objects: OpenObjects): void {
    const { a, b, pairs } = objects;
    const depth = open.length;
    while (objects.next < a.names.length) {
      const i = objects.next;
      objects.next += 1;
      const partner = pairs === null ? i : (pairs.partner[i] as number);
      path[depth - 1] = a.names[i] as string;
      if (partner < 0) findings.json(path, "missing", a.values[i], undefined);
      else compare(a.values[i] as JsonValue, b.values[partner] as JsonValue);
      if (open.length > depth) return;
    }
    for (const i of pairs?.surplus ?? []) {
      path[depth - 1] = b.names[i] as string;
      findings.json(path, "extra", undefined, b.values[i]);
    }
    open.pop();
  }

  /** What is equal at both ends is set aside, so that an element put in or taken out shifts nothing. */
  function openArrays(a: JsonArray, b: JsonArray): void {
    if (a.length === b.length) {
      open.push(stretch(a, b, 0, a.length));
      return;
    }
    const shorter = Math.min(a.length, b.length);
    let head = 0;
    while (head < shorter && equalJson(a[head] as JsonValue, b[head] as JsonValue)) head += 1;
    let tail = 0;
    while (tail < shorter - head && equalJson(a[a.length - 1 - tail] as JsonValue, b[b.length - 1 - tail] as JsonValue))
      tail += 1;
    if (head + tail < shorter) {
      findings.length(path, a.length, b.length);
      open.push(stretch(a, b, head, shorter - tail));
      return;
    }
    const depth = path.length;
    for (let i = head; i < a.length - tail; i += 1) {
      path[depth] = i;
      findings.json(path, "missing", a[i], undefined);
    }
    for (let i = head; i < b.length - tail; i += 1) {
      path[depth] = i;
      findings.json(path, "extra", undefined, b[i]);
    }
    path.length = depth;
  }

  function stretch(a: JsonArray, b: JsonArray, from: number, end: number): OpenArrays {
    return {
      kind: "arrays",
      a,
      b,
      next: from,
      end,
      mark: findings.mark(),
      foundBefore: findings.unexcused,
      differing: [],
    };
  }

  function stepArrays(arrays: OpenArrays): void {
    const { a, b, differing } = arrays;
    const depth = open.length;
    for (;;) {
      if (findings.unexcused > arrays.foundBefore) {
        if (findings.isBeyondLimit) return;
        differing.push(arrays.next - 1);
        arrays.foundBefore = findings.unexcused;
      }
      // What the two texts have in common was read once, and is the same object on both sides.
      while (arrays.next < arrays.end && a[arrays.next] === b[arrays.next]) arrays.next += 1;
      if (arrays.next === arrays.end) break;
      const i = arrays.next;
      arrays.next += 1;
      path[depth - 1] = i;
      compare(a[i] as JsonValue, b[i] as JsonValue);
      if (open.length > depth) return;
    }
    open.pop();
    if (differing.length < 2 || a.length !== b.length || !samePlacesShuffled(a, b, differing, classes)) return;
    findings.rewind(arrays.mark);
    path.length = depth - 1;
    findings.json(path, "order", a, b);
  }
}
