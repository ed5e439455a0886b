/** Repeatable chance (mulberry32): the same seed gives the same streams. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  nonce(): string {
    let text = "";
    for (let i = 0; i < 10; i++) text += "abcdefghijkmnpqrstuvwxyz23456789"[this.below(32)] ?? "";
    return text;
  }
}

/** From the environment, to run a failure again; else another each time. */
export function seedFor(): number {
  const given = process.env["HOSTILE_SEED"];
  return given === undefined ? Date.now() % 0xffffffff : Number(given);
}
