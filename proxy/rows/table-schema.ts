/** What a table is made of, as far as it decides which rows it takes and what its readers get. JSON holds it as it is. */

/** Lengths are characters of a text and bytes of binary; null: no bound that a row meets. */
export type ColumnType =
  | { readonly is: "integer"; readonly bits: number; readonly signed: boolean }
  /** precision null: any digits. */
  | { readonly is: "decimal"; readonly precision: number | null; readonly scale: number | null }
  | { readonly is: "float"; readonly bits: 32 | 64 }
  | { readonly is: "boolean" }
  | { readonly is: "text"; readonly length: number | null }
  | { readonly is: "bytes"; readonly length: number | null }
  /** zone: it is an instant. digits: of a second's fraction. */
  | { readonly is: "timestamp"; readonly zone: boolean; readonly digits: number }
  | { readonly is: "date" }
  | { readonly is: "time"; readonly digits: number }
  | { readonly is: "json" }
  | { readonly is: "uuid" }
  | { readonly is: "enum"; readonly members: readonly string[] }
  | { readonly is: "array"; readonly of: ColumnType }
  | { readonly is: "other"; readonly name: string };

export interface SchemaColumn {
  readonly name: string;
  /** As the database spells it: `numeric(30,10)`. */
  readonly declared: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** A row that does not name it gets a value all the same: a default, a counter, an expression. */
  readonly filled: boolean;
  /** The database computes it: nobody writes it. */
  readonly generated: boolean;
  /** By which its texts are compared; null: it holds no texts, or nothing tells. */
  readonly collation: { readonly name: string; readonly ignoresCase: boolean } | null;
  /** Of integers: the least and the greatest that is there, as digits; null: none is, or it was not looked for. */
  readonly held: { readonly least: string; readonly most: string } | null;
}

/** Keeps two rows from having the same. */
export interface UniqueIndex {
  readonly name: string;
  /** Names of columns; an expression, or a part of a text, as the database spells it. */
  readonly parts: readonly string[];
  /** Of the rows that it is about; null: of all. */
  readonly where: string | null;
  readonly primary: boolean;
}

/** Refuses rows: by a condition, or unless another table has what they name. */
export interface TableRule {
  readonly kind: "check" | "foreign-key";
  readonly name: string;
  /** That it is about, as far as is known. */
  readonly columns: readonly string[];
  /** The condition as the database spells it, or the table and columns that are named: `orders (id)`. */
  readonly says: string;
}

/** Runs beside writes of rows. One that is switched off is none. */
export interface TableTrigger {
  readonly name: string;
  /** `before insert or update`; of several events in the order insert, update, delete, truncate. */
  readonly when: string;
}

export const DATABASES = ["postgres", "mysql", "sqlite"] as const;
export type DatabaseKind = (typeof DATABASES)[number];

export interface TableSchema {
  readonly database: DatabaseKind;
  /** Of people, without what is secret. */
  readonly table: string;
  /** In their order. */
  readonly columns: readonly SchemaColumn[];
  readonly unique: readonly UniqueIndex[];
  /** Absent: a schema that was saved before they were looked for. */
  readonly rules?: readonly TableRule[] | undefined;
  /** By name. Absent: the same. */
  readonly triggers?: readonly TableTrigger[] | undefined;
}

/**
 * Which integers are looked for in the rows. indexed: of columns that an index begins with, which costs next to nothing. all:
 * every one, which reads the table. none: no row is looked at.
 */
export const SCHEMA_LOOKS = ["indexed", "all", "none"] as const;
export type SchemaLook = (typeof SCHEMA_LOOKS)[number];
