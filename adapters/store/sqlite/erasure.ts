/** Erases records and pairs so that their bytes are gone from the file and its log, a little at a time. */
import type { Database } from "better-sqlite3";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ErasedRecords, ErasureQuery } from "../../../proxy/ports.ts";
import type { Committer } from "./committer.ts";
import type { ErasedTable, Questions } from "./messages.ts";

/** Records that one question looks into: commits go on between two of them. */
const EXAMINED_AT_ONCE = 500;
/** Writing a file anew takes as long as the disk needs for all of it. */
const OVERWRITE_PATIENCE_MS = 10 * 60 * 1000;

/** The process's side of it. @throws CrossfadeError `store-unavailable` */
export async function eraseDivergences(
  committer: Committer,
  file: string,
  { route, isKey, dryRun }: ErasureQuery,
): Promise<ErasedRecords> {
  await committer.allDurable();
  const from = async (table: ErasedTable): Promise<{ readonly rows: number; readonly samples: number }> => {
    let rows = 0;
    let samples = 0;
    let before: number | null = Number.MAX_SAFE_INTEGER;
    while (before !== null) {
      const asked = { table, ...(route === undefined ? {} : { route }), before };
      const part: Questions["shownKeys"]["value"] = await committer.ask("shownKeys", asked);
      const found = part.keys.filter(({ key }) => isKey(key));
      const seqs = found.map(({ seq }) => seq);
      if (!dryRun && seqs.length > 0) await committer.ask("erase", { table, seqs });
      rows += found.length;
      samples += found.filter(({ isSample }) => isSample === 1).length;
      before = part.more;
    }
    return { rows, samples };
  };
  const { rows: records, samples } = await from("divergence");
  const { rows: pairs } = await from("pair");
  // Also where nothing was found: the erasure before may have failed just here.
  if (!dryRun) await committer.ask("overwrite", null, OVERWRITE_PATIENCE_MS);
  return { records, samples, pairs, setAside: await listSetAside(file) };
}

/** Damaged files of earlier runs (opening.ts). */
async function listSetAside(file: string): Promise<readonly string[]> {
  const folder = dirname(file);
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(`${basename(file)}.corrupt-`)).map((name) => join(folder, name));
}

const KEY_COLUMNS: Readonly<Record<ErasedTable, string>> = {
  divergence: "record ->> '$.key' AS key, sample > 0 AS isSample",
  pair: "key, 0 AS isSample",
};

export function shownKeys(db: Database, args: Questions["shownKeys"]["args"]): Questions["shownKeys"]["value"] {
  const { table, before, route = null } = args;
  const floor =
    db
      .prepare<[number, number], number>(`SELECT seq FROM ${table} WHERE seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?`)
      .pluck()
      .get(before, EXAMINED_AT_ONCE - 1) ?? null;
  const keys = db
    .prepare<
      [{ before: number; floor: number; route: string | null }],
      Questions["shownKeys"]["value"]["keys"][number]
    >(
      `SELECT seq, key, isSample FROM (
         SELECT seq, ${KEY_COLUMNS[table]} FROM ${table}
         WHERE seq < @before AND seq >= @floor AND (@route IS NULL OR route = @route)
       ) WHERE key IS NOT NULL ORDER BY seq DESC`,
    )
    .all({ before, floor: floor ?? 0, route });
  return { keys, more: floor };
}

/** Overwritten at once with zeros, for the case that `overwrite` does not get its turn. */
export function erase(db: Database, { table, seqs }: Questions["erase"]["args"]): null {
  const remove = db.prepare(`DELETE FROM ${table} WHERE seq = ?`);
  db.pragma("secure_delete = ON");
  try {
    db.transaction(() => {
      for (const seq of seqs) remove.run(seq);
    }).immediate();
  } finally {
    db.pragma("secure_delete = OFF");
  }
  return null;
}

/**
 * `secure_delete` reaches what a DELETE removes, and not the copies that moving rows between pages and earlier evictions
 * left in unused space. A new file has none; it is written through the log, which is emptied after.
 */
export function overwrite(db: Database): null {
  db.exec("VACUUM");
  db.pragma("wal_checkpoint(TRUNCATE)");
  return null;
}
