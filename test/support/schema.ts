/** Schemas of tests, written as short as they are read. */
import type { ColumnType, SchemaColumn, TableSchema, UniqueIndex } from "../../proxy/rows/table-schema.ts";

export const INT = { is: "integer", bits: 32, signed: true } as const;
export const BIGINT = { is: "integer", bits: 64, signed: true } as const;
export const TEXT = { is: "text", length: null } as const;

export function column(name: string, type: ColumnType, more: Partial<SchemaColumn> = {}): SchemaColumn {
  return {
    name,
    declared: type.is,
    type,
    nullable: false,
    filled: false,
    generated: false,
    collation: null,
    held: null,
    ...more,
  };
}

export function schemaOf(columns: readonly SchemaColumn[], more: Partial<TableSchema> = {}): TableSchema {
  return { database: "postgres", table: "t", columns, unique: [], ...more };
}

export function unique(parts: readonly string[], where: string | null = null): UniqueIndex {
  return { name: parts.join("_"), parts, where, primary: false };
}
