/** A table of MySQL or MariaDB, read by key and written in statements of many rows. */
import type { Connection, ResultSetHeader } from "mysql2/promise";
import { CrossfadeError } from "../../../proxy/errors.ts";
import {
  byColumns,
  drawing,
  type ChangedSince,
  keyOf,
  lastOfEachKey,
  putColumn,
  type Row,
  type RowKey,
  type RowPage,
  type RowTarget,
  type RowValue,
  spellKey,
  type TableShape,
  type Written,
} from "../../../proxy/rows/rows.ts";
import { mysqlDigests } from "./digests.ts";
import { asRowsError, isRace } from "./failures.ts";
import { readSchema } from "./schema.ts";
import { type MysqlShape, readShape } from "./shape.ts";
import { keyLiteral, literalFor, quote, readSent, selected } from "./values.ts";

export interface MysqlTable {
  readonly name: string;
  /** `users` or `shop.users`. */
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  /** The column that marks deleted rows, which stay; null: they do not. */
  readonly tombstone?: string | null;
}

type Sent = readonly (Buffer | null)[];

/** Keys in one list: MySQL plans longer ones as a scan of the whole table. */
const KEYS_AT_ONCE = 1_000;
/** A statement of many rows: longer ones are no faster. */
const STATEMENT_BYTES = 2 * 1024 * 1024;
const RACES = 5;
/** A stopped process locks rows for no longer than its freeze holds copies of them back. */
const WRITTEN_WITHIN_MS = 5_000;

