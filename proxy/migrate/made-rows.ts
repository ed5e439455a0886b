/** What the user's transform makes of rows, and what of it is a row. */
import { putColumn, type Row, type RowValue } from "../rows/rows.ts";

/** Of one row of the source. */
export type Made = { readonly ok: true; readonly rows: readonly Row[] } | { readonly ok: false; readonly why: string };

export type Transform = (row: Row) => unknown;

const WHY_MAX_CHARS = 300;

/** Never throws. The transform is given a copy, which it may change. */
export function makeRows(transform: Transform, row: Row): Made {
  let made: unknown;
  try {
    made = transform({ ...row });
  } catch (thrown) {
    // Its message is the user's own words; a value of the row in it is theirs to leave out.
    const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return { ok: false, why: `the transform threw ${words.replace(/\s+/g, " ").slice(0, WHY_MAX_CHARS)}` };
  }
  if (made === null) return { ok: true, rows: [] };
  if (made instanceof Promise) {
    made.catch(() => "nobody waits for it");
    return { ok: false, why: "the transform returned a promise; it must be a plain function of the row" };
  }
  const list: readonly unknown[] = Array.isArray(made) ? made : [made];
  const rows: Row[] = [];
  for (const each of list) {
    const read = readRow(each);
    if (typeof read === "string") return { ok: false, why: read };
    rows.push(read);
  }
  return { ok: true, rows };
}

function readRow(made: unknown): Row | string {
  if (typeof made !== "object" || made === null || Array.isArray(made)) {
    return `the transform returned ${made === undefined ? "undefined" : typeof made}; return a row, rows or null`;
  }
  const row: Record<string, RowValue> = {};
  for (const column of Object.keys(made)) {
    const value = (made as Record<string, unknown>)[column];
    if (value === undefined) continue;
    const read = readValue(value);
    if (read === undefined) return `the transform made a ${typeof value} of column ${column}, which no column holds`;
    putColumn(row, column, read);
  }
  return row;
}

/** A Date is an instant, and any other object JSON. undefined: it is no value. */
function readValue(value: unknown): RowValue | undefined {
  switch (typeof value) {
    case "bigint":
    case "boolean":
    case "number":
    case "string":
      return value;
    case "object":
      if (value === null || value instanceof Uint8Array) return value;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
      return Array.isArray(value) ? readList(value) : spellObject(value);
    default:
      return undefined;
  }
}

function readList(values: readonly unknown[]): RowValue | undefined {
  const read = values.map(readValue);
  return read.every((value): value is RowValue => value !== undefined) ? read : undefined;
}

function spellObject(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
