/** What a table of PostgreSQL is made of, from its catalogues. */
import type { ColumnKind, RowColumn, RowValue } from "../../../proxy/rows/rows.ts";
import { type NamedColumns, type TombstoneSql, tombstoneSql } from "../tombstones.ts";
import { isUnknownTable } from "./failures.ts";
import { type PostgresType, readerFor, typeFor } from "./values.ts";

export interface PostgresColumn extends RowColumn {
  readonly read: (text: string) => RowValue;
}

export interface PostgresShape {
  /** Quoted, with its schema. */
  readonly table: string;
  readonly columns: readonly PostgresColumn[];
  readonly byName: ReadonlyMap<string, PostgresColumn>;
  readonly estimate: number | null;
  /** null: deleted rows are gone. */
  readonly tombstones: TombstoneSql | null;
}

/** Answers rows of texts. */
export type Ask = (sql: string, values: readonly unknown[]) => Promise<readonly (readonly (string | null)[])[]>;

/** `fail` throws what makes the table unusable. */
export async function readShape(
  ask: Ask,
  { table, key, version, tombstone }: NamedColumns,
  fail: (why: string) => never,
): Promise<PostgresShape> {
  const rows = await ask(COLUMNS_SQL, [table]).catch((thrown: unknown) => {
    if (isUnknownTable(thrown)) fail(`there is no table ${table}`);
    throw thrown;
  });
  const columns = rows.map(([column, declared, typeName, element, notNull, generated]): PostgresColumn => {
    const type: PostgresType = typeFor(typeName ?? "", element ?? null);
    return {
      name: column ?? "",
      kind: type.kind,
      declared: declared ?? "",
      nullable: notNull !== "t",
      generated: generated === "t",
      read: readerFor(type),
    };
  });
  const byName = new Map(columns.map((column) => [column.name, column]));
  for (const wanted of [...key, version, tombstone].filter((column) => column !== null)) {
    if (!byName.has(wanted)) fail(`it has no column ${wanted}; it has ${[...byName.keys()].join(", ")}`);
  }
  const [found] = await ask(TABLE_SQL, [table, key]);
  const [quoted = null, tuples = null, unique] = found ?? [];
  if (unique !== "t") {
    fail(
      `nothing keeps two rows from having one ${key.join(", ")}, or it may be null: the key needs a primary key, or a unique index over these columns alone that are not null`,
    );
  }
  const estimate = Number(tuples);
  const kindOf = (column: string): ColumnKind | undefined => byName.get(column)?.kind;
  const tombstones = tombstone === null ? null : tombstoneSql({ tombstone, version }, { ...DIALECT, kindOf }, fail);
  return { table: quoted ?? table, columns, byName, estimate: estimate > 0 ? estimate : null, tombstones };
}

/** In the session's time zone, which is UTC. A second more: the column may hold no fractions. */
const DIALECT = {
  quote,
  isNotTrue: (column: string) => `${column} IS NOT TRUE`,
  yes: "TRUE",
  no: "FALSE",
  now: (kind: ColumnKind) => (kind === "instant" || kind === "datetime" ? "now()" : null),
  laterThan: (column: string) => `greatest(now(), ${column} + interval '1 second')`,
};

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A domain goes by the type that it is made of. */
const COLUMNS_SQL = `
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, t.typname),
       e.typname, a.attnotnull, a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
LEFT JOIN pg_type e ON coalesce(b.typcategory, t.typcategory) = 'A' AND e.oid = coalesce(nullif(b.typelem, 0), t.typelem)
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;

const TABLE_SQL = `
SELECT c.oid::regclass::text, c.reltuples,
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
               AND i.indexprs IS NULL AND i.indnkeyatts = cardinality($2::text[])
               AND (SELECT bool_and(a.attnotnull AND a.attname = ANY ($2::text[])) FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])))
FROM pg_class c WHERE c.oid = $1::regclass`;
