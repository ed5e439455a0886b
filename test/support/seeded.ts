/** Chance that is the same in each run. */

export interface Seeded {
  /** From 0 to below 1. */
  next(): number;
  /** How many come before the next one that happens, where each happens with this probability. */
  before(probability: number): number;
}

/** 32-bit counter through a mixing function: enough for simulations, and a seed makes it the same. */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  return { next, before: (probability) => Math.floor(Math.log(1 - next()) / Math.log1p(-probability)) };
}
