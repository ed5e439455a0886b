import type { Page } from "../../proxy/ports.ts";
import { encodeCursor, type ListName } from "./cursor.ts";

/** `rows`: one more than `limit` where there are more. `position`: of the last item shown, for the cursor. */
export function page<Row, Item>(
  list: ListName,
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => readonly (string | number)[],
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor(list, position(last)) : null;
  return { items: shown.map(toItem), next };
}
