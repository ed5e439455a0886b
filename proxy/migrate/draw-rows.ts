/** Draws rows of a table at random, each set of so many rows as likely as any other, however uneven their keys are. */
import { keyOf, type RowKey, type RowSource } from "../rows/rows.ts";
import { PAGE_ROWS } from "./compare-rows.ts";

export interface Drawn {
  readonly keys: readonly RowKey[];
  /** How many rows it was drawn of; null: the database drew, and did not count. */
  readonly of: number | null;
}

/**
 * The database draws where it can. Else every row is read, and a place in the sample is given to each with the chance that it
 * has once all are read (Vitter's algorithm R). `random`: in [0, 1).
 */
export async function drawRows(table: RowSource, rows: number, random: () => number): Promise<Drawn> {
  if (table.draw !== undefined) {
    const keys = await table.draw(rows);
    return { keys, of: keys.length < rows ? keys.length : null };
  }
  const keys: RowKey[] = [];
  let seen = 0;
  for (let after: RowKey | null = null; ;) {
    const page = await table.page(after, PAGE_ROWS);
    for (const row of page.rows) {
      const place = seen < rows ? seen : Math.floor(random() * (seen + 1));
      if (place < rows) keys[place] = keyOf(row, table.key);
      seen += 1;
    }
    const last = page.rows.at(-1);
    if (!page.isFull || last === undefined) return { keys, of: seen };
    after = keyOf(last, table.key);
  }
}