/** `connection` is in the session of open.ts, and ends with the table. */
export function mysqlTable(
  connection: Connection,
  { name, table, key, version, tombstone = null }: MysqlTable,
): RowTarget {
  let known: Promise<MysqlShape> | null = null;
  let packet: Promise<number> | null = null;
  const shape = async (): Promise<MysqlShape> =>
    await (known ??= readShape(askTexts, { table, key, version, tombstone }, (why) => {
      throw unusable(why);
    }));
  const escape = (text: string): string => connection.escape(text);

  async function ask(sql: string, values: readonly unknown[] = []): Promise<readonly Sent[]> {
    try {
      const [rows] = await connection.query(sql, [...values]);
      return rows as unknown as readonly Sent[];
    } catch (thrown) {
      throw asRowsError(name, thrown);
    }
  }

  async function askTexts(sql: string, values: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]> {
    return (await ask(sql, values)).map((row) => row.map((value) => value?.toString("utf8") ?? null));
  }

  async function run(sql: string): Promise<number> {
    try {
      const [{ affectedRows }] = await connection.query<ResultSetHeader>(sql);
      return affectedRows;
    } catch (thrown) {
      throw asRowsError(name, thrown);
    }
  }

  function unusable(why: string): CrossfadeError {
    return new CrossfadeError("rows-unusable", `${name}: ${why}`, { source: "config" });
  }

  function refused(why: string): CrossfadeError {
    return new CrossfadeError("rows-refused", `${name}: ${why}`, { source: "upstream" });
  }

  function toRow({ columns }: MysqlShape, sent: Sent): Row {
    const row: Record<string, RowValue> = {};
    for (const [i, column] of columns.entries()) putColumn(row, column.name, readSent(sent[i] ?? null, column));
    return row;
  }

  function column(of: MysqlShape, wanted: string) {
    const found = of.byName.get(wanted);
    if (found === undefined) throw unusable(`it has no column ${wanted}, which a row has`);
    return found;
  }

  function keyLiterals(of: MysqlShape, each: RowKey): readonly string[] {
    return key.map((wanted, i) => {
      try {
        return keyLiteral(each[i] ?? null, column(of, wanted), escape);
      } catch (thrown) {
        throw thrown instanceof TypeError ? refused(thrown.message) : thrown;
      }
    });
  }

  function isOneOf(of: MysqlShape, keys: readonly RowKey[]): string {
    const list = keys.map((each) => keyLiterals(of, each).join(","));
    const [only] = key;
    return key.length === 1
      ? `${quote(only ?? "")} IN (${list.join(",")})`
      : `(${key.map(quote).join(",")}) IN (${list.map((one) => `(${one})`).join(",")})`;
  }

  /** `(a, b) > (1, 2)` is planned as a scan from the first row on; the same in words is two ranges of the index. */
  function isBeyond(of: MysqlShape, each: RowKey, sign: ">" | "<"): string {
    const literals = keyLiterals(of, each);
    const parts = key.map((last, i) => {
      const same = key.slice(0, i).map((before, j) => `${quote(before)} = ${literals[j]}`);
      return [...same, `${quote(last)} ${i === key.length - 1 && sign === "<" ? "<=" : sign} ${literals[i]}`].join(
        " AND ",
      );
    });
    return `(${parts.map((part) => `(${part})`).join(" OR ")})`;
  }

  function keyRange(of: MysqlShape, after: RowKey | null, upTo: RowKey | null): string {
    const bounds = [
      ...(after === null ? [] : [isBeyond(of, after, ">")]),
      ...(upTo === null ? [] : [isBeyond(of, upTo, "<")]),
      ...(of.tombstones === null ? [] : [of.tombstones.isLive("")]),
    ];
    return bounds.length === 0 ? "" : `WHERE ${bounds.join(" AND ")}`;
  }

  /** A collation finds `Z` for `z`, which is another row's key elsewhere. */
  function askedOf(of: MysqlShape, rows: readonly Row[], keys: readonly RowKey[]): readonly Row[] {
    if (!of.isCollatedKey) return rows;
    const asked = new Set(keys.map(spellKey));
    return rows.filter((row) => asked.has(spellKey(keyOf(row, key))));
  }

  async function* found(of: MysqlShape, keys: readonly RowKey[], columns: readonly string[], more = "") {
    const list = columns.map((wanted) => selected(column(of, wanted))).join(", ");
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
      const where = isOneOf(of, keys.slice(from, from + KEYS_AT_ONCE));
      for (const sent of await ask(`SELECT ${list} FROM ${of.table} WHERE ${where}${more}`)) {
        const row: Record<string, RowValue> = {};
        for (const [i, wanted] of columns.entries())
          putColumn(row, wanted, readSent(sent[i] ?? null, column(of, wanted)));
        yield row;
      }
    }
  }

  /** What is asked of rows that are looked for, beside their keys. */
  function only(which: "live" | "deleted", { tombstones }: MysqlShape): string {
    return tombstones === null ? "" : ` AND ${which === "live" ? "" : "NOT "}(${tombstones.isLive("")})`;
  }

  async function removeRows(of: MysqlShape, keys: readonly RowKey[]): Promise<void> {
    const head = of.tombstones === null ? `DELETE FROM ${of.table}` : `UPDATE ${of.table} SET ${of.tombstones.bury}`;
    for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
      await run(`${head} WHERE ${isOneOf(of, keys.slice(from, from + KEYS_AT_ONCE))}${only("live", of)}`);
    }
  }

  function writable(of: MysqlShape, columns: readonly string[]): readonly string[] {
    return columns.filter((each) => !column(of, each).generated);
  }

  async function upsertAll(rows: readonly Row[], of: MysqlShape): Promise<Written> {
    const sum = { written: 0, kept: 0 };
    for (const set of byColumns(lastOfEachKey(rows, key))) {
      const { written, kept } = await upsertAlike(set.columns, set.rows, of);
      sum.written += written;
      sum.kept += kept;
    }
    return sum;
  }

  async function upsertAlike(columns: readonly string[], rows: readonly Row[], of: MysqlShape): Promise<Written> {
    const written = writable(of, columns);
    const versioned = version !== null && written.includes(version);
    if (!versioned && tombstone === null && of.isOnlyUnique && of.isIntegerKey) {
      await writeRows(of, written, rows, "over");
      return { written: rows.length, kept: 0 };
    }
    // Which index a row runs into is not the database's to choose: rows that are there are looked for by the key, and locked.
    const there = new Map<string, { readonly version: RowValue; readonly isLive: boolean }>();
    const asked = new Set(rows.map((row) => spellKey(keyOf(row, key))));
    const keys = rows.map((row) => keyOf(row, key));
    const looked = [...key, versioned ? version : null, tombstone].filter((each) => each !== null);
    for await (const row of found(of, keys, [...new Set(looked)], " FOR UPDATE")) {
      const spelled = spellKey(keyOf(row, key));
      if (!asked.has(spelled))
        throw refused(`it takes the key ${spelled}, which is there, for the same as one of these rows`);
      const mark = tombstone === null ? null : (row[tombstone] ?? null);
      there.set(spelled, {
        version: versioned ? (row[version] ?? null) : null,
        isLive: mark === null || mark === false,
      });
    }
    const isThere = (row: Row): boolean => there.has(spellKey(keyOf(row, key)));
    await writeRows(
      of,
      written,
      rows.filter((row) => !isThere(row)),
      "new",
    );
    const over = rows.filter((row) => {
      const before = there.get(spellKey(keyOf(row, key)));
      if (before === undefined) return false;
      // One that tells no version is newer than none that was deleted.
      return versioned ? isNewer(row[version] ?? null, before.version) : before.isLive;
    });
    // A row runs into the primary key before any other index.
    if (of.keyIndex === "PRIMARY") await writeRows(of, written, over, "over");
    else for (const row of over) await updateRow(of, written, row);
    const changed = rows.length - there.size + over.length;
    return { written: changed, kept: rows.length - changed };
  }

  async function writeRows(of: MysqlShape, columns: readonly string[], rows: readonly Row[], as: "new" | "over") {
    const set = columns.filter((each) => !key.includes(each));
    const [first = ""] = key;
    const names = set.length === 0 ? [first] : set;
    const over = [...names.map((each) => `${quote(each)} = VALUES(${quote(each)})`), ...noMark(of, columns)].join(", ");
    const head = `INSERT INTO ${of.table} (${columns.map(quote).join(",")}) VALUES `;
    const tail = as === "over" ? ` ON DUPLICATE KEY UPDATE ${over}` : "";
    const most = await (packet ??= mostBytes());
    let pack: string[] = [];
    let bytes = 0;
    for (const row of rows) {
      const spelled = `(${columns.map((each) => literal(of, each, row[each] ?? null)).join(",")})`;
      const size = Buffer.byteLength(spelled);
      if (head.length + size + tail.length > most) {
        throw refused(`a row takes ${size} bytes as a statement, and the server's max_allowed_packet leaves ${most}`);
      }
      if (pack.length > 0 && head.length + bytes + size + tail.length > Math.min(most, STATEMENT_BYTES)) {
        await run(`${head}${pack.join(",")}${tail}`);
        pack = [];
        bytes = 0;
      }
      pack.push(spelled);
      bytes += size + 1;
    }
    if (pack.length > 0) await run(`${head}${pack.join(",")}${tail}`);
  }

  async function updateRow(of: MysqlShape, columns: readonly string[], row: Row): Promise<void> {
    const set = columns.filter((each) => !key.includes(each));
    if (set.length === 0) return;
    const values = set.map((each) => `${quote(each)} = ${literal(of, each, row[each] ?? null)}`);
    await run(
      `UPDATE ${of.table} SET ${[...values, ...noMark(of, columns)].join(", ")} WHERE ${isOneOf(of, [keyOf(row, key)])}`,
    );
  }

  /** A row that is written over a deleted one is there again. */
  function noMark({ tombstones }: MysqlShape, columns: readonly string[]): readonly string[] {
    if (tombstone === null || tombstones === null || columns.includes(tombstone)) return [];
    return [`${quote(tombstone)} = ${tombstones.noMark}`];
  }

  function literal(of: MysqlShape, wanted: string, value: RowValue): string {
    try {
      return literalFor(value, column(of, wanted), escape);
    } catch (thrown) {
      throw thrown instanceof TypeError ? refused(thrown.message) : thrown;
    }
  }

  async function mostBytes(): Promise<number> {
    const [[most = null] = []] = await askTexts("SELECT @@max_allowed_packet", []);
    return Number(most) - 1_024;
  }

  async function drawn(rows: number, sorted: boolean): Promise<readonly RowKey[]> {
    const of = await shape();
    const columns = key.map((each) => column(of, each));
    const live = of.tombstones === null ? "" : `WHERE ${of.tombstones.isLive("")}`;
    const names = key.map(quote).join(", ");
    const order = sorted ? `ORDER BY ${names}` : "";
    const sent = await ask(
      `SELECT ${columns.map(selected).join(", ")} FROM (SELECT ${names} FROM ${of.table} ${live} ORDER BY RAND() LIMIT ${rows}) d ${order}`,
    );
    return sent.map((row) => columns.map((each, i) => readSent(row[i] ?? null, each)));
  }

  async function pageOf(
    after: RowKey | null,
    limit: number,
    upTo: RowKey | null,
    since: ChangedSince | null,
  ): Promise<RowPage> {
    const of = await shape();
    const range = keyRange(of, after, upTo);
    const isSince =
      since === null ? "" : `(${quote(since.column)} >= ${timeLiteral(since.at)} OR ${quote(since.column)} IS NULL)`;
    const where = isSince === "" ? range : range === "" ? `WHERE ${isSince}` : `${range} AND ${isSince}`;
    const sent = await ask(
      `SELECT ${of.columns.map(selected).join(", ")} FROM ${of.table} FORCE INDEX (${quote(of.keyIndex)}) ` +
        `${where} ORDER BY ${key.map(quote).join(", ")} LIMIT ${limit}`,
    );
    return { rows: sent.map((row) => toRow(of, row)), isFull: sent.length === limit };
  }

  /** The session is in UTC. */
  function timeLiteral(at: string): string {
    return escape(at.replace("T", " ").replace("Z", ""));
  }

  /** null: it is not to be. What another writer's lock, or its row, came between is done once more. */
  async function inTransaction<T>(work: () => Promise<T>, keyIndex: string): Promise<T> {
    for (let races = 0; ; races += 1) {
      await run("BEGIN");
      try {
        const done = await work();
        await run(done === null ? "ROLLBACK" : "COMMIT");
        return done;
      } catch (thrown) {
        await run("ROLLBACK").catch(() => "the connection is gone, and the transaction with it");
        if (races === RACES || !isRace(thrown, keyIndex)) throw thrown;
      }
    }
  }

  async function rowsOf(keys: readonly RowKey[], which: "live" | "deleted"): Promise<readonly Row[]> {
    const of = await shape();
    const all = of.columns.map((each) => each.name);
    const rows: Row[] = [];
    for await (const row of found(of, keys, all, only(which, of))) rows.push(row);
    return askedOf(of, rows, keys);
  }

  return {
    name,
    key,
    async describe(): Promise<TableShape> {
      const { columns, estimate } = await shape();
      return { columns, estimate };
    },
    schema: async (look) =>
      await readSchema(askTexts, { name, table }, look, (why) => {
        throw unusable(why);
      }),
    digests: mysqlDigests({ shape, ask, key, keyRange }),
    page: async (after, limit, upTo = null) => await pageOf(after, limit, upTo, null),
    pageSince: async (since, after, limit) => await pageOf(after, limit, null, since),
    ...drawing(drawn),
    byKeys: async (keys) => await rowsOf(keys, "live"),
    ...(tombstone === null ? {} : { tombstones: async (keys: readonly RowKey[]) => await rowsOf(keys, "deleted") }),
    async upsert(rows): Promise<Written> {
      const of = await shape();
      return await inTransaction(() => upsertAll(rows, of), of.keyIndex);
    },
    async upsertConfirmed(rows, { confirm, withinMs }): Promise<Written | null> {
      const of = await shape();
      const idleFor = (ms: number) => run(`SET SESSION wait_timeout = ${Math.max(1, Math.floor(ms / 1000))}`);
      await idleFor(WRITTEN_WITHIN_MS);
      try {
        return await inTransaction(async () => {
          const written = await upsertAll(rows, of);
          // A stopped process sends no COMMIT, and its connection is ended: what it was about to write never comes late.
          await idleFor(withinMs);
          return (await confirm()) ? written : null;
        }, of.keyIndex);
      } finally {
        await run("SET SESSION wait_timeout = DEFAULT").catch(() => "the connection is gone");
      }
    },
    async unmarked({ column: of, is, changedAt, since }): Promise<number> {
      const { table: from } = await shape();
      const list = is.map(escape).join(", ");
      const at = timeLiteral(since);
      const [[found = null] = []] = await askTexts(
        `SELECT count(*) FROM ${from} WHERE ${quote(changedAt)} >= ${at} AND (${quote(of)} IS NULL OR ${quote(of)} NOT IN (${list}))`,
        [],
      );
      return Number(found);
    },
    async lags(): Promise<boolean> {
      // A replica's own state is for its administrators to see; legacy does not write to what is read only.
      const [[readOnly = null] = []] = await askTexts("SELECT @@GLOBAL.read_only", []);
      return readOnly !== "0" && readOnly !== "OFF";
    },
    async revise(keys, decide): Promise<void> {
      const of = await shape();
      const all = of.columns.map((each) => each.name);
      await inTransaction(async () => {
        const rows: Row[] = [];
        for await (const row of found(of, keys, all, `${only("live", of)} FOR UPDATE`)) rows.push(row);
        const { add, replace, remove } = decide(askedOf(of, rows, keys));
        for (const set of byColumns(add)) {
          // In its place there may be a deleted row that stays.
          if (of.tombstones === null) await writeRows(of, writable(of, set.columns), set.rows, "new");
          else await upsertAlike(set.columns, set.rows, of);
        }
        for (const set of byColumns(replace)) await upsertAlike(set.columns, set.rows, of);
        for (const each of remove) await removeRows(of, [each]);
      }, of.keyIndex);
    },
    async remove(keys): Promise<number> {
      const of = await shape();
      return await inTransaction(async () => {
        const rows: Row[] = [];
        for await (const row of found(of, keys, key, `${only("live", of)} FOR UPDATE`)) rows.push(row);
        const there = askedOf(of, rows, keys).map((row) => keyOf(row, key));
        await removeRows(of, there);
        return there.length;
      }, of.keyIndex);
    },
    // InnoDB moves a counter past the highest number that it is given.
    settleCounters: async () => await Promise.resolve(),
    async close(): Promise<void> {
      await connection.end();
    },
  };
}

/** Numbers by value; times, which are spelled alike, by their digits. A row without a version is older than any. */
function isNewer(given: RowValue, there: RowValue): boolean {
  if (there === null) return true;
  if (given === null) return false;
  if (typeof there === "bigint") return BigInt(String(given)) > there;
  const digits = (value: RowValue): string => {
    const text = String(value).replace(/Z$/, "").replace(" ", "T");
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  };
  return digits(given) > digits(there);
}
