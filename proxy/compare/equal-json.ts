import { compareNumbers } from "../json/number.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import { normalised } from "./rules/excuse.ts";
import { NOWHERE, type Place, type RulesHere } from "./rules/places.ts";
import { scalarKey } from "./rules/scalar-key.ts";

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

/** How much may still be looked at; below 0 it was too much. */
export interface Effort {
  left: number;
  /** Whoever has spent it stops: what was found is no verdict. Else it only tells what is cheaper. */
  readonly isLimited: boolean;
}

/**
 * Whether two values are equal as compare means it: numbers by value, members in any order. Stops at the first difference;
 * null: it would take more than `effort`.
 */
export function equalJson(a: JsonValue, b: JsonValue, effort: Effort): boolean | null {
  const pending: JsonValue[] = [a, b];
  while (pending.length > 0) {
    effort.left -= 1;
    if (effort.left < 0) return null;
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
  readonly place: Place;
  readonly classes: number[];
}

/** To number a member takes as long as this many looks at one. */
const MEMBER_EFFORT = 5;
/** So does asking the rules of a place. */
export const RULE_EFFORT = 50;
/** The class of what rules leave out: ignored, or as good as absent. */
const LEFT_OUT = 0;

/**
 * Numbers values so that two have the same number only where comparing them finds nothing that no rule excuses: exactly
 * where they are equal, if no rule reaches them. No hash that could collide. Each container is numbered once a place (one
 * object may stand at several), so that asking about nested arrays again and again stays linear.
 */
export class EqualityClasses {
  readonly #ofContainer = new Map<Place, Map<object, number>>();
  readonly #bySpelling = new Map<string, number>([["left out", LEFT_OUT]]);
  readonly #effort: Effort;

  /** `effort` is charged for every container. */
  constructor(effort: Effort) {
    this.#effort = effort;
  }

  of(value: JsonValue, place: Place): number {
    const known = this.#known(value, place);
    if (known >= 0) return known;
    const open: Open[] = [openContainer(value as JsonObject | readonly JsonValue[], place)];
    for (;;) {
      if (this.#effort.left < 0 && this.#effort.isLimited) return LEFT_OUT;
      const top = open[open.length - 1] as Open;
      if (top.classes.length < top.members.length) {
        const i = top.classes.length;
        const member = top.members[i] as JsonValue;
        const inside = top.place.isBare ? NOWHERE : top.place.child(nameOf(top.container, i));
        const memberClass = this.#known(member, inside);
        if (memberClass >= 0) top.classes.push(memberClass);
        else open.push(openContainer(member as JsonObject | readonly JsonValue[], inside));
        continue;
      }
      const found = this.#intern(this.#spell(top));
      this.#effort.left -= MEMBER_EFFORT * (1 + top.members.length);
      this.#remember(top.container, top.place, found);
      open.pop();
      const parent = open[open.length - 1];
      if (parent === undefined) return found;
      parent.classes.push(found);
    }
  }

  /** The class of a scalar, of what a rule settles, or of a container seen before, else -1. */
  #known(value: JsonValue, place: Place): number {
    const ruled = place.rules === null ? null : this.#byRules(value, place.rules);
    if (ruled !== null) return ruled;
    const key = scalarKey(value);
    return key === null ? (this.#ofContainer.get(place)?.get(value as object) ?? -1) : this.#intern(key);
  }

  #remember(container: object, place: Place, found: number): void {
    const here = this.#ofContainer.get(place);
    if (here === undefined) this.#ofContainer.set(place, new Map([[container, found]]));
    else here.set(container, found);
  }

  #byRules(value: JsonValue, rules: RulesHere): number | null {
    const isScalar = typeof value !== "object" || value === null || value instanceof JsonNumber;
    this.#effort.left -= RULE_EFFORT;
    // Ignoring a place does not ignore what is below it.
    if (rules.ignoresAllBelow || (isScalar && rules.ignore.length > 0)) return LEFT_OUT;
    const normal = normalised(rules.normalise, value);
    if (normal === undefined) return LEFT_OUT;
    const key = scalarKey(normal);
    if (key === null) return null;
    for (const { index, listOf } of rules.equivalent) {
      const list = listOf.get(key);
      if (list !== undefined) return this.#intern(`e${index} ${list}`);
    }
    for (const { index, test } of rules.shapes) {
      const shape = test(normal);
      if (shape !== null) return this.#intern(`s${index} ${shape}`);
    }
    return this.#intern(key);
  }

  /** Members by name (second of a name after the first, as they stand), since their order among names says nothing. */
  #spell({ container, classes, place }: Open): string {
    if (!(container instanceof JsonObject)) {
      const { unordered, normalise } = place.rules ?? { unordered: [], normalise: [] };
      if (normalise.some(({ asSet }) => asSet)) return `[${[...new Set(classes)].sort((a, b) => a - b).join()}`;
      return `[${unordered.length > 0 ? classes.sort((a, b) => a - b).join() : classes.join()}`;
    }
    const members: (readonly [name: number, value: number])[] = [];
    for (const [i, name] of container.names.entries()) {
      const found = classes[i] as number;
      if (found !== LEFT_OUT) members.push([this.#intern(`"${name}`), found]);
    }
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

function openContainer(container: JsonObject | readonly JsonValue[], place: Place): Open {
  return { container, members: container instanceof JsonObject ? container.values : container, place, classes: [] };
}

function nameOf(container: JsonObject | readonly JsonValue[], i: number): string | number {
  return container instanceof JsonObject ? (container.names[i] as string) : i;
}

/** Whether both hold the same numbers, each as often, in whatever order. */
export function sameShuffled(a: readonly number[], b: readonly number[]): boolean {
  const surplus = new Map<number, number>();
  for (const value of a) surplus.set(value, (surplus.get(value) ?? 0) + 1);
  for (const value of b) {
    const left = surplus.get(value) ?? 0;
    if (left === 0) return false;
    surplus.set(value, left - 1);
  }
  return a.length === b.length;
}
