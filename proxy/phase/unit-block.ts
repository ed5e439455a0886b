/** Distinct keys of one route in one block of time, and what became of each: exchanges of a burst are one unit. Pure. */
import { STRATA, type StratumName } from "../moves/gate-evidence.ts";

export type UnitVerdict = "clean" | "excused" | "divergent";
export type BlockCounts = Readonly<Record<StratumName, { clean: number; divergent: number; excused: number }>>;

/**
 * Keys of one block that are followed. Of more, those with the smallest hashes are: a choice that knows nothing of how they
 * compare, so that shares stay what they are.
 */
export const MOST_KEYS = 4096;
const HASHES = 2 ** 53;
/** Bits of a unit, one for each stratum in each group. */
const SEEN = 0;
const DIVERGENT = STRATA.length;
const EXCUSED = 2 * STRATA.length;

export class UnitBlock {
  /** Epoch ms. */
  readonly from: number;
  readonly #most: number;
  readonly #carried: Readonly<Partial<Record<StratumName, number>>>;
  readonly #units = new Map<number, number>();
  /** How many units have the same bits: few kinds, however many units. */
  readonly #alike = new Map<number, number>();
  #below = HASHES;

  /** `carried`: divergent units of the same block that an earlier process counted. Its clean ones have to show again. */
  constructor(from: number, carried: Readonly<Partial<Record<StratumName, number>>> = {}, most: number = MOST_KEYS) {
    this.from = from;
    this.#carried = carried;
    this.#most = most;
  }

  /** `hash`: as `hashOfKey` makes it. `status`: of the primary's answer; null: there was none. */
  add(hash: number, status: number | null, verdict: UnitVerdict): void {
    if (hash >= this.#below) return;
    const ofClass = status === null ? 0 : Math.trunc(status / 100) - 1;
    const where = 1 | (ofClass >= 1 && ofClass < STRATA.length ? 1 << ofClass : 0);
    let bits = where << SEEN;
    if (verdict === "divergent") bits |= where << DIVERGENT;
    if (verdict === "excused") bits |= where << EXCUSED;
    const known = this.#units.get(hash);
    const next = (known ?? 0) | bits;
    if (next === known) return;
    if (known !== undefined) this.#count(known, -1);
    this.#count(next, 1);
    this.#units.set(hash, next);
    while (this.#units.size > this.#most) this.#halve();
  }

  counts(): BlockCounts {
    const counts = Object.fromEntries(
      STRATA.map((name) => [name, { clean: 0, divergent: this.#carried[name] ?? 0, excused: 0 }]),
    ) as BlockCounts;
    for (const [bits, units] of this.#alike) {
      for (const [i, name] of STRATA.entries()) {
        if (((bits >> (SEEN + i)) & 1) === 0) continue;
        const stratum = counts[name];
        if (((bits >> (DIVERGENT + i)) & 1) === 1) stratum.divergent += units;
        else {
          stratum.clean += units;
          if (((bits >> (EXCUSED + i)) & 1) === 1) stratum.excused += units;
        }
      }
    }
    return counts;
  }

  #count(bits: number, more: 1 | -1): void {
    this.#alike.set(bits, (this.#alike.get(bits) ?? 0) + more);
  }

  #halve(): void {
    this.#below /= 2;
    for (const [hash, bits] of this.#units) {
      if (hash < this.#below) continue;
      this.#units.delete(hash);
      this.#count(bits, -1);
    }
  }
}

/** 53 bits of a text, evenly spread; another `seed` (32 bits) spreads otherwise. It never leaves the process. */
export function hashOfKey(key: string, seed: number): number {
  let low = seed ^ 0x811c9dc5;
  let high = ~seed;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    // FNV-1a's prime, and another odd one for the second half.
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x5bd1e995) + (high >>> 15);
  }
  return (spread(high) & 0x1fffff) * 2 ** 32 + spread(low ^ spread(high));
}

/** Each bit of the word has a part in each bit of the result. */
function spread(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
