/** A table of an SQLite file: read and written in this process, by the thread that asks. */
import type { Database } from "better-sqlite3";
import { CrossfadeError } from "../../../proxy/errors.ts";
import {
  byColumns,
  type ChangedSince,
  drawing,
  type ColumnKind,
  lastOfEachKey,
  type Row,
  type RowColumn,
  type RowKey,
  type RowPage,
  type RowTarget,
  type TableShape,
  type Written,
} from "../../../proxy/rows/rows.ts";
import { type TombstoneSql, tombstoneSql } from "../tombstones.ts";
import { readSchema } from "./schema.ts";
import { kindOf, quote, readStored, type Stored, storedFor } from "./values.ts";

export interface SqliteTable {
  readonly name: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  /** The column that marks deleted rows, which stay; null: they do not. */
  readonly tombstone?: string | null;
}

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly notnull: bigint;
  readonly pk: bigint;
  /** 2 and 3: generated; 1: hidden, of a virtual table. */
  readonly hidden: bigint;
}

/** SQLite takes 32,766 parameters in a statement; keys are asked for in groups that stay below. */
const PARAMETERS_MAX = 30_000;

/** `db` is closed with the table. */
export function sqliteTable(db: Database, { name, table, key, version, tombstone = null }: SqliteTable): RowTarget {
  db.defaultSafeIntegers(true);
  const of = quote(table);
  let known: readonly RowColumn[] | null = null;
  let marked: TombstoneSql | null = null;

  /** Everything is asked here, so that whatever SQLite throws is told in our words. */
  function run<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw asRowsError(name, thrown);
    }
  }

  function columns(): readonly RowColumn[] {
    return (known ??= readColumns());
  }

  function readColumns(): readonly RowColumn[] {
    const declared = db.prepare<[string], Declared>("SELECT * FROM pragma_table_xinfo(?)").all(table);
    if (declared.length === 0) throw unusable(`there is no table ${table}`);
    const names = declared.map((column) => column.name);
    for (const wanted of [...key, version, tombstone].filter((column) => column !== null)) {
      if (!names.includes(wanted)) throw unusable(`it has no column ${wanted}; it has ${names.join(", ")}`);
    }
    if (!isUnique(declared)) {
      throw unusable(
        `nothing keeps two rows from having one ${key.join(", ")}, or it may be null: the key needs a primary key, or a unique index over these columns alone that are not null`,
      );
    }
    return declared.map((column) => ({
      name: column.name,
      kind: kindOf(column.type),
      declared: column.type,
      nullable: column.notnull === 0n && column.pk === 0n,
      generated: column.hidden !== 0n,
    }));
  }

  function isUnique(declared: readonly Declared[]): boolean {
    const same = (names: readonly string[]): boolean =>
      names.length === key.length && names.every((each) => key.includes(each));
    const primary = declared.filter(({ pk }) => pk > 0n);
    const notNull = key.every((each) => declared.some((column) => column.name === each && column.notnull === 1n));
    // The one primary key that cannot hold a null although nobody said so is the row's own number.
    const isRowId = primary.length === 1 && primary[0]?.type.toUpperCase() === "INTEGER";
    if (same(primary.map((column) => column.name)) && (isRowId || notNull || isWithoutRowId())) return true;
    const indexes = db
      .prepare<[string], { name: string; partial: bigint }>(
        'SELECT name, partial FROM pragma_index_list(?) WHERE "unique" = 1',
      )
      .all(table);
    return (
      notNull &&
      indexes.some(({ name: index, partial }) => {
        const parts = db.prepare<[string], { name: string }>("SELECT name FROM pragma_index_info(?)").all(index);
        return partial === 0n && same(parts.map((part) => part.name));
      })
    );
  }

  function isWithoutRowId(): boolean {
    const found = db.prepare<[string], { wr: bigint }>("SELECT wr FROM pragma_table_list(?)").get(table);
    return found?.wr === 1n;
  }

  /** null: deleted rows are gone. */
  function tombstones(): TombstoneSql | null {
    if (tombstone === null) return null;
    const kind = (column: string): ColumnKind | undefined => columns().find(({ name: each }) => each === column)?.kind;
    return (marked ??= tombstoneSql({ tombstone, version }, { ...DIALECT, kindOf: kind }, (why) => {
      throw unusable(why);
    }));
  }

  function unusable(why: string): CrossfadeError {
    return new CrossfadeError("rows-unusable", `${name}: ${why}`, { source: "config" });
  }

  function toRow(stored: readonly Stored[]): Row {
    return Object.fromEntries(columns().map((column, i) => [column.name, readStored(stored[i] ?? null, column.kind)]));
  }

  function declaredOf(column: string): string {
    const found = columns().find((each) => each.name === column);
    if (found === undefined) throw unusable(`it has no column ${column}, which a row has`);
    return found.declared;
  }

  function keyParameters(keys: readonly RowKey[]): Stored[] {
    return keys.flatMap((each) => key.map((column, i) => storedFor(each[i] ?? null, column, declaredOf(column))));
  }

  function* keyGroups(keys: readonly RowKey[]): Generator<readonly RowKey[]> {
    const size = Math.floor(PARAMETERS_MAX / key.length);
    for (let from = 0; from < keys.length; from += size) yield keys.slice(from, from + size);
  }

  function isOneOf(keys: readonly RowKey[]): string {
    const one = `(${key.map(() => "?").join(", ")})`;
    return `(${key.map(quote).join(", ")}) IN (VALUES ${keys.map(() => one).join(", ")})`;
  }

  function rowsOf(keys: readonly RowKey[], deleted = false): readonly Row[] {
    const live = tombstones()?.isLive("");
    const which = live === undefined ? "" : ` AND ${deleted ? "NOT " : ""}(${live})`;
    return [...keyGroups(keys)].flatMap((group) =>
      db
        .prepare<unknown[], Stored[]>(`SELECT ${list()} FROM ${of} WHERE ${isOneOf(group)}${which}`)
        .raw()
        .all(...keyParameters(group))
        .map(toRow),
    );
  }

  function removeRows(keys: readonly RowKey[]): number {
    const marks = tombstones();
    let removed = 0;
    for (const group of keyGroups(keys)) {
      const which = isOneOf(group);
      const sql =
        marks === null
          ? `DELETE FROM ${of} WHERE ${which}`
          : `UPDATE ${of} SET ${marks.bury} WHERE ${which} AND ${marks.isLive("")}`;
      removed += db.prepare<unknown[]>(sql).run(...keyParameters(group)).changes;
    }
    return removed;
  }

  function upsertAlike(names: readonly string[], rows: readonly Row[]): Written {
    const written = names.filter((column) => columns().find((each) => each.name === column)?.generated !== true);
    const set = written.filter((column) => !key.includes(column));
    const marks = tombstones();
    const sets = set.map((column) => `${quote(column)} = excluded.${quote(column)}`);
    if (tombstone !== null && marks !== null && !written.includes(tombstone))
      sets.push(`${quote(tombstone)} = ${marks.noMark}`);
    const action = set.length === 0 ? "NOTHING" : `UPDATE SET ${sets.join(", ")}${onlyOver(written)}`;
    const declared = written.map(declaredOf);
    const insert = db.prepare<Stored[]>(
      `INSERT INTO ${of} (${written.map(quote).join(", ")}) VALUES (${written.map(() => "?").join(", ")}) ` +
        `ON CONFLICT (${key.map(quote).join(", ")}) DO ${action}`,
    );
    let changed = 0;
    for (const row of rows) {
      const values = written.map((column, i) => storedFor(row[column] ?? null, column, declared[i] as string));
      changed += insert.run(...values).changes;
    }
    // A row of nothing but its key is there already, as it should be.
    return set.length === 0 ? { written: rows.length, kept: 0 } : { written: changed, kept: rows.length - changed };
  }

  /** A row that tells no version is newer than none that was deleted. */
  function onlyOver(written: readonly string[]): string {
    if (version !== null && written.includes(version))
      return ` WHERE ${of}.${quote(version)} IS NULL OR ${of}.${quote(version)} < excluded.${quote(version)}`;
    const live = tombstones()?.isLive(`${of}.`);
    return live === undefined ? "" : ` WHERE ${live}`;
  }

  function upsertAll(rows: readonly Row[]): Written {
    const sum = { written: 0, kept: 0 };
    for (const set of byColumns(lastOfEachKey(rows, key))) {
      const { written, kept } = upsertAlike(set.columns, set.rows);
      sum.written += written;
      sum.kept += kept;
    }
    return sum;
  }

  function drawn(rows: number, sorted: boolean): readonly RowKey[] {
    const kinds = key.map((each) => columns().find(({ name: column }) => column === each)?.kind ?? "other");
    const live = tombstone === null ? "" : `WHERE ${tombstones()?.isLive("") ?? ""} `;
    const names = key.map(quote).join(", ");
    const sql = `SELECT ${names} FROM ${of} ${live}ORDER BY random() LIMIT ?`;
    const asked = sorted ? `SELECT ${names} FROM (${sql}) ORDER BY ${names}` : sql;
    const stored = db.prepare<[number], Stored[]>(asked).raw().all(rows);
    return stored.map((each) => each.map((value, i) => readStored(value, kinds[i] ?? "other")));
  }

  function pageOf(after: RowKey | null, limit: number, upTo: RowKey | null, since: ChangedSince | null): RowPage {
    const order = key.map(quote).join(", ");
    const place = `(${key.map(() => "?").join(", ")})`;
    const bounds = [
      ...(after === null ? [] : [`(${order}) > ${place}`]),
      ...(upTo === null ? [] : [`(${order}) <= ${place}`]),
      ...(tombstone === null ? [] : [tombstones()?.isLive("") ?? ""]),
      // Times are texts here, of several spellings that datetime() reads; what it does not read is no time.
      ...(since === null ? [] : [`(datetime(${quote(since.column)}) >= datetime(?)) IS NOT 0`]),
    ];
    const where = bounds.length === 0 ? "" : `WHERE ${bounds.join(" AND ")} `;
    const ends = [after, upTo].filter((each) => each !== null);
    const stored = db
      .prepare<unknown[], Stored[]>(`SELECT ${list()} FROM ${of} ${where}ORDER BY ${order} LIMIT ?`)
      .raw()
      .all(...keyParameters(ends), ...(since === null ? [] : [since.at]), limit);
    return { rows: stored.map(toRow), isFull: stored.length === limit };
  }

  const list = (): string =>
    columns()
      .map((column) => quote(column.name))
      .join(", ");

  return {
    name,
    key,
    describe: async () =>
      await Promise.resolve(
        run((): TableShape => {
          const shape = { columns: columns() };
          const counted = db.prepare<[], { n: bigint }>(`SELECT count(*) AS n FROM ${of}`).get();
          return { ...shape, estimate: counted === undefined ? null : Number(counted.n) };
        }),
      ),
    schema: async (look) => {
      try {
        return await readSchema(db, { name, table }, look, (why) => {
          throw unusable(why);
        });
      } catch (thrown) {
        throw asRowsError(name, thrown);
      }
    },
    // It runs in this process: a digest would read the rows in the same thread.
    digests: null,
    page: async (after, limit, upTo = null) => await Promise.resolve(run(() => pageOf(after, limit, upTo, null))),
    pageSince: async (since, after, limit) => await Promise.resolve(run(() => pageOf(after, limit, null, since))),
    ...drawing(async (rows, sorted) => await Promise.resolve(run(() => drawn(rows, sorted)))),
    byKeys: async (keys) => await Promise.resolve(run(() => rowsOf(keys))),
    ...(tombstone === null
      ? {}
      : { tombstones: async (keys: readonly RowKey[]) => await Promise.resolve(run(() => rowsOf(keys, true))) }),
    upsert: async (rows) => await Promise.resolve(run(() => db.transaction(() => upsertAll(rows))())),
    // The file is locked from here on: whoever else would write it waits for the commit.
    async upsertConfirmed(rows, { confirm, withinMs }): Promise<Written | null> {
      run(() => db.exec("BEGIN IMMEDIATE"));
      try {
        const written = run(() => upsertAll(rows));
        const writtenAt = performance.now();
        const isConfirmed = (await confirm()) && performance.now() - writtenAt <= withinMs;
        run(() => db.exec(isConfirmed ? "COMMIT" : "ROLLBACK"));
        return isConfirmed ? written : null;
      } finally {
        if (db.inTransaction) run(() => db.exec("ROLLBACK"));
      }
    },
    // The file is locked for writing before a row is looked at: one that is to be added is not there.
    revise: async (keys, decide) =>
      await Promise.resolve(
        run(() =>
          db
            .transaction(() => {
              const { add, replace, remove } = decide(rowsOf(keys));
              for (const set of byColumns([...add, ...replace])) upsertAlike(set.columns, set.rows);
              removeRows(remove);
            })
            .immediate(),
        ),
      ),
    // Times are texts here, of several spellings that datetime() reads.
    unmarked: async ({ column, is, changedAt, since }) =>
      await Promise.resolve(
        run(() => {
          const marks = is.map(() => "?").join(", ");
          const sql = `SELECT count(*) FROM ${of} WHERE datetime(${quote(changedAt)}) >= datetime(?) AND (${quote(column)} IS NULL OR ${quote(column)} NOT IN (${marks}))`;
          return Number(
            db
              .prepare<unknown[], bigint>(sql)
              .pluck()
              .get(since, ...is),
          );
        }),
      ),
    remove: async (keys) => await Promise.resolve(run(() => db.transaction(() => removeRows(keys))())),
    // A row's number is above the highest one that is there, with AUTOINCREMENT too, which is told of every insert.
    settleCounters: async () => await Promise.resolve(),
    close: async () => await Promise.resolve(run(() => void db.close())),
  };
}

/** Times are texts here, as `strftime` spells them. */
const NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
const DIALECT = {
  quote,
  isNotTrue: (column: string) => `${column} IS NOT 1`,
  yes: "1",
  no: "0",
  now: (kind: ColumnKind) => (kind === "text" || kind === "other" ? NOW : null),
  laterThan: (column: string) => `max(coalesce(${column}, ''), ${NOW})`,
};

function asRowsError(name: string, thrown: unknown): unknown {
  if (thrown instanceof CrossfadeError) return thrown;
  const { code = "", message } = thrown as NodeJS.ErrnoException;
  if (/^SQLITE_(BUSY|LOCKED|IOERR|FULL|CANTOPEN)/.test(code)) {
    return new CrossfadeError("rows-unavailable", `${name}: ${message} (${code})`, {
      source: "upstream",
      retryable: true,
      cause: thrown,
    });
  }
  return new CrossfadeError("rows-refused", `${name}: ${message}`, { source: "upstream", cause: thrown });
}
