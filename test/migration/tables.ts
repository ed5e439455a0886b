/** The table of a migration in each database: as its service uses it, and as it is read for the check, with exact texts. */
import Database from "better-sqlite3";
import { createPool, type ResultSetHeader } from "mysql2/promise";
import pg from "pg";
import { type Column, COLUMNS, type Place, type PlaceValue, shortInstant } from "./rows.ts";

export type DatabaseKind = "postgres" | "mysql" | "sqlite";

export interface TableAddress {
  readonly kind: DatabaseKind;
  /** A URL, or a file. */
  readonly url: string;
}

export type Changes = Partial<Record<Column, PlaceValue>>;

export interface PlaceTable {
  load(rows: Iterable<Place>): Promise<void>;
  get(id: string): Promise<Place | null>;
  /** In the order of the ids. */
  page(after: string, limit: number): Promise<readonly Place[]>;
  /** Returns its id. */
  insert(id: string | null, values: Changes): Promise<string>;
  /** false: there is no such row. */
  update(id: string, changes: Changes): Promise<boolean>;
  /** Moves one from the one row to the other, where they are there. */
  transfer(from: string, to: string): Promise<void>;
  /** Adds one to every row whose id leaves this remainder. */
  raise(of: number): Promise<void>;
  bump(id: string): Promise<boolean>;
  remove(id: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Rows of which one request adds to each have the same remainder by this. */
export const RAISED_EVERY = 1_000;

export const DDL: Readonly<Record<DatabaseKind, string>> = {
  postgres:
    "CREATE TABLE places (id bigserial PRIMARY KEY, name text NOT NULL, native text, flag text, code bytea, area numeric(30,10), far bigint NOT NULL, seen timestamptz, n integer NOT NULL DEFAULT 0)",
  mysql:
    "CREATE TABLE places (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(200) NOT NULL, native varchar(400), flag varchar(40), code varbinary(64), area decimal(30,10), far bigint NOT NULL, seen timestamp(6) NULL DEFAULT NULL, n integer NOT NULL DEFAULT 0)",
  // An id is never given out twice, as in the others.
  sqlite:
    "CREATE TABLE places (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, native TEXT, flag TEXT, code BLOB, area TEXT, far INTEGER NOT NULL, seen TEXT, n INTEGER NOT NULL DEFAULT 0)",
};

export function openTable({ kind, url }: TableAddress): PlaceTable {
  if (kind === "postgres") return tableOf(POSTGRES, postgresConnection(url));
  if (kind === "mysql") return tableOf(MYSQL, mysqlConnection(url));
  return tableOf(SQLITE, sqliteConnection(url));
}

interface Dialect {
  readonly place: (n: number) => string;
  /** How a column is read as its text. */
  readonly read: Readonly<Record<Column | "id", string>>;
  /** How a parameter of a column is written. */
  readonly write: (column: Column | "id", place: string) => string;
  readonly param: (column: Column | "id", value: PlaceValue) => unknown;
}

interface Connection {
  ask(sql: string, params: readonly unknown[]): Promise<readonly (readonly PlaceValue[])[]>;
  change(sql: string, params: readonly unknown[]): Promise<number>;
  close(): Promise<void>;
}

const PLAIN = { id: "id", name: "name", native: "native", flag: "flag", n: "n" };

const POSTGRES: Dialect = {
  place: (n) => `$${n}`,
  read: {
    ...PLAIN,
    code: "encode(code, 'hex')",
    area: "area",
    far: "far",
    seen: `to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  },
  write: (column, place) => (column === "code" ? `decode(${place}, 'hex')` : place),
  param: (_, value) => value,
};

const MYSQL: Dialect = {
  place: () => "?",
  read: {
    ...PLAIN,
    code: "lower(hex(code))",
    area: "area",
    far: "far",
    seen: "date_format(seen, '%Y-%m-%dT%H:%i:%s.%fZ')",
  },
  write: (column, place) => (column === "code" ? `unhex(${place})` : place),
  param: (column, value) => (column === "seen" ? (value?.replace("T", " ").replace("Z", "") ?? null) : value),
};

const SQLITE: Dialect = {
  place: () => "?",
  read: {
    ...PLAIN,
    code: "CASE WHEN code IS NULL THEN NULL ELSE lower(hex(code)) END",
    area: "area",
    far: "far",
    seen: "seen",
  },
  write: (column, place) =>
    column === "far" || column === "n" || column === "id" ? `CAST(${place} AS INTEGER)` : place,
  param: (column, value) => (column === "code" && value !== null ? Buffer.from(value, "hex") : value),
};

/** Rows in one statement. */
const LOADED_AT_ONCE = 500;

function tableOf({ place, read, write, param }: Dialect, { ask, change, close }: Connection): PlaceTable {
  const all = ["id", ...COLUMNS] as const;
  const list = all.map((column) => read[column]).join(", ");
  const toPlace = (values: readonly PlaceValue[]): Place => {
    const row = Object.fromEntries(all.map((column, i) => [column, values[i] ?? null])) as unknown as Place;
    return row.seen === null ? row : { ...row, seen: shortInstant(row.seen) };
  };
  const insertOf = (columns: readonly (Column | "id")[], rows: number): string => {
    let n = 0;
    const one = (): string => `(${columns.map((column) => write(column, place(++n))).join(", ")})`;
    return `INSERT INTO places (${columns.join(", ")}) VALUES ${Array.from({ length: rows }, one).join(", ")}`;
  };
  const insertSome = async (rows: readonly Place[]): Promise<void> => {
    if (rows.length === 0) return;
    await change(
      insertOf(all, rows.length),
      rows.flatMap((row) => all.map((column) => param(column, row[column]))),
    );
  };
  return {
    async load(rows) {
      let some: Place[] = [];
      for (const row of rows) {
        some.push(row);
        if (some.length < LOADED_AT_ONCE) continue;
        await insertSome(some);
        some = [];
      }
      await insertSome(some);
      if (place(1) === "$1") await ask("SELECT setval('places_id_seq', (SELECT max(id) FROM places))", []);
    },
    async get(id) {
      const [found] = await ask(`SELECT ${list} FROM places WHERE id = ${place(1)}`, [id]);
      return found === undefined ? null : toPlace(found);
    },
    async page(after, limit) {
      const sql = `SELECT ${list} FROM places WHERE id > ${place(1)} ORDER BY id LIMIT ${limit}`;
      return (await ask(sql, [after])).map(toPlace);
    },
    async insert(id, values) {
      const given = COLUMNS.filter((column) => values[column] !== undefined);
      const columns = id === null ? given : (["id", ...given] as const);
      const params = columns.map((column) => param(column, column === "id" ? id : (values[column] ?? null)));
      const [made] = await ask(`${insertOf(columns, 1)} RETURNING id`, params);
      return String(made?.[0]);
    },
    async update(id, changes) {
      const columns = COLUMNS.filter((column) => changes[column] !== undefined);
      const set = columns.map((column, i) => `${column} = ${write(column, place(i + 1))}`).join(", ");
      const params = columns.map((column) => param(column, changes[column] ?? null));
      return (await change(`UPDATE places SET ${set} WHERE id = ${place(columns.length + 1)}`, [...params, id])) > 0;
    },
    async transfer(from, to) {
      const by = `CASE WHEN id = ${place(1)} THEN -1 ELSE 1 END`;
      await change(`UPDATE places SET n = n + ${by} WHERE id IN (${place(2)}, ${place(3)})`, [from, from, to]);
    },
    async raise(of) {
      await change(`UPDATE places SET n = n + 1 WHERE id % ${RAISED_EVERY} = ${place(1)}`, [of]);
    },
    bump: async (id) => (await change(`UPDATE places SET n = n + 1 WHERE id = ${place(1)}`, [id])) > 0,
    remove: async (id) => (await change(`DELETE FROM places WHERE id = ${place(1)}`, [id])) > 0,
    close,
  };
}

function postgresConnection(url: string): Connection {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  pool.on("error", () => "told by the query that meets it");
  const types = { getTypeParser: () => (raw: string) => raw };
  return {
    async ask(text, params) {
      return (await pool.query<PlaceValue[]>({ text, values: [...params], rowMode: "array", types })).rows;
    },
    change: async (sql, params) => (await pool.query(sql, [...params])).rowCount ?? 0,
    close: () => pool.end(),
  };
}

const DEADLOCK = "ER_LOCK_DEADLOCK";

function mysqlConnection(url: string): Connection {
  const pool = createPool({ uri: url, connectionLimit: 8, timezone: "Z" });
  pool.pool.on("connection", (connection) => void connection.query("SET time_zone = '+00:00'"));
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== DEADLOCK) throw thrown;
      }
    }
  };
  return {
    ask: (sql, params) =>
      again(async () => {
        const [rows] = await pool.query({ sql, values: [...params], rowsAsArray: true, typeCast: false });
        return (rows as unknown as (Buffer | null)[][]).map((row) =>
          row.map((value) => value?.toString("utf8") ?? null),
        );
      }),
    change: (sql, params) => again(async () => (await pool.query<ResultSetHeader>(sql, [...params]))[0].affectedRows),
    close: () => pool.end(),
  };
}

function sqliteConnection(file: string): Connection {
  const db = new Database(file, { timeout: 60_000 });
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = OFF");
  db.defaultSafeIntegers(true);
  return {
    async ask(sql, params) {
      const rows = db
        .prepare<unknown[], unknown[]>(sql)
        .raw()
        .all(...params);
      return await Promise.resolve(rows.map((row) => row.map((value) => (value === null ? null : String(value)))));
    },
    change: async (sql, params) => await Promise.resolve(db.prepare<unknown[]>(sql).run(...params).changes),
    close: async () => await Promise.resolve(void db.close()),
  };
}
