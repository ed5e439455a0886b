/** Which elements of two arrays stand against each other where some were put in or taken out. */

/** Indices of elements that stand against each other, ascending in both, and of those that stand against nothing. */
export interface Alignment {
  readonly pairs: readonly (readonly [a: number, b: number])[];
  readonly missing: readonly number[];
  readonly extra: readonly number[];
  /** Elements that differ: in a pair, missing or extra. */
  readonly cost: number;
}

/** Edits up to which the shortest script is looked for, which takes time times edits; beyond it, anchors are enough. */
const MOST_EDITS = 128;
const MOST_EDITS_BETWEEN_ANCHORS = 32;
/** Within a gap, elements are paired by likeness up to this many comparisons, else in their order. */
const MOST_LIKENESSES = 400;

type Pair = readonly [a: number, b: number];

/**
 * `a` and `b` hold a number for each element, the same one for equal elements. `likeness`, 0 to 1, says how much two
 * unequal elements have in common. Linear in both lengths, whatever they hold.
 */
export function alignElements(
  a: readonly number[],
  b: readonly number[],
  likeness: (a: number, b: number) => number,
): Alignment {
  const anchors =
    shortestEdit(a, b, { fromA: 0, toA: a.length, fromB: 0, toB: b.length }, MOST_EDITS) ?? anchored(a, b);
  const pairs: Pair[] = [];
  const missing: number[] = [];
  const extra: number[] = [];
  let cost = 0;
  let [fromA, fromB] = [0, 0];
  for (const [toA, toB] of [...anchors, [a.length, b.length] as const]) {
    cost += Math.max(toA - fromA, toB - fromB);
    fillGap({ fromA, toA, fromB, toB });
    if (toA < a.length || toB < b.length) pairs.push([toA, toB]);
    [fromA, fromB] = [toA + 1, toB + 1];
  }
  return { pairs, missing, extra, cost };

  function fillGap(gap: Gap): void {
    const [sizeA, sizeB] = [gap.toA - gap.fromA, gap.toB - gap.fromB];
    const short = Math.min(sizeA, sizeB);
    const long = Math.max(sizeA, sizeB);
    let places: readonly number[] | null = null;
    if (short > 0 && short < long && short * long <= MOST_LIKENESSES) {
      places = mostAlike(short, long, (i, j) => {
        return sizeA <= sizeB ? likeness(gap.fromA + i, gap.fromB + j) : likeness(gap.fromA + j, gap.fromB + i);
      });
    }
    let next = 0;
    for (let i = 0; i < long; i += 1) {
      const isPaired = next < short && (places === null ? next === i : places[next] === i);
      if (isPaired) {
        pairs.push(sizeA <= sizeB ? [gap.fromA + next, gap.fromB + i] : [gap.fromA + i, gap.fromB + next]);
        next += 1;
      } else if (sizeA > sizeB) missing.push(gap.fromA + i);
      else extra.push(gap.fromB + i);
    }
  }
}

/** Elements that stand between two anchors. */
interface Gap {
  readonly fromA: number;
  readonly toA: number;
  readonly fromB: number;
  readonly toB: number;
}

/**
 * The equal elements of a shortest edit script (E. Myers, An O(ND) difference algorithm, 1986), or null where it takes
 * more than `most` edits.
 */
function shortestEdit(
  a: readonly number[],
  b: readonly number[],
  { fromA, toA, fromB, toB }: Gap,
  most: number,
): Pair[] | null {
  const [lengthA, lengthB] = [toA - fromA, toB - fromB];
  const limit = Math.min(most, lengthA + lengthB);
  /** Per diagonal (x - y, shifted by `limit + 1`) how far along `a` the furthest script of so many edits comes. */
  const furthest = new Int32Array(2 * limit + 3);
  const trail: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits += 1) {
    trail.push(furthest.slice());
    const low = -edits + 2 * Math.max(0, edits - lengthB);
    const high = edits - 2 * Math.max(0, edits - lengthA);
    for (let k = low; k <= high; k += 2) {
      const at = k + limit + 1;
      const down = k === -edits || (k !== edits && (furthest[at - 1] as number) < (furthest[at + 1] as number));
      let x = down ? (furthest[at + 1] as number) : (furthest[at - 1] as number) + 1;
      while (x < lengthA && x - k < lengthB && a[fromA + x] === b[fromB + x - k]) x += 1;
      furthest[at] = x;
      if (k === lengthA - lengthB && x >= lengthA) return retrace(trail, edits, limit, lengthA, lengthB, fromA, fromB);
    }
  }
  return null;
}

