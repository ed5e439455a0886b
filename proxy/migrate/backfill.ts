/**
 * Brings the rows of a source over to a target, chunk after chunk in the order of the key: read, make, write, note how far it
 * came. A chunk that was written and not noted is written again, which changes nothing: rows are written by their keys.
 *
 * Rows at rest are read ahead and written as they are read: whoever calls this makes sure that nobody writes there. Beside live
 * writes each chunk has its window (live-chunk.ts).
 */
import { createHash } from "node:crypto";
import { COMMIT_WITHIN_MS, FREEZE_MOST_IDS } from "../rows/backfill-window.ts";
import {
  keyOf,
  type Row,
  type RowKey,
  type RowPage,
  type RowSource,
  type RowTarget,
  type RowValue,
  type Written,
} from "../rows/rows.ts";
import type { Checkpoint, KeyRangeDone, SetAside } from "./checkpoint.ts";
import { FIRST_ROWS, nextChunkRows } from "./chunk-size.ts";
import { type Dropped, type LiveWrites, writeLiveChunk } from "./live-chunk.ts";
import { type ChunkTarget, type MadeChunk, makeChunk, writeMade } from "./made-chunk.ts";
import type { Throttle } from "./throttle.ts";
import type { Transformer } from "./transformer.ts";

/** What one range of keys is brought over with: connections and a thread that no other one uses at the time. */
export interface BackfillLane {
  readonly source: RowSource;
  readonly target: RowTarget;
  readonly transformer: Transformer;
  /** Of made rows that the target had a version of that is as new: the keys of those that differ from it. */
  readonly conflictsOf: (rows: readonly Row[]) => Promise<readonly string[]>;
  readonly throttle: Throttle;
}

