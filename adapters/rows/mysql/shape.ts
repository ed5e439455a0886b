/** What a table of MySQL or MariaDB is made of, from information_schema. */
import type { ColumnKind, RowColumn } from "../../../proxy/rows/rows.ts";
import { type NamedColumns, type TombstoneSql, tombstoneSql } from "../tombstones.ts";
import { kindOf, type MysqlColumn, quote } from "./values.ts";

export interface MysqlShape {
  /** Quoted, with its database. */
  readonly table: string;
  readonly columns: readonly (RowColumn & MysqlColumn)[];
  readonly byName: ReadonlyMap<string, RowColumn & MysqlColumn>;
  readonly estimate: number | null;
  /** The index that keeps two rows from having one key. */
  readonly keyIndex: string;
  /** No other index can be what a row runs into. */
  readonly isOnlyUnique: boolean;
  /** Of integers alone: two that are equal are spelled alike. */
  readonly isIntegerKey: boolean;
  /** Keys are told apart by a collation, which takes `Z` and `z` for one. */
  readonly isCollatedKey: boolean;
  /** null: deleted rows are gone. */
  readonly tombstones: TombstoneSql | null;
}

/** Answers rows of texts; values of the statement are escaped. */
export type Ask = (sql: string, values: readonly unknown[]) => Promise<readonly (readonly (string | null)[])[]>;

/** `fail` throws what makes the table unusable. */
export async function readShape(
  ask: Ask,
  { table, key, version, tombstone }: NamedColumns,
  fail: (why: string) => never,
): Promise<MysqlShape> {
  const { of, isJson } = await readParts(ask, table, fail);
  const columns = (await ask(COLUMNS_SQL, of)).map(([name, type, declared, nullable, generated]) => ({
    name: name ?? "",
    kind: kindOf(type ?? "", declared ?? "", isJson(name ?? "")),
    declared: declared ?? "",
    nullable: nullable === "YES",
    generated: generated === "1",
  }));
  if (columns.length === 0) fail(`there is no table ${table}`);
  const byName = new Map(columns.map((column) => [column.name, column]));
  for (const wanted of [...key, version, tombstone].filter((column) => column !== null)) {
    if (!byName.has(wanted)) fail(`it has no column ${wanted}; it has ${[...byName.keys()].join(", ")}`);
  }
  const versionKind = version === null ? null : byName.get(version)?.kind;
  if (versionKind !== null && !["integer", "instant", "datetime"].includes(versionKind ?? "")) {
    fail(`its version ${version} is ${byName.get(version ?? "")?.declared}; it has to be a whole number or a time`);
  }
  const unique = await ask(UNIQUE_SQL, of);
  const keyIndex = unique.find(
    ([, names, isUsable]) => isUsable === "1" && sameNames(JSON.parse(names ?? "[]") as string[], key),
  )?.[0];
  if (keyIndex === undefined || keyIndex === null) {
    return fail(
      `nothing keeps two rows from having one ${key.join(", ")}, or it may be null: the key needs a primary key, or a unique index over these columns alone that are not null`,
    );
  }
  const [[rows = null] = []] = await ask(ESTIMATE_SQL, of);
  const kind = (column: string): ColumnKind | undefined => byName.get(column)?.kind;
  return {
    table: of.map((part) => quote(part ?? "")).join("."),
    columns,
    byName,
    estimate: Number(rows) > 0 ? Number(rows) : null,
    keyIndex,
    isOnlyUnique: unique.length === 1,
    isIntegerKey: key.every((column) => byName.get(column)?.kind === "integer"),
    isCollatedKey: key.some((column) => ["text", "other"].includes(byName.get(column)?.kind ?? "")),
    tombstones: tombstone === null ? null : tombstoneSql({ tombstone, version }, { ...DIALECT, kindOf: kind }, fail),
  };
}

/** In the session's time zone, which is UTC. A second more: the column may hold no fractions. */
const DIALECT = {
  quote,
  isNotTrue: (column: string) => `${column} IS NOT TRUE`,
  yes: "TRUE",
  no: "FALSE",
  now: (kind: ColumnKind) => (kind === "instant" || kind === "datetime" ? "now(6)" : null),
  laterThan: (column: string) => `greatest(now(6), coalesce(${column}, now(6)) + INTERVAL 1 SECOND)`,
};

interface TableParts {
  /** Schema and table. */
  readonly of: readonly (string | null)[];
  readonly isJson: (column: string) => boolean;
  readonly isMaria: boolean;
}

/** Where the table is, and which of its columns hold JSON. `fail` throws what makes it unusable. */
export async function readParts(ask: Ask, table: string, fail: (why: string) => never): Promise<TableParts> {
  const [, schemaName, tableName = ""] = /^(?:(.+)\.)?([^.]+)$/.exec(table.replaceAll("`", "")) ?? [];
  const [[schema = null, server = null] = []] = await ask("SELECT coalesce(?, database()), version()", [
    schemaName ?? null,
  ]);
  if (schema === null)
    fail("its URL names no database; write mysql://user@host/DATABASE, or the table as DATABASE.TABLE");
  const of = [schema, tableName];
  const isMaria = /mariadb/i.test(server ?? "");
  // MySQL has JSON as a type of its own.
  const checks = isMaria ? await ask(JSON_SQL, of) : [];
  const isJson = (name: string): boolean => checks.some(([clause]) => clause === `json_valid(\`${name}\`)`);
  return { of, isJson, isMaria };
}

function sameNames(names: readonly string[], key: readonly string[]): boolean {
  return names.length === key.length && names.every((each) => key.includes(each));
}

const COLUMNS_SQL = `
SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, coalesce(GENERATION_EXPRESSION, '') <> ''
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`;

const JSON_SQL = `
SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?`;

/** An index of a part of a text, or of an expression, is no key. */
const UNIQUE_SQL = `
SELECT INDEX_NAME, concat('[', group_concat(json_quote(COLUMN_NAME) ORDER BY SEQ_IN_INDEX), ']'),
       sum(SUB_PART IS NOT NULL OR COLUMN_NAME IS NULL OR NULLABLE = 'YES') = 0
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
GROUP BY INDEX_NAME ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME`;

const ESTIMATE_SQL = "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
