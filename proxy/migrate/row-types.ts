/** The rows of a collection as TypeScript declares them, for whoever writes its transform. Pure. */
import type { ColumnKind, RowColumn, TableShape } from "../rows/rows.ts";

interface TypedTable {
  /** Of people. */
  readonly name: string;
  readonly key: readonly string[];
  readonly shape: TableShape;
}

/** A `.d.ts`: `SourceRow`, `TargetRow` and `Transform`. */
export function spellRowTypes(collection: string, source: TypedTable, target: TypedTable): string {
  return [
    `// Rows of ${comment(collection)}, as crossfade backfill --types found them; to be made anew when a table changes.`,
    "",
    `/** ${comment(source.name)}: what the transform is given.${sampled(source)} */`,
    "export interface SourceRow {",
    ...source.shape.columns.map((column) => {
      const isAbsent = source.shape.sampled === true && !source.key.includes(column.name);
      return `${about(column)}  readonly ${member(column.name)}${isAbsent ? "?" : ""}: ${orNull(GIVEN[column.kind], column)};`;
    }),
    "}",
    "",
    `/** ${comment(target.name)}: what it makes. A column that is left out stays as it is, or gets its default.${sampled(target)} */`,
    "export interface TargetRow {",
    ...target.shape.columns
      // What the database computes is not written.
      .filter(({ generated }) => !generated)
      .map((column) => {
        const isNeeded = target.key.includes(column.name);
        return `${about(column)}  readonly ${member(column.name)}${isNeeded ? "" : "?"}: ${orNull(TAKEN[column.kind], column)}${isNeeded ? "" : " | undefined"};`;
      }),
    ...(target.shape.sampled === true ? ["  readonly [column: string]: unknown;"] : []),
    "}",
    "",
    "/** A row, rows, or null for one that is left out. */",
    "export type Transform = (row: SourceRow) => TargetRow | readonly TargetRow[] | null;",
    "",
  ].join("\n");
}

/** As the port gives them. */
const GIVEN: Readonly<Record<ColumnKind, string>> = {
  integer: "bigint",
  decimal: "string",
  double: "number",
  boolean: "boolean",
  text: "string",
  bytes: "Uint8Array",
  instant: "string",
  datetime: "string",
  json: "string",
  array: "readonly unknown[]",
  other: "string",
};

/** And what else it makes of them. */
const TAKEN: Readonly<Record<ColumnKind, string>> = {
  ...GIVEN,
  integer: "bigint | number",
  decimal: "string | number | bigint",
  instant: "string | Date",
  datetime: "string | Date",
  json: "string | object",
  // Of a kind that is not known, or of any.
  other: "unknown",
};

function orNull(type: string, { nullable }: RowColumn): string {
  return nullable && type !== "unknown" ? `${type} | null` : type;
}

function about({ declared }: RowColumn): string {
  return declared === "" ? "" : `  /** ${comment(declared)} */\n`;
}

function sampled({ shape }: TypedTable): string {
  return shape.sampled === true ? " Of the first rows: nothing declares them, and others may have more." : "";
}

function member(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** Names and types are the database's own words. */
function comment(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll(/\s+/g, " ");
}
