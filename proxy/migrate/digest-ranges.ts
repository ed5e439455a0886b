/**
 * The key ranges in which two tables differ, by digests that the databases compute: one flat level of chunks, so that what it
 * costs grows with the rows and with the chunks that differ. Nothing but keys and sums crosses the network.
 */
import {
  type DigestColumn,
  type DigestWay,
  type KeySpan,
  type RowDigests,
  type RowHash,
  type RowKey,
  spellKey,
} from "../rows/rows.ts";

export interface DigestCounts {
  readonly chunks: number;
  readonly differing: number;
  /** Most rows of the first chunks differed, and digests of the others were not asked for. */
  readonly gaveUp: boolean;
}

/** Small enough that what it costs where it differs is little, large enough that its queries cost nothing beside its rows. */
const CHUNK_ROWS = 5_000;
/** Once so many chunks all differ, and most of their rows, digests only cost: rows differ everywhere, or are spelled in two ways. */
const GIVE_UP_AFTER = 8;

export interface DifferingSpan extends KeySpan {
  /** Few of its rows may differ; false: all are taken to. */
  readonly hashesHelp: boolean;
}

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

/**
 * Yields the spans that are to be looked at, and is told how many rows there were and how many differed; returns what was
 * counted. Spans cover all keys together with the equal chunks.
 */
export async function* differingSpans(
  pair: DigestPair,
): AsyncGenerator<DifferingSpan, DigestCounts, HashedSpan | undefined> {
  const { source, target, way, columns, equal, chunkRows = CHUNK_ROWS } = pair;
  const counts = { chunks: 0, differing: 0 };
  const looked = { rows: 0, differing: 0 };
  let after: RowKey | null = null;
  let upTo = await source.keyAt(null, chunkRows);
  for (;;) {
    const next = upTo === null ? null : source.keyAt(upTo, chunkRows);
    next?.catch(() => "thrown where it is waited for");
    const [ours, theirs] = await Promise.all([
      source.of(way, columns, { after, upTo }),
      target.of(way, columns, { after, upTo }),
    ]);
    counts.chunks += 1;
    if (ours.rows === theirs.rows && ours.sum === theirs.sum) equal(ours.rows);
    else {
      counts.differing += 1;
      const hashed = yield { after, upTo, hashesHelp: true };
      looked.rows += hashed?.sourceRows ?? 0;
      looked.differing += hashed?.differing.length ?? 0;
      const isAll = counts.chunks >= GIVE_UP_AFTER && counts.differing === counts.chunks;
      if (isAll && next !== null && looked.differing > looked.rows / 2) {
        await next;
        yield { after: upTo, upTo: null, hashesHelp: false };
        return { ...counts, gaveUp: true };
      }
    }
    if (next === null) return { ...counts, gaveUp: false };
    after = upTo;
    upTo = await next;
  }
}

export interface HashedSpan {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly equal: number;
  /** Keys of the source's rows that the target has not, or has otherwise. */
  readonly differing: readonly RowKey[];
  /** Keys of the target's rows that the source has not. */
  readonly extra: readonly RowKey[];
}

const PAGE_HASHES = 20_000;

/** Which rows of a span differ, by a hash of each. */
export async function compareHashes({ source, target, way, columns }: DigestPair, span: KeySpan): Promise<HashedSpan> {
  const [ours, theirs] = await Promise.all([allHashes(source), allHashes(target)]);
  const differing: RowKey[] = [];
  const sourceRows = ours.size;
  const targetRows = theirs.size;
  for (const [spelled, { key, hash }] of ours) {
    if (theirs.get(spelled)?.hash !== hash) differing.push(key);
    theirs.delete(spelled);
  }
  const extra = [...theirs.values()].map(({ key }) => key);
  return { sourceRows, targetRows, equal: sourceRows - differing.length, differing, extra };

  async function allHashes(of: RowDigests): Promise<Map<string, RowHash>> {
    const found = new Map<string, RowHash>();
    for (let { after } = span; ;) {
      const page = await of.hashes(way, columns, { after, upTo: span.upTo }, PAGE_HASHES);
      for (const each of page) found.set(spellKey(each.key), each);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_HASHES) return found;
      after = last.key;
    }
  }
}
