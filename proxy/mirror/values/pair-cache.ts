/** Pairs that were used last, found by either value; and values that the store did not have a moment ago. */
import type { Identity } from "../../exchange.ts";
import type { Value, ValuePair } from "./seal.ts";
import { otherSide } from "./seal.ts";

export interface PairCacheOptions {
  readonly capacity: number;
  /** How long a value counts as unknown without asking the store again, in ms: another process may have learnt it. */
  readonly unknownForMs: number;
  /** Epoch ms: when pairs end. */
  readonly now: () => number;
  readonly monotonic: () => number;
}

export interface Partner {
  readonly own: Value;
  readonly other: Value;
  /** Whose of the two clients hold. */
  readonly held: Identity;
}

export class PairCache {
  readonly #options: PairCacheOptions;
  readonly #pairs: Readonly<Record<Identity, Map<string, ValuePair>>> = { legacy: new Map(), next: new Map() };
  readonly #unknown = new Map<string, number>();

  constructor(options: PairCacheOptions) {
    this.#options = options;
  }

  /** unknown: the store had none; null: nobody knows until the store is asked. */
  partnerOf(kind: string, side: Identity, text: string): Partner | "unknown" | null {
    const pair = this.pairOf(kind, side, text);
    if (pair === null || pair === "unknown") return pair;
    return { own: pair[side], other: pair[otherSide(side)], held: pair.held };
  }

  /** The same as it was learnt. */
  pairOf(kind: string, side: Identity, text: string): ValuePair | "unknown" | null {
    const name = `${kind}\0${text}`;
    const pairs = this.#pairs[side];
    const pair = pairs.get(name);
    if (pair !== undefined) {
      if (pair.until !== null && pair.until <= this.#options.now()) {
        this.#forget(pair);
        return null;
      }
      pairs.delete(name);
      pairs.set(name, pair);
      return pair;
    }
    const since = this.#unknown.get(`${side}\0${name}`);
    return since !== undefined && this.#options.monotonic() - since < this.#options.unknownForMs ? "unknown" : null;
  }

  add(pair: ValuePair): void {
    this.forgetUnknown(pair);
    for (const side of ["legacy", "next"] as const) {
      const pairs = this.#pairs[side];
      const name = `${pair.kind}\0${pair[side].text}`;
      pairs.delete(name);
      pairs.set(name, pair);
      if (pairs.size > this.#options.capacity) {
        const [oldest] = pairs.values();
        if (oldest !== undefined) this.#forget(oldest);
      }
    }
  }

  addUnknown(kind: string, side: Identity, text: string): void {
    const name = `${side}\0${kind}\0${text}`;
    this.#unknown.delete(name);
    this.#unknown.set(name, this.#options.monotonic());
    if (this.#unknown.size > this.#options.capacity) {
      const [oldest] = this.#unknown.keys();
      if (oldest !== undefined) this.#unknown.delete(oldest);
    }
  }

  /** What others have learnt meanwhile is asked for. */
  forgetAllUnknown(): void {
    this.#unknown.clear();
  }

  forgetUnknown(pair: ValuePair): void {
    for (const side of ["legacy", "next"] as const) this.#unknown.delete(`${side}\0${pair.kind}\0${pair[side].text}`);
  }

  #forget(pair: ValuePair): void {
    for (const side of ["legacy", "next"] as const) this.#pairs[side].delete(`${pair.kind}\0${pair[side].text}`);
  }
}
