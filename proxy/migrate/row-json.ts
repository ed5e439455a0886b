/** Rows as the JSON that the rules of comparison know: columns are members, and their values keep every digit. Pure. */
import { parseExact } from "../json/parse-exact.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../json/value.ts";
import type { ColumnKind, Row, RowValue } from "../rows/rows.ts";

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

export type Kinds = ReadonlyMap<string, ColumnKind>;

/** `columns`: those that count, in their order. What the row has not is left out. */
export function rowJson(row: Row, columns: readonly string[], kinds: Kinds): JsonObject {
  const names = columns.filter((column) => Object.hasOwn(row, column));
  return new JsonObject(
    names,
    names.map((column) => valueJson(row[column] ?? null, kinds.get(column))),
  );
}

function valueJson(value: RowValue, kind: ColumnKind | undefined): JsonValue {
  switch (typeof value) {
    case "bigint":
      // A database without booleans has 0 and 1 of them.
      if (kind === "boolean" && (value === 0n || value === 1n)) return value === 1n;
      return new JsonNumber(String(value));
    case "number":
      return Number.isFinite(value) ? new JsonNumber(Object.is(value, -0) ? "-0" : String(value)) : String(value);
    case "boolean":
      return value;
    case "string":
      return textJson(value, kind);
    case "object":
      if (value === null) return null;
      if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
      return value.map((each) => valueJson(each, undefined));
    default:
      return value satisfies never;
  }
}

/** Decimals come as texts, for want of an exact number; so does JSON. */
function textJson(text: string, kind: ColumnKind | undefined): JsonValue {
  if (kind === "decimal" && JSON_NUMBER.test(text)) return new JsonNumber(text);
  if (kind !== "json") return text;
  const read = parseExact(text);
  return read.ok ? read.value : text;
}
