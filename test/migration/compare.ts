/** Both tables row by row, with exact values: what Crossfade says of them is held against this. */
import { COLUMNS, type Column, type Place } from "./rows.ts";
import type { PlaceTable } from "./tables.ts";

export type RowDifference =
  | { readonly kind: "missing" | "extra"; readonly id: string }
  | { readonly kind: "mismatched"; readonly id: string; readonly columns: readonly Column[] };

export interface Compared {
  readonly rows: number;
  readonly differences: readonly RowDifference[];
}

const ROWS_AT_ONCE = 5_000;

/** `seen`: told of each row of legacy. */
export async function compareTables(
  legacy: PlaceTable,
  next: PlaceTable,
  seen: (row: Place) => void,
): Promise<Compared> {
  const differences: RowDifference[] = [];
  const [ours, theirs] = [rowsOf(legacy), rowsOf(next)];
  let rows = 0;
  let [a, b] = [await ours.next(), await theirs.next()];
  while (a.done !== true || b.done !== true) {
    const [mine, other] = [a.value ?? null, b.value ?? null];
    const order = mine === null ? 1 : other === null ? -1 : Math.sign(Number(BigInt(mine.id) - BigInt(other.id)));
    if (order <= 0 && mine !== null) {
      rows += 1;
      seen(mine);
      if (order < 0) differences.push({ kind: "missing", id: mine.id });
      else if (other !== null) {
        const columns = COLUMNS.filter((column) => mine[column] !== other[column]);
        if (columns.length > 0) differences.push({ kind: "mismatched", id: mine.id, columns });
      }
    } else if (other !== null) differences.push({ kind: "extra", id: other.id });
    if (order <= 0) a = await ours.next();
    if (order >= 0) b = await theirs.next();
  }
  return { rows, differences };
}

async function* rowsOf(table: PlaceTable): AsyncGenerator<Place, null> {
  for (let after = "0"; ;) {
    const page = await table.page(after, ROWS_AT_ONCE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return null;
    after = last.id;
  }
}
