/** Values as SQLite stores them, by their own type: a column's declaration says what they mean, and hardly what they are. */
import { Buffer } from "node:buffer";
import type { ColumnKind, RowValue } from "../../../proxy/rows/rows.ts";

/** What better-sqlite3 gives with `safeIntegers`. */
export type Stored = null | bigint | number | string | Buffer;

/** SQLite's own rules of affinity (datatype3.html, 3.1), with booleans and JSON told apart by what people call them. */
export function kindOf(declared: string): ColumnKind {
  const name = declared.toUpperCase();
  if (name.includes("BOOL")) return "boolean";
  if (name.includes("JSON")) return "json";
  if (name.includes("INT")) return "integer";
  if (/CHAR|CLOB|TEXT/.test(name)) return "text";
  if (name === "" || name.includes("BLOB")) return name === "" ? "other" : "bytes";
  if (/REAL|FLOA|DOUB/.test(name)) return "double";
  return /DEC|NUM/.test(name) ? "decimal" : "other";
}

/** Only these columns leave a text that looks like a number as it is. */
export function keepsTexts(declared: string): boolean {
  const name = declared.toUpperCase();
  if (name.includes("INT")) return false;
  return name === "" || /CHAR|CLOB|TEXT|BLOB/.test(name);
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function readStored(value: Stored, kind: ColumnKind): RowValue {
  if (kind === "boolean" && (value === 0n || value === 1n)) return value === 1n;
  return value;
}

/** What a double holds of digits, and SQLite makes a double of a text in a column that wants numbers. */
const EXACT_DIGITS = 15;

/**
 * Arrays become JSON.
 * @throws TypeError where the column would round it
 */
export function storedFor(value: RowValue, column: string, declared: string): Stored {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (typeof value === "string") {
    const digits =
      /^[-+]?0*([\d.]+?)(e[-+]?\d+)?$/i
        .exec(value)?.[1]
        ?.replace(".", "")
        .replace(/^0+|0+$/g, "") ?? "";
    if (digits.length > EXACT_DIGITS && !keepsTexts(declared) && !/^[-+]?\d{1,18}$/.test(value)) {
      const why = `SQLite would round a number of ${digits.length} digits in column ${column} (${declared})`;
      throw new TypeError(`${why}; declare it TEXT`);
    }
    return value;
  }
  if (typeof value !== "object" || value === null) return value;
  return spellList(value);
}

/** As JSON, integers by their digits. */
function spellList(values: readonly RowValue[]): string {
  const spelled = values.map((value) => {
    if (typeof value === "bigint") return String(value);
    if (value instanceof Uint8Array) return JSON.stringify(`\\x${Buffer.from(value).toString("hex")}`);
    return Array.isArray(value) ? spellList(value) : JSON.stringify(value);
  });
  return `[${spelled.join(",")}]`;
}
