/**
 * Rows as backfill and reconcile see them, and what they ask of a database. A value that crosses this port is neither
 * rounded nor cut: integers are bigints, decimals and times are texts, and a column that is not there is no `null`.
 */
import type { SchemaLook, TableSchema } from "./table-schema.ts";

/**
 * integer: bigint. decimal: its digits as text, `NaN` and `Infinity` too. double: number. boolean: boolean. bytes: Uint8Array.
 * instant: `2026-11-27T01:00:00.123456Z`, to the microsecond. datetime: the same without a zone. json: its text.
 * array: an array of values. text and all that has no kind of its own (`other`): the text that the database gives.
 */
export type RowValue = null | boolean | bigint | number | string | Uint8Array | readonly RowValue[];

export type ColumnKind =
  | "integer"
  | "decimal"
  | "double"
  | "boolean"
  | "text"
  | "bytes"
  | "instant"
  | "datetime"
  | "json"
  | "array"
  | "other";

/** By column. An absent column is left as it is, or gets its default; null is a value. */
export type Row = Readonly<Record<string, RowValue>>;

/** The values of the key columns, in their order. Never null. */
export type RowKey = readonly RowValue[];

export interface RowColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** As the database declares it, for people and for the fingerprint: `numeric(30,10)`. */
  readonly declared: string;
  readonly nullable: boolean;
  /** The database computes it: it is read, and not written. */
  readonly generated: boolean;
}

export interface TableShape {
  /** In their order. */
  readonly columns: readonly RowColumn[];
  /** About how many rows, as the database's statistics say; null: they say nothing. */
  readonly estimate: number | null;
  /** Nothing declares them: they are the columns that some of the rows have, and others may have more. */
  readonly sampled?: true;
}

export interface RowPage {
  /** In the order of the key, as this database orders it. */
  readonly rows: readonly Row[];
  /** There may be more after the last one. */
  readonly isFull: boolean;
}

/** A table that can be read. Whatever fails throws CrossfadeError. */
export interface RowSource {
  /** Of people: `postgres://db/shop users`, without what is secret. */
  readonly name: string;
  readonly key: readonly string[];
  /** @throws CrossfadeError where there is no such table or column, or nothing keeps two rows from having one key */
  describe(): Promise<TableShape>;
  /** The rows after a key (null: from the first) and up to another (absent, null: to the last), `limit` at most, as of one moment. */
  page(after: RowKey | null, limit: number, upTo?: RowKey | null): Promise<RowPage>;
  /** The same of rows that were changed since then, or do not say when. Absent: whoever reads all pages has to look. */
  pageSince?(since: ChangedSince, after: RowKey | null, limit: number): Promise<RowPage>;
  /** Of these keys the rows that are there, in any order. */
  byKeys(keys: readonly RowKey[]): Promise<readonly Row[]>;
  /** Of these keys the deleted rows that stay in the table, marked; nothing else here sees them as rows. Absent: there are none. */
  tombstones?(keys: readonly RowKey[]): Promise<readonly Row[]>;
  /**
   * Keys that end all but the last of so many ranges with about as many rows each, in the order of `page`; fewer where there are few
   * rows. Absent: it cannot be split.
   */
  splits?(ranges: number): Promise<readonly RowKey[]>;
  /** Keys of so many rows at random, each set of rows as likely as any other; all where there are fewer. Absent: it cannot draw. */
  draw?(rows: number): Promise<readonly RowKey[]>;
  /** null: this database computes none. */
  readonly digests: RowDigests | null;
  /** What is read may be older than what its database has told others of. Absent: it never is. */
  lags?(): Promise<boolean>;
  /**
   * Of a replica whose primary is known: resolves to true once whatever the primary had committed at the call is in what is read from
   * here on; false: not within that time. Absent: nobody can tell.
   */
  catchUp?(withinMs: number): Promise<boolean>;
  /** How far what is read is behind its database's primary, in ms; null: it is no replica, or does not know. Absent: nobody can tell. */
  lagMs?(): Promise<number | null>;
  /** How many rows were changed since then by somebody who left no mark. Absent: nobody can count them. */
  unmarked?(marks: Marks): Promise<number>;
  /**
   * From the catalogue, whatever the key says. Absent: what is behind this port has none.
   * @throws CrossfadeError `rows-unusable` where there is no such table
   */
  schema?(look: SchemaLook): Promise<TableSchema>;
  close(): Promise<void>;
}

