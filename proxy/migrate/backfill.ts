/**
 * Brings the rows of a source over to a target, chunk after chunk in the order of the key: read, make, write, note how far it
 * came. A chunk that was written and not noted is written again, which changes nothing: rows are written by their keys.
 *
 * For rows at rest: a row that changes in the source after its chunk was read is not seen again, and one that changes in the
 * target meanwhile is written over. Whoever calls this makes sure that nobody writes there.
 */
import { createHash } from "node:crypto";
import { CrossfadeError } from "../errors.ts";
import {
  keyOf,
  type Row,
  type RowKey,
  type RowPage,
  type RowSource,
  type RowTarget,
  type RowValue,
  spellKey,
} from "../rows.ts";
import type { Checkpoint, SetAside } from "./checkpoint.ts";
import { FIRST_ROWS, nextChunkRows } from "./chunk-size.ts";
import type { Made } from "./made-rows.ts";
import type { Transformer } from "./transformer.ts";

export interface BackfillParts {
  readonly source: RowSource;
  readonly target: RowTarget;
  readonly transformer: Transformer;
  /** After each chunk, before the next one is written. */
  readonly note: (checkpoint: Checkpoint) => void;
  readonly progress: (progress: BackfillProgress) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface BackfillOptions {
  /** Rows that may be set aside before it stops. */
  readonly mostSetAside: number;
  /** null: as fast as it goes. */
  readonly rowsPerSecond: number | null;
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
export async function fingerprintOf(source: RowSource, target: RowSource, transform: string | null): Promise<string> {
  const shapes = [await source.describe(), await target.describe()];
  const columns = shapes.map((shape) => shape.columns.map(({ name, declared }) => [name, declared]));
  const all = [source.name, source.key, target.name, target.key, columns, transform];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}

export function firstCheckpoint(collection: string, fingerprint: string): Checkpoint {
  const counts = { read: 0, written: 0, kept: 0, leftOut: 0 };
  return { collection, fingerprint, after: null, done: false, ...counts, setAside: [] };
}

/** @throws CrossfadeError where a database or the transform fails; what was noted stays, and it goes on from there */
export async function runBackfill(
  parts: BackfillParts,
  from: Checkpoint,
  options: BackfillOptions,
): Promise<BackfillEnd> {
  const { source, target } = parts;
  const { estimate } = await source.describe();
  const began = parts.now();
  let checkpoint = from;
  let limit = options.chunkRows ?? FIRST_ROWS;
  let reading = readAndMake(parts, checkpoint.after, limit);
  for (;;) {
    const chunkBegan = parts.now();
    const { page, made } = await reading;
    const last = page.rows.at(-1);
    const after = last === undefined ? checkpoint.after : keyOf(last, source.key);
    // The next chunk is read and made while this one is written.
    if (page.isFull) {
      reading = readAndMake(parts, after, limit);
      reading.catch(() => "thrown where it is waited for");
    }
    const written = await writeChunk(page.rows, made, source, target);
    checkpoint = {
      ...checkpoint,
      after,
      done: !page.isFull,
      read: checkpoint.read + page.rows.length,
      written: checkpoint.written + written.written,
      kept: checkpoint.kept + written.kept,
      leftOut: checkpoint.leftOut + written.leftOut,
      setAside: [...checkpoint.setAside, ...written.setAside],
    };
    if (checkpoint.done) await target.settleCounters();
    parts.note(checkpoint);
    const now = parts.now();
    const readNow = checkpoint.read - from.read;
    parts.progress({ checkpoint, estimate, rowsPerSecond: readNow / Math.max((now - began) / 1000, 0.001) });
    if (checkpoint.setAside.length > options.mostSetAside) {
      await ignored(page.isFull ? reading : null);
      return { kind: "too-many-set-aside", checkpoint };
    }
    if (checkpoint.done) return { kind: "done", checkpoint };
    if (options.rowsPerSecond !== null) {
      const dueMs = (readNow / options.rowsPerSecond) * 1000 - (now - began);
      if (dueMs > 0) await parts.wait(dueMs, options.signal);
    }
    if (options.signal.aborted) {
      await ignored(reading);
      return { kind: "stopped", checkpoint };
    }
    if (options.chunkRows === null) {
      limit = nextChunkRows({ rows: page.rows.length, bytes: bytesOf(page.rows), ms: now - chunkBegan });
    }
  }
}

interface ChunkMade {
  readonly page: RowPage;
  readonly made: readonly Made[];
}

async function readAndMake(
  { source, transformer }: BackfillParts,
  after: RowKey | null,
  limit: number,
): Promise<ChunkMade> {
  const page = await source.page(after, limit);
  return { page, made: page.rows.length === 0 ? [] : await transformer.make(page.rows) };
}

interface ChunkWritten {
  readonly written: number;
  readonly kept: number;
  readonly leftOut: number;
  readonly setAside: readonly SetAside[];
}

/** A row of the target, and the one of the source that it was made of. */
interface Origin {
  readonly of: Row;
  readonly row: Row;
}

async function writeChunk(
  rows: readonly Row[],
  made: readonly Made[],
  source: RowSource,
  target: RowTarget,
): Promise<ChunkWritten> {
  const setAside: SetAside[] = [];
  const toWrite: Origin[] = [];
  let leftOut = 0;
  for (const [i, row] of rows.entries()) {
    const of = made[i];
    if (of === undefined) throw new TypeError("the transform answered fewer rows than it was given");
    if (!of.ok) setAside.push({ key: spellKey(keyOf(row, source.key)), why: of.why });
    else if (of.rows.length === 0) leftOut += 1;
    else for (const each of of.rows) toWrite.push({ of: row, row: each });
  }
  const written = await writeRows(toWrite, source, target);
  return { ...written, leftOut, setAside: [...setAside, ...written.setAside] };
}

/** Where the target refuses a batch, its halves are tried, until the rows that it refuses stand alone. */
async function writeRows(
  origins: readonly Origin[],
  source: RowSource,
  target: RowTarget,
): Promise<Omit<ChunkWritten, "leftOut">> {
  if (origins.length === 0) return { written: 0, kept: 0, setAside: [] };
  try {
    for (const { row } of origins) keyOf(row, target.key);
    return { ...(await target.upsert(origins.map(({ row }) => row))), setAside: [] };
  } catch (thrown) {
    const isOfRow = thrown instanceof TypeError || (thrown instanceof CrossfadeError && thrown.code === "rows-refused");
    if (!isOfRow) throw thrown;
    if (origins.length === 1) {
      const [{ of }] = origins as readonly [Origin];
      return { written: 0, kept: 0, setAside: [{ key: spellKey(keyOf(of, source.key)), why: thrown.message }] };
    }
    const middle = Math.ceil(origins.length / 2);
    const first = await writeRows(origins.slice(0, middle), source, target);
    const second = await writeRows(origins.slice(middle), source, target);
    return {
      written: first.written + second.written,
      kept: first.kept + second.kept,
      setAside: [...first.setAside, ...second.setAside],
    };
  }
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

async function ignored(reading: Promise<unknown> | null): Promise<void> {
  await reading?.catch(() => "it was not needed any more");
}
