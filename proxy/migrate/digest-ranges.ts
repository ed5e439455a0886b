/**
 * The key ranges in which two tables differ, by digests that the databases compute: one flat level of chunks, so that what it
 * costs grows with the rows and with the chunks that differ. Nothing but keys and sums crosses the network.
 */
import type { DigestColumn, DigestWay, RowDigests, RowKey } from "../rows.ts";

export interface KeySpan {
  /** null: from the first row. */
  readonly after: RowKey | null;
  /** null: to the last one. */
  readonly upTo: RowKey | null;
}

export interface DigestCounts {
  readonly chunks: number;
  readonly differing: number;
  /** Nearly all differed, and the rest was not asked any more. */
  readonly gaveUp: boolean;
}

/** Small enough to be read in one go where it differs, large enough that its queries cost nothing beside its rows. */
const CHUNK_ROWS = 5_000;
/** Once so many chunks all differ, digests only cost: the rows differ everywhere, or are only spelled in two ways. */
const GIVE_UP_AFTER = 8;

export interface DigestPair {
  readonly source: RowDigests;
  readonly target: RowDigests;
  readonly way: DigestWay;
  readonly columns: readonly DigestColumn[];
  /** Rows of a chunk that is equal. */
  readonly equal: (rows: number) => void;
  /** Rows of a chunk. */
  readonly chunkRows?: number;
}

/** Yields the spans that are to be read; returns what was counted. Spans cover all keys together with the equal chunks. */
export async function* differingSpans(pair: DigestPair): AsyncGenerator<KeySpan, DigestCounts> {
  const { source, target, way, columns, equal, chunkRows = CHUNK_ROWS } = pair;
  const counts = { chunks: 0, differing: 0 };
  let after: RowKey | null = null;
  let upTo = await source.keyAt(null, chunkRows);
  for (;;) {
    const next = upTo === null ? null : source.keyAt(upTo, chunkRows);
    next?.catch(() => "thrown where it is waited for");
    const [ours, theirs] = await Promise.all([
      source.of(way, columns, after, upTo),
      target.of(way, columns, after, upTo),
    ]);
    counts.chunks += 1;
    if (ours.rows === theirs.rows && ours.sum === theirs.sum) equal(ours.rows);
    else {
      counts.differing += 1;
      const gaveUp = counts.chunks >= GIVE_UP_AFTER && counts.differing === counts.chunks;
      yield { after, upTo: gaveUp ? null : upTo };
      if (gaveUp) {
        await next;
        return { ...counts, gaveUp };
      }
    }
    if (next === null) return { ...counts, gaveUp: false };
    after = upTo;
    upTo = await next;
  }
}
