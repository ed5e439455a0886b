/** Deleted rows that stay in their table, marked, so that nothing older brings them back: how each database is told of them. */
import type { ColumnKind } from "../../proxy/rows/rows.ts";

/** What is asked of a table by name. */
export interface NamedColumns {
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  readonly tombstone: string | null;
}

export interface TombstonePlace {
  /** The column that marks them. */
  readonly tombstone: string;
  /** null: of a table that is only read. */
  readonly version: string | null;
}

export interface TombstoneSql {
  /** Of a row that is there. `of`: what stands before its columns, `t.` or nothing. */
  isLive(of: string): string;
  /** The mark in a row that is there. */
  readonly noMark: string;
  /** Assignments that make a tombstone of a row, of a newer version than it had. */
  readonly bury: string;
}

interface Dialect {
  readonly kindOf: (column: string) => ColumnKind | undefined;
  readonly quote: (name: string) => string;
  /** A boolean that is not true. */
  readonly isNotTrue: (column: string) => string;
  readonly yes: string;
  readonly no: string;
  /** Of a column of this kind; null: it holds no time. */
  readonly now: (kind: ColumnKind) => string | null;
  /** The later one of now and the next moment after what the column holds. */
  readonly laterThan: (column: string, kind: ColumnKind) => string;
}

/** `fail` throws what makes the table unusable. */
export function tombstoneSql(
  { tombstone, version }: TombstonePlace,
  { kindOf, quote, ...sql }: Dialect,
  fail: (why: string) => never,
): TombstoneSql {
  const kind = kindOf(tombstone) ?? "other";
  const mark = quote(tombstone);
  const isFlag = kind === "boolean";
  const now = sql.now(kind);
  if (!isFlag && now === null) fail(`its tombstone ${tombstone} has to be a boolean or a time`);
  const marked = `${mark} = ${isFlag ? sql.yes : now}`;
  const versionKind = version === null ? null : (kindOf(version) ?? "other");
  return {
    isLive: (of) => (isFlag ? sql.isNotTrue(`${of}${mark}`) : `${of}${mark} IS NULL`),
    noMark: isFlag ? sql.no : "NULL",
    bury:
      version === null || versionKind === null
        ? marked
        : `${marked}, ${quote(version)} = ${next(quote(version), versionKind)}`,
  };

  function next(column: string, of: ColumnKind): string {
    if (of === "integer" || of === "decimal") return `coalesce(${column}, 0) + 1`;
    if (sql.now(of) === null)
      fail(`its version ${version} has to be a number or a time, where deleted rows stay (tombstone)`);
    return sql.laterThan(column, of);
  }
}
