/** Which elements of two arrays stand against each other where their order says nothing. */
import type { Alignment } from "./align.ts";

export interface Matching extends Omit<Alignment, "cost"> {
  /** What is paired stands in another order, or (of sets) not as often. */
  readonly isReordered: boolean;
}

/**
 * `a` and `b` hold a number for each element, the same one for elements that agree; `keysA` and `keysB` one for its key,
 * the same for equal keys and -1 for none. Elements that agree are paired first, then those of one key, the n-th with the
 * n-th. `asSets`: an element that stands more often on one side is no difference.
 */
export function matchElements(
  a: readonly number[],
  b: readonly number[],
  keys: { readonly a: readonly number[]; readonly b: readonly number[] } | null,
  asSets: boolean,
): Matching {
  const partner = new Int32Array(a.length).fill(-1);
  const taken = new Uint8Array(b.length);
  pairUp(a, b, partner, taken);
  if (keys !== null) pairUp(keys.a, keys.b, partner, taken);
  const [inA, inB] = asSets ? [new Set(a), new Set(b)] : [null, null];

  const pairs: (readonly [number, number])[] = [];
  const missing: number[] = [];
  const extra: number[] = [];
  let isReordered = false;
  let last = -1;
  for (const [i, j] of partner.entries()) {
    if (j >= 0) {
      isReordered ||= j < last;
      last = j;
      pairs.push([i, j]);
    } else if (inB?.has(a[i] as number) === true) isReordered = true;
    else missing.push(i);
  }
  for (const [j, isTaken] of taken.entries()) {
    if (isTaken === 1) continue;
    if (inA?.has(b[j] as number) === true) isReordered = true;
    else extra.push(j);
  }
  return { pairs, missing, extra, isReordered };
}

/** Pairs what is not paired yet and has the same number, the n-th with the n-th. */
function pairUp(a: readonly number[], b: readonly number[], partner: Int32Array, taken: Uint8Array): void {
  const waiting = new Map<number, number[]>();
  for (let j = b.length - 1; j >= 0; j -= 1) {
    const value = b[j] as number;
    if (taken[j] === 1 || value < 0) continue;
    const list = waiting.get(value);
    if (list === undefined) waiting.set(value, [j]);
    else list.push(j);
  }
  for (const [i, value] of a.entries()) {
    if ((partner[i] as number) >= 0) continue;
    const found = waiting.get(value)?.pop();
    if (found === undefined) continue;
    partner[i] = found;
    taken[found] = 1;
  }
}