export interface BackfillParts extends BackfillLane {
  /** For further ranges at the same time. */
  readonly more?: readonly BackfillLane[];
  /** What rows that are about to be written are under next's ids; null: the same. */
  readonly mapped: ChunkTarget["mapped"];
  /** null: the rows are at rest. */
  readonly live: LiveParts | null;
  /** After each chunk, before the next one is written. */
  readonly note: (checkpoint: Checkpoint) => void;
  readonly progress: (progress: BackfillProgress) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface LiveParts {
  readonly writes: LiveWrites;
  /** What an entity key calls the row, without the entity. */
  readonly idOf: (row: Row) => string;
  /** See `LiveChunkParts`. */
  readonly behind: () => Promise<string | null>;
  readonly upsertConfirmed: NonNullable<RowTarget["upsertConfirmed"]>;
  /** It waits, and for what; null: no more. */
  readonly waits: (why: string | null) => void;
}

export interface BackfillOptions {
  /** Rows that may be set aside before it stops. */
  readonly mostSetAside: number;
  /** null: it finds out. */
  readonly chunkRows: number | null;
  /** It stops after the chunk that is under way. */
  readonly signal: AbortSignal;
}

export interface BackfillProgress {
  readonly checkpoint: Checkpoint;
  /** About how many rows there are; null: nobody knows. */
  readonly estimate: number | null;
  /** In this run. */
  readonly rowsPerSecond: number;
}

export type BackfillEnd =
  | { readonly kind: "done"; readonly checkpoint: Checkpoint }
  | { readonly kind: "stopped"; readonly checkpoint: Checkpoint }
  | { readonly kind: "too-many-set-aside"; readonly checkpoint: Checkpoint };

/** What tells two backfills apart that cannot go on with each other's work. */
export async function fingerprintOf(
  source: RowSource,
  target: RowSource,
  transform: string | null,
  /** Which rows; null: all. */
  chosen: string | null = null,
): Promise<string> {
  const shapes = [await source.describe(), await target.describe()];
  // Other rows have other columns, where nothing declares them.
  const columns = shapes.map((shape) =>
    shape.columns
      .filter(({ declared }) => shape.sampled !== true || declared !== "")
      .map(({ name, declared }) => [name, declared]),
  );
  const all = [
    source.name,
    source.key,
    target.name,
    target.key,
    columns,
    transform,
    ...(chosen === null ? [] : [chosen]),
  ];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}

/** `beside` live writes, or at rest. */
export function firstCheckpoint(collection: string, fingerprint: string, beside: boolean): Checkpoint {
  const counts = { read: 0, written: 0, kept: 0, leftOut: 0, readAgain: 0, toRepair: 0, longestFreezeMs: 0 };
  const none = { after: null, ranges: null, done: false, left: [] };
  return { collection, fingerprint, beside, ...none, ...counts, setAside: [], conflicts: [] };
}

/** Of keys that split a source, in their order. */
export function rangesBetween(keys: readonly RowKey[]): readonly KeyRangeDone[] {
  return [null, ...keys].map((after, i) => ({ after, upTo: keys[i] ?? null, done: false }));
}

/**
 * Each lane takes the next range that nobody has; all of them note how far they came in the one checkpoint.
 * @throws CrossfadeError where a database or the transform fails; what was noted stays, and it goes on from there
 */
export async function runBackfill(
  parts: BackfillParts,
  from: Checkpoint,
  options: BackfillOptions,
): Promise<BackfillEnd> {
  const { estimate } = await parts.source.describe();
  const began = parts.now();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const left = rangesOf(from).flatMap(({ done }, i) => (done ? [] : [i]));
  let checkpoint = from;
  let refusedTooMany = false;

  async function bringOver(lane: BackfillLane, range: number): Promise<void> {
    const own = { ...parts, ...lane };
    const { upTo = null } = rangesOf(from)[range] ?? {};
    const chunks = parts.live === null ? chunksAtRest(own, upTo) : chunksBesideWrites(own, parts.live, signal);
    let limit = options.chunkRows ?? FIRST_ROWS;
    for (;;) {
      await lane.throttle.pass(checkpoint.read - from.read, signal);
      if (signal.aborted) return await chunks.drop();
      const chunk = await chunks.next(rangesOf(checkpoint)[range]?.after ?? null, limit, checkpoint.left);
      if (chunk === null) return;
      const { page } = chunk;
      checkpoint = advanced(checkpoint, range, chunk, lane.source.key);
      if (checkpoint.done) await lane.target.settleCounters();
      parts.note(checkpoint);
      const readNow = checkpoint.read - from.read;
      const seconds = Math.max((parts.now() - began) / 1000, 0.001);
      parts.progress({ checkpoint, estimate, rowsPerSecond: readNow / seconds });
      if (checkpoint.setAside.length + checkpoint.conflicts.length > options.mostSetAside) {
        refusedTooMany = true;
        stopping.abort();
        return await chunks.drop();
      }
      if (!page.isFull) return;
      if (options.chunkRows === null) {
        limit = nextChunkRows({ rows: page.rows.length, bytes: bytesOf(page.rows), ...chunk.cost });
      }
    }
  }

  async function inLane(lane: BackfillLane): Promise<void> {
    try {
      for (let range = left.shift(); range !== undefined && !signal.aborted; range = left.shift()) {
        await bringOver(lane, range);
      }
    } catch (thrown) {
      stopping.abort();
      throw thrown;
    }
  }

  const ends = await Promise.allSettled([parts, ...(parts.more ?? [])].map(inLane));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  if (refusedTooMany) return { kind: "too-many-set-aside", checkpoint };
  return { kind: checkpoint.done ? "done" : "stopped", checkpoint };
}

function rangesOf({ ranges, after, done }: Checkpoint): readonly KeyRangeDone[] {
  return ranges ?? [{ after, upTo: null, done }];
}

function advanced(checkpoint: Checkpoint, range: number, chunk: Chunk, key: readonly string[]): Checkpoint {
  const { page, counts } = chunk;
  const last = page.rows.at(-1);
  const ranges = rangesOf(checkpoint).map((each, i) =>
    i === range ? { ...each, after: last === undefined ? each.after : keyOf(last, key), done: !page.isFull } : each,
  );
  const isSplit = checkpoint.ranges !== null;
  return {
    ...checkpoint,
    after: isSplit ? null : (ranges[0]?.after ?? null),
    ranges: isSplit ? ranges : null,
    done: ranges.every(({ done }) => done),
    left: chunk.left,
    read: checkpoint.read + page.rows.length,
    written: checkpoint.written + counts.written,
    kept: checkpoint.kept + counts.kept,
    leftOut: checkpoint.leftOut + counts.leftOut,
    readAgain: checkpoint.readAgain + chunk.readAgain,
    toRepair: checkpoint.toRepair + chunk.toRepair,
    longestFreezeMs: Math.max(checkpoint.longestFreezeMs, Math.round(chunk.longestFreezeMs)),
    setAside: [...checkpoint.setAside, ...chunk.setAside],
    conflicts: [...checkpoint.conflicts, ...chunk.conflicts],
  };
}

interface Chunk {
  readonly page: RowPage;
  readonly counts: { readonly written: number; readonly kept: number; readonly leftOut: number };
  readonly setAside: readonly SetAside[];
  readonly conflicts: readonly string[];
  readonly left: readonly Dropped[];
  readonly readAgain: number;
  readonly toRepair: number;
  readonly longestFreezeMs: number;
  readonly cost: {
    /** What its rows took: reading, making and writing them for the first time. */
    readonly ms: number;
    /** What all else took. */
    readonly waitedMs: number;
  };
}

interface Chunks {
  /** The rows after a key, written, and those that earlier chunks left. null: it was to stop before they were. */
  next(after: RowKey | null, limit: number, left: readonly Dropped[]): Promise<Chunk | null>;
  /** What was read ahead is not needed any more. */
  drop(): Promise<void>;
}

/** The next chunk is read and made while one is written. */
function chunksAtRest(
  { source, target, transformer, mapped, conflictsOf, now }: BackfillParts,
  upTo: RowKey | null,
): Chunks {
  let ahead: Promise<{ readonly page: RowPage; readonly made: MadeChunk }> | null = null;
  const readAndMake = async (after: RowKey | null, limit: number) => {
    const page = await source.page(after, limit, upTo);
    return { page, made: await makeChunk(page.rows, source.key, transformer) };
  };
  return {
    async next(after, limit) {
      const began = now();
      const { page, made } = await (ahead ?? readAndMake(after, limit));
      const last = page.rows.at(-1);
      ahead = page.isFull && last !== undefined ? readAndMake(keyOf(last, source.key), limit) : null;
      ahead?.catch(() => "thrown where it is waited for");
      const upsert = (rows: readonly Row[]): Promise<Written> => target.upsert(rows);
      const written = await writeMade(made, () => true, { key: target.key, mapped, upsert });
      if (written === null) throw new TypeError("what nobody has to confirm was not confirmed");
      const conflicts = written.kept === 0 ? [] : await conflictsOf(written.rows);
      return {
        page,
        counts: written,
        setAside: written.setAside,
        conflicts,
        left: [],
        readAgain: 0,
        toRepair: 0,
        longestFreezeMs: 0,
        cost: { ms: now() - began, waitedMs: 0 },
      };
    },
    async drop() {
      await ahead?.catch(() => "it was not needed any more");
    },
  };
}

/** The shorter a window the fewer rows fall out of it: nothing is read ahead. */
function chunksBesideWrites(parts: BackfillParts, live: LiveParts, signal: AbortSignal): Chunks {
  const { source, target, transformer, mapped, now } = parts;
  const { writes, idOf, waits } = live;
  const pause = (ms: number): Promise<void> => parts.wait(ms, signal);
  return {
    async next(after, limit, earlier) {
      const began = now();
      // What its rows take, and not what the proxy's answers do, nor rows that are read again one by one: they are as slow for ten rows.
      let workedMs = 0;
      const timed = async <T>(work: () => Promise<T>, sign = 1): Promise<T> => {
        const from = now();
        try {
          return await work();
        } finally {
          workedMs += sign * (now() - from);
        }
      };
      const readPage = async (): Promise<RowPage> => {
        workedMs = 0;
        return await timed(() => source.page(after, Math.min(limit, FREEZE_MOST_IDS - earlier.length)));
      };
      const done = await writeLiveChunk({
        live: writes,
        key: source.key,
        idOf,
        behind: live.behind,
        earlier,
        read: async (keys) => (keys === null ? await readPage() : { rows: await source.byKeys(keys), isFull: false }),
        async prepare(rows) {
          const made = await timed(() => makeChunk(rows, source.key, transformer));
          return {
            async write(keep, ask) {
              const guard = { confirm: () => timed(ask, -1), withinMs: COMMIT_WITHIN_MS };
              const upsert = (each: readonly Row[]): Promise<Written | null> => live.upsertConfirmed(each, guard);
              const written = await timed(() => writeMade(made, keep, { key: target.key, mapped, upsert }));
              if (written === null) return null;
              return { ...written, conflicts: written.kept === 0 ? [] : await parts.conflictsOf(written.rows) };
            },
          };
        },
        pause,
        now,
        waits,
        signal,
      });
      if (done.stopped) return null;
      const sum = (count: "written" | "kept" | "leftOut"): number =>
        done.written.reduce((all, each) => all + each[count], 0);
      return {
        page: done.page,
        counts: { written: sum("written"), kept: sum("kept"), leftOut: sum("leftOut") },
        setAside: done.written.flatMap(({ setAside }) => setAside),
        conflicts: done.written.flatMap(({ conflicts }) => conflicts),
        left: done.left,
        readAgain: done.readAgain,
        toRepair: done.toRepair,
        longestFreezeMs: done.longestFreezeMs,
        cost: { ms: workedMs, waitedMs: now() - began - workedMs },
      };
    },
    drop: () => Promise.resolve(),
  };
}

/** About what the values take; to the factor of two that a chunk's size needs. */
function bytesOf(rows: readonly Row[]): number {
  const one = (value: RowValue): number => {
    if (typeof value === "string" || value instanceof Uint8Array) return value.length;
    if (typeof value !== "object" || value === null) return 8;
    return value.reduce<number>((sum, each) => sum + one(each), 0);
  };
  return rows.reduce((sum, row) => sum + Object.values(row).reduce<number>((all, value) => all + one(value), 0), 0);
}
