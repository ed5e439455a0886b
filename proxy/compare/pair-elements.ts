import { printExact } from "../json/print-exact.ts";
import { type JsonArray, JsonObject, type JsonValue, typeOf } from "../json/value.ts";
import { agreeInPlace } from "./agree-in-place.ts";
import { type Alignment, alignElements } from "./align.ts";
import { type Effort, EqualityClasses, equalJson, sameShuffled } from "./equal-json.ts";
import { matchElements } from "./match-elements.ts";
import type { ScopedRule } from "./rules/scoped-rule.ts";
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
const LIKENED_PARTS = 64;
/** To number a value takes as long as this many looks at one. */
const CLASS_EFFORT = 5;

/** Decides for one pair of documents which elements stand against each other. */
export class ElementPairing {
  readonly #effort: Effort;
  readonly #limit: number;
  readonly #classes: EqualityClasses;
  /** Without any rule. */
  readonly #exactClasses: EqualityClasses;

  /**
   * Elements are looked at one by one as long as `effort` lasts; beyond it each container is numbered once. Where more than
   * `limit` elements of one array are to be told apart, what is left of the effort is given up.
   */
  constructor(effort: Effort, limit: number) {
    this.#effort = effort;
    this.#limit = limit;
    this.#classes = new EqualityClasses(effort);
    this.#exactClasses = new EqualityClasses(effort);
  }

  of(a: JsonArray, b: JsonArray, place: Place): ElementPairs {
    const found = this.#pair(a, b, place);
    if (found !== null) return found;
    this.#effort.left = -1;
    return inPlace([]);
  }

