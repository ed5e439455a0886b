/** Opaque page cursors: where the page before ended, marked with the list they belong to. */
import { CrossfadeError } from "../../proxy/errors.ts";

export type ListName = "divergences" | "groups" | "repairs" | "gaps" | "audit" | "pairs" | "values";

export function encodeCursor(list: ListName, position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString("base64url");
}

/**
 * The position within `list` that a cursor holds: a count or sequence number, then (groups) an id.
 * @throws CrossfadeError `api-refused` (source client) for anything that `encodeCursor` did not make for this list.
 */
export function decodeCursor(list: ListName, cursor: string): { readonly number: number; readonly id: string } {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    parts = null;
  }
  if (Array.isArray(parts) && parts[0] === list && Number.isSafeInteger(parts[1])) {
    const id: unknown = parts[2] ?? "";
    if (typeof id === "string") return { number: parts[1] as number, id };
  }
  const shown = JSON.stringify(cursor.slice(0, 80));
  throw new CrossfadeError("api-refused", `cursor ${shown} is not one of this list; ask again without a cursor`, {
    source: "client",
  });
}

/** A page holds 1 to 1000 items. */
export function pageLimit(limit: number): number {
  return Math.min(1000, Math.max(1, Math.trunc(limit) || 1));
}