function retrace(
  trail: readonly Int32Array[],
  edits: number,
  limit: number,
  lengthA: number,
  lengthB: number,
  fromA: number,
  fromB: number,
): Pair[] {
  const pairs: Pair[] = [];
  let [x, y] = [lengthA, lengthB];
  for (let d = edits; d >= 0; d -= 1) {
    const before = trail[d] as Int32Array;
    const k = x - y;
    const at = k + limit + 1;
    const down = k === -d || (k !== d && (before[at - 1] as number) < (before[at + 1] as number));
    const startX = d === 0 ? 0 : down ? (before[at + 1] as number) : (before[at - 1] as number) + 1;
    while (x > startX) {
      x -= 1;
      y -= 1;
      pairs.push([fromA + x, fromB + y]);
    }
    if (down) y -= 1;
    else x -= 1;
  }
  return pairs.reverse();
}

/** Elements that both arrays hold exactly once, as many as keep their order, and what can be matched between them. */
function anchored(a: readonly number[], b: readonly number[]): Pair[] {
  const inA = placesOfUnique(a);
  const inB = placesOfUnique(b);
  const common: Pair[] = [];
  for (const [value, i] of inA) {
    const j = i < 0 ? -1 : (inB.get(value) ?? -1);
    if (j >= 0) common.push([i, j]);
  }
  common.sort(([i], [j]) => i - j);
  const pairs: Pair[] = [];
  let [fromA, fromB] = [0, 0];
  for (const [toA, toB] of [...longestRising(common), [a.length, b.length] as const]) {
    for (const pair of shortestEdit(a, b, { fromA, toA, fromB, toB }, MOST_EDITS_BETWEEN_ANCHORS) ?? [])
      pairs.push(pair);
    if (toA < a.length || toB < b.length) pairs.push([toA, toB]);
    [fromA, fromB] = [toA + 1, toB + 1];
  }
  return pairs;
}

/** -1 for what stands more than once. */
function placesOfUnique(values: readonly number[]): Map<number, number> {
  const places = new Map<number, number>();
  for (const [i, value] of values.entries()) places.set(value, places.has(value) ? -1 : i);
  return places;
}

/** Of pairs ascending in their first index, as many as ascend in their second. */
function longestRising(pairs: readonly Pair[]): readonly Pair[] {
  /** Per length, the pair that ends a rising row of that length lowest. */
  const ends: number[] = [];
  const before = new Int32Array(pairs.length).fill(-1);
  for (const [i, [, value]] of pairs.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[ends[middle] as number] as Pair)[1] < value) low = middle + 1;
      else high = middle;
    }
    before[i] = low === 0 ? -1 : (ends[low - 1] as number);
    ends[low] = i;
  }
  const rising: Pair[] = [];
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i] as number) rising.push(pairs[i] as Pair);
  return rising.reverse();
}

/** For each of `short` elements its partner among `long`, in order, so that the partners are most alike. */
function mostAlike(short: number, long: number, likeness: (i: number, j: number) => number): number[] {
  const slack = long - short;
  /** `best[i][s]`: the likeness of the first `i` where `s` of the long side are passed over. */
  const best: number[][] = [new Array<number>(slack + 1).fill(0)];
  for (let i = 1; i <= short; i += 1) {
    const row: number[] = [];
    for (let s = 0; s <= slack; s += 1) {
      const paired = (best[i - 1]?.[s] as number) + likeness(i - 1, i - 1 + s);
      row.push(s === 0 ? paired : Math.max(paired, row[s - 1] as number));
    }
    best.push(row);
  }
  const places: number[] = [];
  let s = slack;
  for (let i = short; i > 0; i -= 1) {
    const row = best[i] as number[];
    while (s > 0 && row[s] === row[s - 1]) s -= 1;
    places.push(i - 1 + s);
  }
  return places.reverse();
}
