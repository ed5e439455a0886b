import { printExact } from "../json/print-exact.ts";
import { type JsonArray, JsonObject, type JsonValue, typeOf } from "../json/value.ts";
import { type Alignment, alignElements } from "./align.ts";
import { type Effort, EqualityClasses, equalJson, sameShuffled } from "./equal-json.ts";
import { matchElements } from "./match-elements.ts";
import type { ScopedRule } from "./rules/compile.ts";
import { NOWHERE, type Place } from "./rules/places.ts";

/** What of two arrays is to be compared with what; elements that are equal in their places are left out. */
export interface ElementPairs {
  readonly pairs: readonly (readonly [a: number, b: number])[];
  readonly missing: readonly number[];
  readonly extra: readonly number[];
  /** What differs differs in its order alone. */
  readonly isOtherOrder: boolean;
  /** The rule under which it does not matter that elements stand in another order. */
  readonly reorderedBy: readonly ScopedRule[];
}

/** Two elements are likened by this many of their members at most. */
const LIKENED_MEMBERS = 64;

/** Decides for one pair of documents which elements stand against each other. */
export class ElementPairing {
  readonly #effort: Effort;
  readonly #classes: EqualityClasses;
  /** Without any rule. */
  readonly #exactClasses: EqualityClasses;

  /** Elements are looked at one by one as long as `effort` lasts; beyond it each container is numbered once. */
  constructor(effort: Effort) {
    this.#effort = effort;
    this.#classes = new EqualityClasses(effort);
    this.#exactClasses = new EqualityClasses(effort);
  }

  of(a: JsonArray, b: JsonArray, place: Place): ElementPairs {
    const [unordered] = place.rules?.unordered ?? [];
    const [asSet] = place.rules?.normalise.filter((rule) => rule.asSet) ?? [];
    const rule = asSet ?? unordered;
    if (rule !== undefined) return this.#unordered(a, b, place, rule);
    return a.length === b.length ? this.#sameLength(a, b, place) : this.#otherLength(a, b, place);
  }

  #unordered(a: JsonArray, b: JsonArray, place: Place, rule: ScopedRule<"normalise" | "unordered">): ElementPairs {
    const by = rule.kind === "unordered" ? rule.by : null;
    const keys = by === null ? null : { a: this.#keysOf(a, by, place), b: this.#keysOf(b, by, place) };
    const matched = matchElements(
      this.#classesOf(a, place),
      this.#classesOf(b, place),
      keys,
      rule.kind === "normalise",
    );
    const reorderedBy = matched.isReordered ? [rule] : [];
    const [i, j] = [matched.missing[0], matched.extra[0]];
    // One is left on either side: more likely a changed element than another one.
    if (
      by === null &&
      matched.missing.length === 1 &&
      matched.extra.length === 1 &&
      i !== undefined &&
      j !== undefined
    ) {
      const [x, y] = [a[i] as JsonValue, b[j] as JsonValue];
      if (typeOf(x) === typeOf(y) && (isContainer(x) || hasTolerance(place.child(i)))) {
        return { pairs: [...matched.pairs, [i, j]], missing: [], extra: [], isOtherOrder: false, reorderedBy };
      }
    }
    const { pairs, missing, extra } = matched;
    return { pairs, missing, extra, isOtherOrder: false, reorderedBy };
  }

  #sameLength(a: JsonArray, b: JsonArray, place: Place): ElementPairs {
    const unequal: number[] = [];
    for (const i of a.keys()) if (!this.#equal(a[i] as JsonValue, b[i] as JsonValue)) unequal.push(i);
    if (unequal.length < 2) return inPlace(unequal);
    const [from, to] = [unequal[0] as number, (unequal.at(-1) as number) + 1];
    // Numbering is dear, and elements that moved leave few in their places.
    const isDense = to - from <= 2 * unequal.length;
    const numbered = isDense ? null : unequal;
    const classesA = this.#classesOf(a, place, from, to, numbered);
    const classesB = this.#classesOf(b, place, from, to, numbered);
    const differing = unequal.map((i) => i - from).filter((i) => classesA[i] !== classesB[i]);
    if (differing.length < 2) return inPlace(unequal);
    if (sameShuffled(classesA, classesB, differing)) {
      const isMoved = new Set(differing);
      return { ...inPlace(unequal.filter((i) => !isMoved.has(i - from))), isOtherOrder: true };
    }
    if (!isDense) return inPlace(unequal);
    const aligned = alignEither(
      printExact(a[from] as JsonValue) > printExact(b[from] as JsonValue),
      classesA,
      classesB,
      this.#likenessOf(a, b, place, from),
    );
    if (aligned.cost >= differing.length) return inPlace(unequal);
    return shifted(aligned, from);
  }

