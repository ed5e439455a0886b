/** Pairs of values, by their hashes. */
import type { Identity } from "../../proxy/exchange.ts";
import type { PairSought, PairTaught, ValuePairRow } from "../../proxy/ids/value-pairs.ts";

export class MemoryValues {
  readonly #rows = new Set<ValuePairRow & { readonly seq: number }>();
  readonly #byHash: Readonly<Record<Identity, Map<string, ValuePairRow & { readonly seq: number }>>> = {
    legacy: new Map(),
    next: new Map(),
  };
  #seq = 0;

  teach(pair: ValuePairRow, now: number): PairTaught {
    const [legacy, next] = (["legacy", "next"] as const).map((side) => this.#find(pair.kind, side, pair[side], now));
    if (legacy !== undefined || next !== undefined) return legacy === next ? "known" : "conflict";
    const row = { ...pair, seq: ++this.#seq };
    this.#rows.add(row);
    for (const side of ["legacy", "next"] as const) this.#byHash[side].set(nameOf(pair.kind, pair[side]), row);
    return "kept";
  }

  find({ kind, side, hash }: PairSought, now: number): ValuePairRow | null {
    const row = this.#find(kind, side, hash, now);
    return row === undefined ? null : withoutSeq(row);
  }

  /** The newest first. */
  list(kind: string | undefined, before: number, now: number): (ValuePairRow & { readonly seq: number })[] {
    return [...this.#rows]
      .filter((row) => row.seq < before && isThere(row, now) && (kind === undefined || row.kind === kind))
      .reverse();
  }

  #find(kind: string, side: Identity, hash: string, now: number) {
    const row = this.#byHash[side].get(nameOf(kind, hash));
    if (row === undefined || isThere(row, now)) return row;
    this.#rows.delete(row);
    for (const each of ["legacy", "next"] as const) this.#byHash[each].delete(nameOf(kind, row[each]));
    return undefined;
  }
}

export function withoutSeq({ seq: _, ...row }: ValuePairRow & { readonly seq: number }): ValuePairRow {
  return row;
}

function isThere({ until }: ValuePairRow, now: number): boolean {
  return until === null || until > now;
}

function nameOf(kind: string, hash: string): string {
  return `${kind}\0${hash}`;
}
