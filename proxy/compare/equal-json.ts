import { canonicalNumber, compareNumbers } from "../json/number.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";

/**
 * Which member of `b` stands against each member of `a`: the n-th of a name against the n-th of that name.
 * null: every member against the one at its own place (the same names in the same order, the common case).
 */
export interface MemberPairs {
  /** Index in `b` for each index in `a`, or -1 where `b` has no such member (left). */
  readonly partner: Int32Array;
  /** Indices in `b` that stand against nothing. */
  readonly surplus: readonly number[];
}

export function pairMembers(a: JsonObject, b: JsonObject): MemberPairs | null {
  const namesA = a.names;
  const namesB = b.names;
  let same = namesA.length === namesB.length ? 0 : -1;
  while (same >= 0 && same < namesA.length) same = namesA[same] === namesB[same] ? same + 1 : -1;
  if (same >= 0) return null;

  // Per name the first index in b not yet paired; `following` leads to the next of the same name.
  const firstOf = new Map<string, number>();
  const following = new Int32Array(namesB.length).fill(-1);
  for (let i = namesB.length - 1; i >= 0; i -= 1) {
    const name = namesB[i] as string;
    following[i] = firstOf.get(name) ?? -1;
    firstOf.set(name, i);
  }
  const partner = new Int32Array(namesA.length).fill(-1);
  const taken = new Uint8Array(namesB.length);
  for (let i = 0; i < namesA.length; i += 1) {
    const name = namesA[i] as string;
    const found = firstOf.get(name) ?? -1;
    if (found < 0) continue;
    partner[i] = found;
    taken[found] = 1;
    firstOf.set(name, following[found] as number);
  }
  const surplus: number[] = [];
  for (let i = 0; i < taken.length; i += 1) if (taken[i] === 0) surplus.push(i);
  return { partner, surplus };
}

/** Whether two values are equal as compare means it: numbers by value, members in any order. Stops at the first difference. */
export function equalJson(a: JsonValue, b: JsonValue): boolean {
  const pending: JsonValue[] = [a, b];
  while (pending.length > 0) {
    const y = pending.pop() as JsonValue;
    const x = pending.pop() as JsonValue;
    if (x === y) continue;
    if (x instanceof JsonNumber) {
      if (!(y instanceof JsonNumber) || compareNumbers(x.raw, y.raw) !== "equal") return false;
    } else if (Array.isArray(x)) {
      if (!Array.isArray(y) || x.length !== y.length) return false;
      for (let i = x.length - 1; i >= 0; i -= 1) pending.push(x[i] as JsonValue, y[i] as JsonValue);
    } else if (x instanceof JsonObject) {
      if (!(y instanceof JsonObject) || x.names.length !== y.names.length) return false;
      const pairs = pairMembers(x, y);
      if (pairs !== null && pairs.surplus.length > 0) return false;
      for (let i = x.names.length - 1; i >= 0; i -= 1) {
        const j = pairs === null ? i : (pairs.partner[i] as number);
        pending.push(x.values[i] as JsonValue, y.values[j] as JsonValue);
      }
    } else {
      return false;
    }
  }
  return true;
}

/** A container whose members are being numbered. */
interface Open {
  readonly container: JsonObject | readonly JsonValue[];
  readonly members: readonly JsonValue[];
  readonly classes: number[];
}

/**
 * Numbers values so that two have the same number exactly when they are equal: no hash that could collide. Each container
 * is numbered once, so that asking about nested arrays again and again stays linear.
 */
export class EqualityClasses {
  readonly #ofContainer = new Map<object, number>();
  readonly #bySpelling = new Map<string, number>();

  of(value: JsonValue): number {
    const known = this.#known(value);
    if (known >= 0) return known;
    const open: Open[] = [openContainer(value as JsonObject | readonly JsonValue[])];
    for (;;) {
      const top = open[open.length - 1] as Open;
      if (top.classes.length < top.members.length) {
        const member = top.members[top.classes.length] as JsonValue;
        const memberClass = this.#known(member);
        if (memberClass >= 0) top.classes.push(memberClass);
        else open.push(openContainer(member as JsonObject | readonly JsonValue[]));
        continue;
      }
      const found = this.#intern(this.#spell(top));
      this.#ofContainer.set(top.container, found);
      open.pop();
      const parent = open[open.length - 1];
      if (parent === undefined) return found;
      parent.classes.push(found);
    }
  }

  /** The class of a scalar or of a container seen before, else -1. */
  #known(value: JsonValue): number {
    if (value === null || typeof value === "boolean") return this.#intern(String(value));
    if (typeof value === "string") return this.#intern(`"${value}`);
    if (value instanceof JsonNumber) return this.#intern(`#${canonicalNumber(value.raw)}`);
    return this.#ofContainer.get(value) ?? -1;
  }

  /** Members by name (second of a name after the first, as they stand), since their order among names says nothing. */
  #spell({ container, classes }: Open): string {
    if (!(container instanceof JsonObject)) return `[${classes.join()}`;
    const members = container.names.map((name, i) => [this.#intern(`"${name}`), classes[i] as number] as const);
    members.sort(([a], [b]) => a - b);
    return `{${members.join()}`;
  }

  #intern(spelling: string): number {
    const known = this.#bySpelling.get(spelling);
    if (known !== undefined) return known;
    const added = this.#bySpelling.size;
    this.#bySpelling.set(spelling, added);
    return added;
  }
}

function openContainer(container: JsonObject | readonly JsonValue[]): Open {
  return { container, members: container instanceof JsonObject ? container.values : container, classes: [] };
}

/** Whether both hold the same values in the same numbers, at these places, in whatever order. */
export function samePlacesShuffled(
  a: readonly JsonValue[],
  b: readonly JsonValue[],
  places: readonly number[],
  classes: EqualityClasses,
): boolean {
  const surplus = new Map<number, number>();
  for (const place of places) {
    const found = classes.of(a[place] as JsonValue);
    surplus.set(found, (surplus.get(found) ?? 0) + 1);
  }
  for (const place of places) {
    const found = classes.of(b[place] as JsonValue);
    const left = surplus.get(found) ?? 0;
    if (left === 0) return false;
    surplus.set(found, left - 1);
  }
  return true;
}