  #otherLength(a: JsonArray, b: JsonArray, place: Place): ElementPairs {
    const shorter = Math.min(a.length, b.length);
    let head = 0;
    while (head < shorter && this.#equal(a[head] as JsonValue, b[head] as JsonValue)) head += 1;
    let tail = 0;
    while (
      tail < shorter - head &&
      this.#equal(a[a.length - 1 - tail] as JsonValue, b[b.length - 1 - tail] as JsonValue)
    )
      tail += 1;
    const classesA = head + tail < shorter ? this.#classesOf(a, place, head, a.length - tail) : [];
    const classesB = head + tail < shorter ? this.#classesOf(b, place, head, b.length - tail) : [];
    if (head + tail === shorter) {
      const [missing, extra] = [indices(head, a.length - tail), indices(head, b.length - tail)];
      return { ...inPlace([]), missing, extra };
    }
    return shifted(alignEither(a.length > b.length, classesA, classesB, this.#likenessOf(a, b, place, head)), head);
  }

  #equal(a: JsonValue, b: JsonValue): boolean {
    if (this.#effort.left > 0) {
      const found = equalJson(a, b, this.#effort);
      if (found !== null) return found;
    }
    return this.#exactClasses.of(a, NOWHERE) === this.#exactClasses.of(b, NOWHERE);
  }

  /** Of the elements from `from` to before `to`; -1 for those that are not in `numbered`. */
  #classesOf(
    elements: JsonArray,
    place: Place,
    from = 0,
    to = elements.length,
    numbered: readonly number[] | null = null,
  ): number[] {
    const found = new Array<number>(to - from).fill(-1);
    for (const i of numbered ?? indices(from, to))
      found[i - from] = this.#classOf(elements[i] as JsonValue, place.child(i));
    return found;
  }

  #classOf(value: JsonValue, place: Place): number {
    return (place.isBare ? this.#exactClasses : this.#classes).of(value, place);
  }

  #keysOf(elements: JsonArray, by: readonly string[], place: Place): number[] {
    return elements.map((element, i) => {
      let found: JsonValue | undefined = element;
      let at = place.child(i);
      for (const token of by) {
        found = memberOf(found, token);
        at = at.child(token);
      }
      return found === undefined ? -1 : this.#classOf(found, at);
    });
  }

  /** The share of members that agree. */
  #likenessOf(a: JsonArray, b: JsonArray, place: Place, from: number): (i: number, j: number) => number {
    return (i, j) => {
      const [x, y] = [a[from + i] as JsonValue, b[from + j] as JsonValue];
      if (!(x instanceof JsonObject) || !(y instanceof JsonObject)) return 0;
      const [placeX, placeY] = [place.child(from + i), place.child(from + j)];
      let agreeing = 0;
      for (const [at, name] of x.names.slice(0, LIKENED_MEMBERS).entries()) {
        const there = y.names[at] === name ? at : y.names.slice(0, LIKENED_MEMBERS).indexOf(name);
        if (there < 0) continue;
        const one = this.#classOf(x.values[at] as JsonValue, placeX.child(name));
        if (one === this.#classOf(y.values[there] as JsonValue, placeY.child(name))) agreeing += 1;
      }
      return agreeing / Math.max(1, Math.min(LIKENED_MEMBERS, Math.max(x.names.length, y.names.length)));
    };
  }
}

/** Of several shortest scripts the same one is found from either side: `swap` is the other way round for the other side. */
function alignEither(
  swap: boolean,
  a: readonly number[],
  b: readonly number[],
  likeness: (i: number, j: number) => number,
): Alignment {
  if (!swap) return alignElements(a, b, likeness);
  const { pairs, missing, extra, cost } = alignElements(b, a, (j, i) => likeness(i, j));
  return { pairs: pairs.map(([j, i]) => [i, j] as const), missing: extra, extra: missing, cost };
}

function inPlace(unequal: readonly number[]): ElementPairs {
  return { pairs: unequal.map((i) => [i, i] as const), missing: [], extra: [], isOtherOrder: false, reorderedBy: [] };
}

function shifted(aligned: Pick<ElementPairs, "pairs" | "missing" | "extra">, by: number): ElementPairs {
  return {
    pairs: aligned.pairs.map(([i, j]) => [i + by, j + by] as const),
    missing: aligned.missing.map((i) => i + by),
    extra: aligned.extra.map((j) => j + by),
    isOtherOrder: false,
    reorderedBy: [],
  };
}

function indices(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function isContainer(value: JsonValue): boolean {
  return value instanceof JsonObject || Array.isArray(value);
}

function hasTolerance({ rules }: Place): boolean {
  return rules !== null && rules.tolerance.length > 0;
}

/** The first member of that name, or the element of that index. */
function memberOf(value: JsonValue | undefined, token: string): JsonValue | undefined {
  if (value instanceof JsonObject) {
    const i = value.names.indexOf(token);
    return i < 0 ? undefined : value.values[i];
  }
  return Array.isArray(value) && /^\d+$/.test(token) ? (value as JsonArray)[Number(token)] : undefined;
}
