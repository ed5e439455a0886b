/** The target's rows of a chunk, and how they are written: what cannot be made or written is set aside, and the others go on. */
import { CrossfadeError } from "../errors.ts";
import { keyOf, type Row, spellKey, type Written } from "../rows/rows.ts";
import type { SetAside } from "./checkpoint.ts";
import type { Mapped } from "./mapped-rows.ts";
import type { Transformer } from "./transformer.ts";

export interface MadeChunk {
  readonly rows: readonly MadeRow[];
  /** Rows of the source that cannot be made. */
  readonly unmade: readonly { readonly of: Row; readonly setAside: SetAside }[];
  /** Rows of the source that the transform makes nothing of. */
  readonly leftOut: readonly Row[];
}

/** A row of the target with the one that it was made of, and its key. */
interface MadeRow {
  readonly of: Row;
  readonly key: string;
  readonly row: Row;
}

export interface ChunkWritten extends Written {
  readonly leftOut: number;
  readonly setAside: readonly SetAside[];
  /** As they were to be written. */
  readonly rows: readonly Row[];
}

export interface ChunkTarget {
  readonly key: readonly string[];
  /** What rows are under the ids that next has; null: the same. */
  readonly mapped: ((rows: readonly MadeRow[]) => Promise<readonly Mapped[]>) | null;
  /** null: it must not be written; nothing of it is, and nothing further is tried. */
  readonly upsert: (rows: readonly Row[]) => Promise<Written | null>;
}

export async function makeChunk(
  rows: readonly Row[],
  sourceKey: readonly string[],
  transformer: Transformer,
): Promise<MadeChunk> {
  const chunk = {
    rows: [] as MadeRow[],
    unmade: [] as { of: Row; setAside: SetAside }[],
    leftOut: [] as Row[],
  };
  if (rows.length === 0) return chunk;
  const made = await transformer.make(rows);
  for (const [i, row] of rows.entries()) {
    const key = spellKey(keyOf(row, sourceKey));
    const result = made[i];
    if (result === undefined) throw new TypeError("the transform answered fewer rows than it was given");
    if (!result.ok) chunk.unmade.push({ of: row, setAside: { key, why: result.why } });
    else if (result.rows.length === 0) chunk.leftOut.push(row);
    else for (const each of result.rows) chunk.rows.push({ of: row, key, row: each });
  }
  return chunk;
}

/** Of rows that were made of those that `keep` says. null: it was not to be. */
export async function writeMade(
  made: MadeChunk,
  keep: (row: Row) => boolean,
  target: ChunkTarget,
): Promise<ChunkWritten | null> {
  const kept = made.rows.filter(({ of }) => keep(of));
  const { rows, unmapped } = await underNextsIds(kept, target);
  const written = await writeRows(rows, target);
  if (written === null) return null;
  const unmade = made.unmade.filter(({ of }) => keep(of)).map(({ setAside }) => setAside);
  const setAside = [...unmade, ...unmapped, ...written.setAside];
  return { ...written, leftOut: made.leftOut.filter(keep).length, setAside, rows: rows.map(({ row }) => row) };
}

async function underNextsIds(made: readonly MadeRow[], { mapped }: ChunkTarget) {
  if (mapped === null) return { rows: made, unmapped: [] };
  const rows: MadeRow[] = [];
  const unmapped: SetAside[] = [];
  for (const [i, one] of (await mapped(made)).entries()) {
    const of = made[i] as MadeRow;
    if (one.ok) rows.push({ ...of, row: one.row });
    else unmapped.push({ key: of.key, why: one.why });
  }
  return { rows, unmapped };
}

/** Where the target refuses a batch, its halves are tried, until the rows that it refuses stand alone. */
async function writeRows(
  rows: readonly MadeRow[],
  target: ChunkTarget,
): Promise<Omit<ChunkWritten, "leftOut" | "rows"> | null> {
  if (rows.length === 0) return { written: 0, kept: 0, setAside: [] };
  try {
    for (const { row } of rows) keyOf(row, target.key);
    const written = await target.upsert(rows.map(({ row }) => row));
    return written === null ? null : { ...written, setAside: [] };
  } catch (thrown) {
    const isOfRow = thrown instanceof TypeError || (thrown instanceof CrossfadeError && thrown.code === "rows-refused");
    if (!isOfRow) throw thrown;
    if (rows.length === 1) {
      const [{ key }] = rows as readonly [MadeRow];
      return { written: 0, kept: 0, setAside: [{ key, why: thrown.message }] };
    }
    const middle = Math.ceil(rows.length / 2);
    const first = await writeRows(rows.slice(0, middle), target);
    const second = first === null ? null : await writeRows(rows.slice(middle), target);
    if (first === null || second === null) return null;
    return {
      written: first.written + second.written,
      kept: first.kept + second.kept,
      setAside: [...first.setAside, ...second.setAside],
    };
  }
}
