/** The schema of a table of SQLite: what its declarations mean by SQLite's rules, and what people mean by them. */
import type { Database } from "better-sqlite3";
import type {
  ColumnType,
  SchemaColumn,
  SchemaLook,
  TableSchema,
  UniqueIndex,
} from "../../../proxy/rows/table-schema.ts";
import { held, parseDeclared } from "../schema-parts.ts";
import { rulesOf, triggersOf } from "./rules.ts";
import { kindOf, quote } from "./values.ts";

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly notnull: bigint;
  readonly dflt_value: string | null;
  readonly pk: bigint;
  readonly hidden: bigint;
}

interface Index {
  readonly name: string;
  readonly unique: bigint;
  readonly origin: "pk" | "u" | "c";
  readonly partial: bigint;
}

interface IndexPart {
  /** null: an expression. */
  readonly name: string | null;
  readonly coll: string;
}

/** `fail` throws what makes the table unusable. `db` gives whole numbers as bigints. */
export async function readSchema(
  db: Database,
  { name, table }: { readonly name: string; readonly table: string },
  look: SchemaLook,
  fail: (why: string) => never,
): Promise<TableSchema> {
  const declared = db.prepare<[string], Declared>("SELECT * FROM pragma_table_xinfo(?)").all(table);
  if (declared.length === 0) fail(`there is no table ${table}`);
  const indexes = db.prepare<[string], Index>("SELECT * FROM pragma_index_list(?)").all(table);
  const parts = new Map(indexes.map((index) => [index.name, partsOf(db, index.name)]));
  const primary = declared.filter(({ pk }) => pk > 0n).toSorted((a, b) => Number(a.pk - b.pk));
  const [rowId] = primary.length === 1 && primary[0]?.type.toUpperCase() === "INTEGER" ? primary : [];
  const begins = new Set(
    indexes.flatMap(({ name: index, partial }) => (partial === 0n ? (parts.get(index)?.[0]?.name ?? []) : [])),
  );
  if (rowId !== undefined) begins.add(rowId.name);
  const read = declared.map((column) => ({
    isIndexed: begins.has(column.name),
    column: {
      name: column.name,
      declared: column.type,
      type: typeOf(column.type),
      nullable: column.notnull === 0n && column.name !== rowId?.name,
      filled: column.dflt_value !== null || column.hidden > 1n || column.name === rowId?.name,
      generated: column.hidden > 1n,
      collation: collationOf(column, [...parts.values()].flat()),
      held: null,
    } satisfies SchemaColumn,
  }));
  const columns = await held(read, look, (names) => {
    const bounds = names.map((each) => {
      const whole = `FROM ${quote(table)} WHERE typeof(${quote(each)}) = 'integer'`;
      return `(SELECT CAST(min(${quote(each)}) AS TEXT) ${whole}), (SELECT CAST(max(${quote(each)}) AS TEXT) ${whole})`;
    });
    return (
      db
        .prepare<[], (string | null)[]>(`SELECT ${bounds.join(", ")}`)
        .raw()
        .get() ?? []
    );
  });
  const unique = uniqueOf(db, indexes, parts, rowId?.name ?? null);
  const names = declared.map((column) => column.name);
  const rules = rulesOf(db, table, names);
  return { database: "sqlite", table: name, columns, unique, rules, triggers: triggersOf(db, table) };
}

function partsOf(db: Database, index: string): readonly IndexPart[] {
  return db.prepare<[string], IndexPart>("SELECT name, coll FROM pragma_index_xinfo(?) WHERE key = 1").all(index);
}

function uniqueOf(
  db: Database,
  indexes: readonly Index[],
  parts: ReadonlyMap<string, readonly IndexPart[]>,
  rowId: string | null,
): readonly UniqueIndex[] {
  const own: readonly UniqueIndex[] =
    rowId === null ? [] : [{ name: "rowid", parts: [rowId], where: null, primary: true }];
  const sqlOf = db.prepare<[string], { sql: string | null }>("SELECT sql FROM sqlite_schema WHERE name = ?");
  const others = indexes
    .filter(({ unique }) => unique === 1n)
    .map(({ name, origin, partial }): UniqueIndex => ({
      name,
      parts: (parts.get(name) ?? []).map((part) => part.name ?? "an expression"),
      where: partial === 0n ? null : (/\bWHERE\b(.*)$/is.exec(sqlOf.get(name)?.sql ?? "")?.[1] ?? "").trim(),
      primary: origin === "pk",
    }))
    .toSorted((a, b) => Number(b.primary) - Number(a.primary) || (a.name < b.name ? -1 : 1));
  return [...own, ...others];
}

/** SQLite tells a column's collation of indexes alone. */
function collationOf({ name, type }: Declared, parts: readonly IndexPart[]): SchemaColumn["collation"] {
  if (typeOf(type).is !== "text") return null;
  const told = parts.find((part) => part.name === name)?.coll;
  return told === undefined ? null : { name: told, ignoresCase: told.toUpperCase() === "NOCASE" };
}

/**
 * A whole number has 64 bits whatever it is declared as. Any other number becomes a double. A length is what people mean by
 * it: SQLite keeps to none.
 */
function typeOf(declared: string): ColumnType {
  const { word, numbers } = parseDeclared(declared);
  const [first = null] = numbers;
  switch (kindOf(declared)) {
    case "boolean":
      return { is: "boolean" };
    case "json":
      return { is: "json" };
    case "integer":
      return { is: "integer", bits: 64, signed: true };
    case "text":
      return { is: "text", length: first };
    case "bytes":
      return { is: "bytes", length: first };
    case "double":
    case "decimal":
      return { is: "float", bits: 64 };
    default:
      return word === "uuid" ? { is: "uuid" } : { is: "other", name: declared || "any" };
  }
}