export interface ChangedSince {
  /** The column that says when a row was changed last. */
  readonly column: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** What tells changes that came by way of the proxy from others. */
export interface Marks {
  /** The column that whoever writes for a request puts its mark in. */
  readonly column: string;
  readonly is: readonly string[];
  /** The column that says when the row was changed last. */
  readonly changedAt: string;
  /** ISO 8601, UTC: changes of before are nobody's business. */
  readonly since: string;
}

/** How a row becomes a number. Both sides of a comparison have to know the same way. */
export type DigestWay = "postgres" | "mysql" | "portable";

export interface DigestColumn {
  readonly name: string;
  /** stored: as the database spells it. portable: the same text for the same value whatever the column's scale, and the database. */
  readonly spelling: "stored" | "portable";
}

export interface RowDigest {
  readonly rows: number;
  /** The sum, modulo 2^64, of a 64-bit hash of each row. Equal where all rows are; else with a chance of 1 in 2^64. */
  readonly sum: bigint;
}

/** Digests of ranges of rows, which the database computes where the rows are. */
export interface RowDigests {
  /** The quickest first. */
  readonly ways: readonly DigestWay[];
  /** A range of keys has the same keys on both sides where this is the same; null: the order is a collation's own. */
  keyOrder(): Promise<string | null>;
  /** The key of the row that is so many rows after this one; null: there are fewer. */
  keyAt(after: RowKey | null, rows: number): Promise<RowKey | null>;
  of(way: DigestWay, columns: readonly DigestColumn[], span: KeySpan): Promise<RowDigest>;
  /** The hashes of the single rows of a span, in the order of their keys, `limit` at most. */
  hashes(way: DigestWay, columns: readonly DigestColumn[], span: KeySpan, limit: number): Promise<readonly RowHash[]>;
}

export interface RowHash {
  readonly key: RowKey;
  readonly hash: bigint;
}

/** The rows after a key (null: from the first) and up to another (null: to the last). */
export interface KeySpan {
  readonly after: RowKey | null;
  readonly upTo: RowKey | null;
}

export interface CommitGuard {
  /** Asked once all is written, right before the commit. false: it must not be. */
  readonly confirm: () => Promise<boolean>;
  /** So long after the last write the database undoes what is not committed, whatever became of us. */
  readonly withinMs: number;
}

export interface Written {
  readonly written: number;
  /** The version in the table was as new, or newer. */
  readonly kept: number;
}

/** Of rows that were locked. */
export interface Revision {
  /** Rows that are not there. One that is by now makes the call fail, or ask again. */
  readonly add: readonly Row[];
  /** Written over the rows that are there, as `upsert` does. */
  readonly replace: readonly Row[];
  readonly remove: readonly RowKey[];
}

/** Drawn rows that one range is told by: with so many no range has twice as many rows as another one, as good as ever. */
const DRAWN_A_RANGE = 200;

/** Of drawn keys, sorted, those that split them into so many parts; no two are the same. */
function splittingKeys(drawn: readonly RowKey[], ranges: number): readonly RowKey[] {
  const ends = Array.from({ length: ranges - 1 }, (_, i) => drawn[Math.floor(((i + 1) * drawn.length) / ranges) - 1]);
  return [...new Set(ends)].filter((key) => key !== undefined);
}

/** What is told by keys at random: so many, and `sorted` in the order of `page`. */
export function drawing(
  drawn: (rows: number, sorted: boolean) => Promise<readonly RowKey[]>,
): Required<Pick<RowSource, "draw" | "splits">> {
  return {
    draw: (rows) => drawn(rows, false),
    splits: async (ranges) => splittingKeys(await drawn(ranges * DRAWN_A_RANGE, true), ranges),
  };
}

/** A table that can be written. Each call is one transaction: it is done as a whole, or not at all (but see `singly`). */
export interface RowTarget extends RowSource {
  /**
   * There are no transactions behind this port: each row is written by itself, and those that were written before one was
   * refused stay. They are the same rows when they are written again.
   */
  readonly singly?: true;
  /**
   * Inserts, or writes the columns that are given over those of the row with this key; of several rows with one key the last
   * counts. Where the table has a version column, only over an older version; so too over a deleted row that stays.
   */
  upsert(rows: readonly Row[]): Promise<Written>;
  /**
   * Locks the rows that have these keys and gives them, as they are now, to `decide`; what it says is done in the same
   * transaction. It may be asked again, where another writer came between.
   */
  revise(keys: readonly RowKey[], decide: (there: readonly Row[]) => Revision): Promise<void>;
  /**
   * As `upsert`, if it is confirmed; null: it was not, and nothing is written (where rows are written singly: nothing further).
   * Absent: this port cannot, and rows are not to be written beside live writes.
   */
  upsertConfirmed?(rows: readonly Row[], guard: CommitGuard): Promise<Written | null>;
  /** Where deleted rows stay they are marked, as of a newer version. Returns how many rows there were. */
  remove(keys: readonly RowKey[]): Promise<number>;
  /** Counters that number new rows go on after the highest key. To be called once rows were written with their keys. */
  settleCounters(): Promise<void>;
}

/** An assignment to `__proto__` would make no column. */
export function putColumn(row: Record<string, RowValue>, column: string, value: RowValue): void {
  if (column !== "__proto__") row[column] = value;
  else Object.defineProperty(row, column, { value, enumerable: true, writable: true, configurable: true });
}

/** The key of a row. @throws TypeError where one of its columns is absent or null */
export function keyOf(row: Row, columns: readonly string[]): RowKey {
  return columns.map((column) => {
    const value = Object.hasOwn(row, column) ? row[column] : undefined;
    if (value === undefined || value === null) throw new TypeError(`its key column ${column} is ${String(value)}`);
    return value;
  });
}

/** One text for each key, the same for keys that are the same; `42` and `7/eu` for people too. */
export function spellKey(key: RowKey): string {
  // Most are: a number has nothing in it that would have to be told apart.
  if (key.length === 1 && typeof key[0] === "bigint") return String(key[0]);
  return key.map((value) => spellPart(value).replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
}

function spellPart(value: RowValue): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  return Array.isArray(value) ? `[${value.map(spellPart).join(",")}]` : String(value);
}

/** Of several rows with one key the last, in the order of their first. */
export function lastOfEachKey(rows: readonly Row[], columns: readonly string[]): readonly Row[] {
  const last = new Map<string, Row>();
  for (const row of rows) last.set(spellKey(keyOf(row, columns)), row);
  return last.size === rows.length ? rows : [...last.values()];
}

/** Rows that have the same columns, together: one statement writes them. */
export function byColumns(rows: readonly Row[]): readonly ColumnSet[] {
  const sets = new Map<string, ColumnSet>();
  let set: ColumnSet | null = null;
  // As they are in the last row: rows of one origin mostly have the same ones in the same order.
  let last: readonly string[] = [];
  for (const row of rows) {
    const names = Object.keys(row);
    if (set === null || !isSameNames(names, last)) {
      const columns = names.toSorted();
      const name = JSON.stringify(columns);
      set = sets.get(name) ?? { columns, rows: [] };
      sets.set(name, set);
      last = names;
    }
    set.rows.push(row);
  }
  return [...sets.values()];
}

interface ColumnSet {
  readonly columns: readonly string[];
  readonly rows: Row[];
}

/** Whether both name the same columns in the same order. */
export function isSameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
