/** Exchanges kept whole, in memory and within what is to be kept. */
import type { ErasureQuery, PairQuery, StoreWrite } from "../../proxy/ports.ts";
import type { PairsKept, StoredPair } from "../../proxy/evidence/stored-pair.ts";
import type { Retention } from "./retention.ts";
import { surplusPair } from "./samples.ts";

export interface KeptPair {
  readonly seq: number;
  readonly at: number;
  readonly bucket: string;
  readonly route: string;
  readonly key: string | null;
  readonly pair: StoredPair;
  readonly bytes: number;
}

export class MemoryPairs {
  readonly #retention: Retention;
  /** In the order of arrival. */
  readonly #pairs = new Map<string, KeptPair>();
  /** Ids, in the order of arrival. */
  readonly #buckets = new Map<string, readonly string[]>();
  #seq = 0;
  #bytes = 0;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  add({ id, at, bucket, route, key, json }: Extract<StoreWrite, { type: "pair" }>): void {
    if (this.#pairs.has(id)) return;
    const bytes = Buffer.byteLength(json);
    const pair = JSON.parse(json) as StoredPair;
    this.#pairs.set(id, { seq: ++this.#seq, at, bucket, route, key, pair, bytes });
    this.#bytes += bytes;
    const ids = [...(this.#buckets.get(bucket) ?? []), id];
    this.#buckets.set(bucket, ids);
    const surplus = surplusPair(ids);
    if (surplus !== null) this.#remove(surplus);
  }

  get(id: string): StoredPair | null {
    return this.#pairs.get(id)?.pair ?? null;
  }

  /** Newest first. */
  find({ route, group, outcome }: PairQuery, before: number): readonly KeptPair[] {
    return [...this.#pairs.values()].reverse().filter(({ seq, pair }) => {
      if (seq >= before || (route !== undefined && pair.route !== route)) return false;
      return (group === undefined || pair.group === group) && (outcome === undefined || pair.outcome === outcome);
    });
  }

  /** Returns how many. */
  erase({ route, isKey, dryRun }: ErasureQuery): number {
    const found = [...this.#pairs.values()].filter(
      (kept) => kept.key !== null && (route === undefined || kept.route === route) && isKey(kept.key),
    );
    if (!dryRun) for (const { pair } of found) this.#remove(pair.id);
    return found.length;
  }

  evict(now: number): void {
    const { keepMs, keepPairBytes } = this.#retention;
    for (const [id, { at }] of this.#pairs) {
      if (this.#bytes <= keepPairBytes && at >= now - keepMs) break;
      this.#remove(id);
    }
  }

  kept(): PairsKept {
    return { kept: this.#pairs.size, bytes: this.#bytes, limitBytes: this.#retention.keepPairBytes, lost: 0 };
  }

  #remove(id: string): void {
    const kept = this.#pairs.get(id);
    if (kept === undefined) return;
    this.#pairs.delete(id);
    this.#bytes -= kept.bytes;
    const left = this.#buckets.get(kept.bucket)?.filter((other) => other !== id) ?? [];
    if (left.length > 0) this.#buckets.set(kept.bucket, left);
    else this.#buckets.delete(kept.bucket);
  }
}