  /** null: there are more elements than the limit has it. */
  #pair(a: JsonArray, b: JsonArray, place: Place): ElementPairs | null {
    const [unordered] = place.rules?.unordered ?? [];
    const [asSet] = place.rules?.normalise.filter((rule) => rule.asSet) ?? [];
    const rule = asSet ?? unordered;
    if (rule !== undefined) return this.#unordered(a, b, place, rule);
    return a.length === b.length ? this.#sameLength(a, b, place) : this.#otherLength(a, b, place);
  }

  #unordered(
    a: JsonArray,
    b: JsonArray,
    place: Place,
    rule: ScopedRule<"normalise" | "unordered">,
  ): ElementPairs | null {
    if (Math.max(a.length, b.length) > this.#limit) return null;
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

  #sameLength(a: JsonArray, b: JsonArray, place: Place): ElementPairs | null {
    // What the two texts have in common was read once, and is the same object on both sides. Where all but one are, there is
    // nothing to align, and looking into that one here would look into what it holds once for every array around it.
    const apart: number[] = [];
    for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) apart.push(i);
    if (apart.length < 2) return inPlace(apart);
    const unequal: number[] = [];
    for (const i of apart) {
      if (this.#equal(a[i] as JsonValue, b[i] as JsonValue)) continue;
      unequal.push(i);
      if (unequal.length > this.#limit) return null;
    }
    if (unequal.length < 2) return inPlace(unequal);
    const differing = unequal.filter((i) => !this.#agree(a[i] as JsonValue, b[i] as JsonValue, place.child(i)));
    if (differing.length < 2) return inPlace(unequal);
    if (sameShuffled(this.#classesOf(a, place, differing), this.#classesOf(b, place, differing))) {
      const isMoved = new Set(differing);
      return { ...inPlace(unequal.filter((i) => !isMoved.has(i))), isOtherOrder: true };
    }
    const isDiffering = new Set(differing);
    const pairs: (readonly [number, number])[] = [];
    const missing: number[] = [];
    const extra: number[] = [];
    for (const cluster of clustersOf(unequal)) {
      const shift = this.#shifted(a, b, place, cluster, isDiffering);
      for (const pair of shift?.pairs ?? inPlace(cluster).pairs) pairs.push(pair);
      for (const i of shift?.missing ?? []) missing.push(i);
      for (const j of shift?.extra ?? []) extra.push(j);
    }
    return { pairs, missing, extra, isOtherOrder: false, reorderedBy: [] };
  }

  /** How elements moved in a stretch where some were put in and as many taken out; null: it is no shorter told that way. */
  #shifted(
    a: JsonArray,
    b: JsonArray,
    place: Place,
    cluster: readonly number[],
    differing: ReadonlySet<number>,
  ): ElementPairs | null {
    const inPlaceCost = cluster.filter((i) => differing.has(i)).length;
    if (inPlaceCost < 2) return null;
    const [from, to] = [cluster[0] as number, (cluster.at(-1) as number) + 1];
    const aligned = alignEither(
      printExact(a[from] as JsonValue) > printExact(b[from] as JsonValue),
      this.#classesOf(a, place, indices(from, to)),
      this.#classesOf(b, place, indices(from, to)),
      this.#likenessOf(a, b, place, from),
    );
    return aligned.cost < inPlaceCost ? shifted(aligned, from) : null;
  }

  #otherLength(a: JsonArray, b: JsonArray, place: Place): ElementPairs | null {
    const shorter = Math.min(a.length, b.length);
    let head = 0;
    while (head < shorter && this.#equal(a[head] as JsonValue, b[head] as JsonValue)) head += 1;
    let tail = 0;
    while (
      tail < shorter - head &&
      this.#equal(a[a.length - 1 - tail] as JsonValue, b[b.length - 1 - tail] as JsonValue)
    )
      tail += 1;
    if (head + tail === shorter) {
      const [missing, extra] = [indices(head, a.length - tail), indices(head, b.length - tail)];
      return { ...inPlace([]), missing, extra };
    }
    if (Math.max(a.length, b.length) - head - tail > this.#limit) return null;
    const aligned = alignEither(
      a.length > b.length,
      this.#classesOf(a, place, indices(head, a.length - tail)),
      this.#classesOf(b, place, indices(head, b.length - tail)),
      this.#likenessOf(a, b, place, head),
    );
    return shifted(aligned, head);
  }

  #equal(a: JsonValue, b: JsonValue): boolean {
    if (this.#effort.left > 0) {
      const found = equalJson(a, b, this.#effort);
      if (found !== null) return found;
    }
    if (this.#effort.isLimited) return true;
    return this.#exactClasses.of(a, NOWHERE) === this.#exactClasses.of(b, NOWHERE);
  }

  /** Unequal values that differ in nothing but what rules excuse. */
  #agree(a: JsonValue, b: JsonValue, place: Place): boolean {
    if (place.isBare) return false;
    if (this.#effort.left > 0 && agreeInPlace(a, b, place, this.#effort) === true) return true;
    return this.#classOf(a, place) === this.#classOf(b, place);
  }

  #classesOf(elements: JsonArray, place: Place, places: readonly number[] = indices(0, elements.length)): number[] {
    return places.map((i) => this.#classOf(elements[i] as JsonValue, place.child(i)));
  }

  #classOf(value: JsonValue, place: Place): number {
    this.#effort.left -= CLASS_EFFORT;
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

  /** The share of members, or elements, that agree. */
  #likenessOf(a: JsonArray, b: JsonArray, place: Place, from: number): (i: number, j: number) => number {
    const partsOf = (value: JsonValue, at: Place): readonly string[] => {
      const isObject = value instanceof JsonObject;
      const values = (isObject ? value.values : Array.isArray(value) ? (value as JsonArray) : []).slice(
        0,
        LIKENED_PARTS,
      );
      return values.map((part, k) => {
        const name = isObject ? (value.names[k] as string) : k;
        return `${isObject ? name : ""} ${this.#classOf(part, at.child(name))}`;
      });
    };
    return (i, j) => {
      const partsA = new Set(partsOf(a[from + i] as JsonValue, place.child(from + i)));
      const partsB = new Set(partsOf(b[from + j] as JsonValue, place.child(from + j)));
      const agreeing = [...partsA].filter((part) => partsB.has(part)).length;
      return agreeing / Math.max(1, partsA.size, partsB.size);
    };
  }
}

/** Places up to this far apart are looked at together. */
const SAME_CLUSTER = 8;

function clustersOf(places: readonly number[]): readonly (readonly number[])[] {
  const clusters: number[][] = [];
  for (const [k, place] of places.entries()) {
    const last = k === 0 ? -Infinity : (places[k - 1] as number);
    if (place - last > SAME_CLUSTER) clusters.push([place]);
    else clusters.at(-1)?.push(place);
  }
  return clusters;
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
