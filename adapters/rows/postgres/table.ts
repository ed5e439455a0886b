/** A table of PostgreSQL, read by key and written in batches of one statement. */
import type { Client } from "pg";
import { CrossfadeError } from "../../../proxy/errors.ts";
import {
  byColumns,
  drawing,
  type ChangedSince,
  lastOfEachKey,
  putColumn,
  type Row,
  type RowKey,
  type RowPage,
  type RowTarget,
  type RowValue,
  type TableShape,
  type Written,
} from "../../../proxy/rows/rows.ts";
import { CopyChoice, copyRows } from "./copy.ts";
import { type KeyRange, postgresDigests, readKey } from "./digests.ts";
import { asRowsError, isCutOff, stateOf } from "./failures.ts";
import type { FollowedPrimary } from "./follow-primary.ts";
import { readSchema } from "./schema.ts";
import { type PostgresColumn, type PostgresShape, quote, readShape } from "./shape.ts";
import { spellJson, spellText } from "./values.ts";

export interface PostgresTable {
  readonly name: string;
  /** `users` or `shop.users`. */
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  /** The column that marks deleted rows, which stay; null: they do not. */
  readonly tombstone?: string | null;
}

interface Beside {
  /** Another connection in the place of one that is no more. */
  readonly again: () => Promise<Client>;
  /** What it is a replica of; absent: nobody said. It ends with the table. */
  readonly primary?: FollowedPrimary;
}

/** A stopped process locks rows for no longer than its freeze holds copies of them back. */
const WRITTEN_WITHIN_MS = 5_000;

/** `connected` has the session of open.ts, and ends with the table. */
export function postgresTable(
  connected: Client,
  { name, table, key, version, tombstone = null }: PostgresTable,
  { again, primary }: Beside,
): RowTarget {
  let client = connected;
  /** What it was told first while nothing was asked. */
  let unasked: unknown = null;
  const listen = (): void => void client.on("error", (error) => (unasked ??= error));
  listen();
  let known: Promise<PostgresShape> | null = null;
  const copyChoice = new CopyChoice();
  const shape = async (): Promise<PostgresShape> =>
    await (known ??= readShape(ask, { table, key, version, tombstone }, (why) => {
      throw unusable(why);
    }));

  /** Rows of texts: nothing is parsed before we know what it is. */
  async function ask(text: string, values: readonly unknown[]): Promise<readonly (readonly (string | null)[])[]> {
    return (await run(text, values)).rows;
  }

  async function run(text: string, values: readonly unknown[]) {
    try {
      return await client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: "array",
        types: { getTypeParser: () => (raw: string) => raw },
      });
    } catch (thrown) {
      throw asRowsError(name, thrown);
    }
  }

  function unusable(why: string): CrossfadeError {
    return new CrossfadeError("rows-unusable", `${name}: ${why}`, { source: "config" });
  }

  function toRows({ columns }: PostgresShape, raw: readonly (readonly (string | null)[])[]): readonly Row[] {
    return raw.map((values) => {
      const row: Record<string, RowValue> = {};
      for (let i = 0; i < columns.length; i += 1) {
        const { name: column, read } = columns[i] as PostgresColumn;
        const text = values[i] ?? null;
        putColumn(row, column, text === null ? null : read(text));
      }
      return row;
    });
  }

  /** As a condition with its parameters. */
  function keyRange(of: PostgresShape, after: RowKey | null, upTo: RowKey | null): KeyRange {
    const values: (string | null)[] = [];
    const order = key.map(quote).join(", ");
    const places = (each: RowKey): string =>
      key
        .map((column, i) => {
          const value = each[i] ?? null;
          values.push(value === null ? null : spellText(value));
          return `$${values.length}::text::${of.byName.get(column)?.declared}`;
        })
        .join(", ");
    const bounds = [
      ...(after === null ? [] : [`(${order}) > (${places(after)})`]),
      ...(upTo === null ? [] : [`(${order}) <= (${places(upTo)})`]),
      ...(of.tombstones === null ? [] : [of.tombstones.isLive("")]),
    ];
    return { where: bounds.length === 0 ? "" : `WHERE ${bounds.join(" AND ")}`, values };
  }

  function keysJson(keys: readonly RowKey[]): string {
    return recordSet(keys.map((each) => key.map((column, i) => [column, each[i] ?? null])));
  }

  function writable(columns: readonly string[], of: PostgresShape): readonly string[] {
    const unknown = columns.find((column) => !of.byName.has(column));
    if (unknown !== undefined) throw unusable(`it has no column ${unknown}, which a row has`);
    return columns.filter((column) => of.byName.get(column)?.generated !== true);
  }

  /** false: some rows were there, or it takes none in this way; nothing was written. */
  async function copied(rows: readonly Row[], of: PostgresShape): Promise<boolean> {
    if (!copyChoice.isWorth(rows.length)) return false;
    try {
      await inTransaction(async () => {
        for (const set of byColumns(rows)) {
          const names = writable(set.columns, of);
          await copyRows(client, of.table, names.map(quote), names, set.rows).catch((thrown: unknown) => {
            throw thrown instanceof TypeError || thrown instanceof CrossfadeError ? thrown : asRowsError(name, thrown);
          });
        }
      });
      copyChoice.passed();
      return true;
    } catch (thrown) {
      const state = stateOf(thrown);
      if (state === UNIQUE_VIOLATION) copyChoice.metRows();
      else if (state === NOT_SUPPORTED) copyChoice.impossible();
      else throw thrown;
      return false;
    }
  }

  async function upsertAlike(columns: readonly string[], rows: readonly Row[], of: PostgresShape): Promise<Written> {
    const written = writable(columns, of);
    const set = written.filter((column) => !key.includes(column));
    const sets = set.map((column) => `${quote(column)} = excluded.${quote(column)}`);
    if (tombstone !== null && of.tombstones !== null && !written.includes(tombstone))
      sets.push(`${quote(tombstone)} = ${of.tombstones.noMark}`);
    const action = set.length === 0 ? "DO NOTHING" : `DO UPDATE SET ${sets.join(", ")}${onlyOver(written, of)}`;
    const rowCount = await insert(written, rows, of, `ON CONFLICT (${key.map(quote).join(", ")}) ${action}`);
    // A row of nothing but its key is there already, as it should be.
    const changed = set.length === 0 ? rows.length : rowCount;
    return { written: changed, kept: rows.length - changed };
  }

  /** A row that tells no version is newer than none that was deleted. */
  function onlyOver(written: readonly string[], { tombstones }: PostgresShape): string {
    if (version !== null && written.includes(version))
      return ` WHERE t.${quote(version)} IS NULL OR t.${quote(version)} < excluded.${quote(version)}`;
    return tombstones === null ? "" : ` WHERE ${tombstones.isLive("t.")}`;
  }

  /** Returns how many rows were written. */
  async function insert(columns: readonly string[], rows: readonly Row[], of: PostgresShape, onConflict: string) {
    const { rowCount } = await run(
      `INSERT INTO ${of.table} AS t (${columns.map(quote).join(", ")}) OVERRIDING SYSTEM VALUE ` +
        `SELECT ${columns.map((column) => readBack(column, of)).join(", ")} FROM ${recordsOf(columns, of)} ${onConflict}`,
      [recordSet(rows.map((row) => columns.map((column) => [column, row[column] ?? null])))],
    );
    return rowCount ?? 0;
  }

  async function rowsOf(
    keys: readonly RowKey[],
    of: PostgresShape,
    { lock = "", deleted = false } = {},
  ): Promise<readonly Row[]> {
    if (keys.length === 0) return [];
    const list = of.columns.map(({ name: column }) => `t.${quote(column)}`).join(", ");
    const live = of.tombstones === null ? "" : ` WHERE ${deleted ? "NOT " : ""}(${of.tombstones.isLive("t.")})`;
    const sql = `SELECT ${list} FROM ${recordsOf(key, of)} JOIN ${of.table} t ON ${sameKey()}${live} ${lock}`;
    return toRows(of, await ask(sql, [keysJson(keys)]));
  }

  async function removeRows(keys: readonly RowKey[], of: PostgresShape): Promise<number> {
    if (keys.length === 0) return 0;
    const sql =
      of.tombstones === null
        ? `DELETE FROM ${of.table} t USING ${recordsOf(key, of)} WHERE ${sameKey()}`
        : `UPDATE ${of.table} t SET ${of.tombstones.bury} FROM ${recordsOf(key, of)} WHERE ${sameKey()} AND ${of.tombstones.isLive("t.")}`;
    return (await run(sql, [keysJson(keys)])).rowCount ?? 0;
  }

  async function upsertAll(rows: readonly Row[], of: PostgresShape): Promise<Written> {
    const sum = { written: 0, kept: 0 };
    for (const set of byColumns(rows)) {
      const { written, kept } = await upsertAlike(set.columns, set.rows, of);
      sum.written += written;
      sum.kept += kept;
    }
    return sum;
  }

  /** Rows of one page of the table were written together: TABLESAMPLE SYSTEM would draw them together too. */
  async function drawn(rows: number, sorted: boolean): Promise<readonly RowKey[]> {
    const of = await shape();
    const live = of.tombstones === null ? "" : `WHERE ${of.tombstones.isLive("")}`;
    const names = key.map(quote).join(", ");
    const sql = `SELECT ${names} FROM ${of.table} ${live} ORDER BY random() LIMIT ${rows}`;
    return (await ask(sorted ? `SELECT ${names} FROM (${sql}) d ORDER BY ${names}` : sql, [])).map((texts) =>
      readKey(of, key, texts),
    );
  }

  async function pageOf(
    after: RowKey | null,
    limit: number,
    upTo: RowKey | null,
    since: ChangedSince | null,
  ): Promise<RowPage> {
    const of = await shape();
    const list = of.columns.map(({ name: column }) => quote(column)).join(", ");
    const { where, values } = keyRange(of, after, upTo);
    const changed =
      since === null ? "" : `(${quote(since.column)} >= $${values.length + 1} OR ${quote(since.column)} IS NULL)`;
    const sql = `SELECT ${list} FROM ${of.table} ${alsoWhere(where, changed)} ORDER BY ${key.map(quote).join(", ")} LIMIT ${limit}`;
    const raw = await ask(sql, since === null ? values : [...values, since.at]);
    return { rows: toRows(of, raw), isFull: raw.length === limit };
  }

  /** null: what was done is undone again. */
  async function inTransaction<T>(work: () => Promise<T>): Promise<T> {
    await run("BEGIN", []);
    try {
      const done = await work();
      await run(done === null ? "ROLLBACK" : "COMMIT", []);
      return done;
    } catch (thrown) {
      await run("ROLLBACK", []).catch(() => "the connection is gone, and the transaction with it");
      throw thrown;
    }
  }

  return {
    name,
    key,
    async describe(): Promise<TableShape> {
      const { columns, estimate } = await shape();
      return { columns: columns.map(({ read: _, ...column }) => column), estimate };
    },
    schema: async (look) =>
      await readSchema(ask, { name, table }, look, (why) => {
        throw unusable(why);
      }),
    digests: postgresDigests({ shape, ask, key, keyRange }),
    page: async (after, limit, upTo = null) => await pageOf(after, limit, upTo, null),
    pageSince: async (since, after, limit) => await pageOf(after, limit, null, since),
    ...drawing(drawn),
    async byKeys(keys): Promise<readonly Row[]> {
      return await rowsOf(keys, await shape());
    },
    ...(tombstone === null
      ? {}
      : { tombstones: async (keys: readonly RowKey[]) => await rowsOf(keys, await shape(), { deleted: true }) }),
    async upsert(rows): Promise<Written> {
      const of = await shape();
      const last = lastOfEachKey(rows, key);
      if (await copied(last, of)) return { written: last.length, kept: 0 };
      return await inTransaction(() => upsertAll(last, of));
    },
    async upsertConfirmed(rows, { confirm, withinMs }): Promise<Written | null> {
      const of = await shape();
      const idleFor = (ms: number) => run(`SET LOCAL idle_in_transaction_session_timeout = ${ms}`, []);
      try {
        return await inTransaction(async () => {
          await idleFor(WRITTEN_WITHIN_MS);
          const written = await upsertAll(lastOfEachKey(rows, key), of);
          // A stopped process sends no COMMIT, and its session is ended: what it was about to write never comes late.
          await idleFor(withinMs);
          return (await confirm()) ? written : null;
        });
      } catch (thrown) {
        if (!isCutOff(thrown) && !isCutOff(unasked)) throw thrown;
        // So the freeze is over as well, or was not heard of in time: as if it had not been confirmed.
        await client.end().catch(() => "it is gone");
        client = await again();
        unasked = null;
        listen();
        return null;
      }
    },
    async unmarked({ column, is, changedAt, since }): Promise<number> {
      const { table: of } = await shape();
      const mark = quote(column);
      const [found] = await ask(
        `SELECT count(*) FROM ${of} WHERE ${quote(changedAt)} >= $1 AND (${mark} IS NULL OR ${mark}::text <> ALL ($2))`,
        [since, is],
      );
      return Number(found?.[0]);
    },
    async lags(): Promise<boolean> {
      const [found] = await ask("SELECT pg_is_in_recovery()", []);
      return found?.[0] === "t";
    },
    ...(primary === undefined ? {} : { catchUp: (withinMs: number) => primary.catchUp(withinMs) }),
    async lagMs(): Promise<number | null> {
      const [[lag = null] = []] = await ask(LAG_SQL, []);
      return lag === null ? null : Number(lag);
    },
    async revise(keys, decide): Promise<void> {
      const of = await shape();
      await inTransaction(async () => {
        const { add, replace, remove } = decide(await rowsOf(keys, of, { lock: "FOR UPDATE OF t" }));
        for (const set of byColumns(add)) {
          // In its place there may be a deleted row that stays.
          if (of.tombstones === null) await insert(writable(set.columns, of), set.rows, of, "");
          else await upsertAlike(set.columns, set.rows, of);
        }
        for (const set of byColumns(replace)) await upsertAlike(set.columns, set.rows, of);
        await removeRows(remove, of);
      });
    },
    async remove(keys): Promise<number> {
      return await removeRows(keys, await shape());
    },
    async settleCounters(): Promise<void> {
      const of = await shape();
      for (const column of key.filter((each) => of.byName.get(each)?.kind === "integer")) {
        // Never back: a counter that is ahead has given numbers away.
        await run(
          `SELECT setval(s, greatest(m, (SELECT last_value FROM pg_sequences WHERE format('%I.%I', schemaname, sequencename)::regclass = s))) ` +
            `FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS s, (SELECT max(${quote(column)}) FROM ${of.table}) AS m) x ` +
            `WHERE s IS NOT NULL AND m >= 1`,
          [of.table, column],
        );
      }
    },
    async close(): Promise<void> {
      await primary?.close();
      await client.end();
    },
  };

  function sameKey(): string {
    return key.map((column) => `t.${quote(column)} = k.${quote(column)}`).join(" AND ");
  }
}

/** A condition beside others, or alone; empty: none. */
function alsoWhere(where: string, also: string): string {
  if (also === "") return where;
  return where === "" ? `WHERE ${also}` : `${where} AND ${also}`;
}

/** What a replica has received it has yet to apply; how old the last of what it has applied is says how much. */
const LAG_SQL = `
SELECT round(CASE WHEN NOT pg_is_in_recovery() THEN NULL WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
             ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 END)`;

const UNIQUE_VIOLATION = "23505";
/** What COPY answers for a table with row security. */
const NOT_SUPPORTED = "0A000";

/**
 * The rows of `recordSet`, called k, each text read by the input function of its column: one parameter holds any number of
 * rows, where VALUES would take 65,535 values. JSON comes as text, or a JSON null would be no value at all.
 */
function recordsOf(columns: readonly string[], { byName }: PostgresShape): string {
  const definitions = columns.map((column) => {
    const of = byName.get(column);
    return `${quote(column)} ${of?.kind === "json" ? "text" : of?.declared}`;
  });
  return `json_to_recordset($1::json) AS k(${definitions.join(", ")})`;
}

function readBack(column: string, { byName }: PostgresShape): string {
  const of = byName.get(column);
  return of?.kind === "json" ? `k.${quote(column)}::${of.declared}` : `k.${quote(column)}`;
}

function recordSet(rows: readonly (readonly (readonly [column: string, value: RowValue])[])[]): string {
  const spelled = rows.map((row) =>
    row.map(([column, value]) => `${JSON.stringify(column)}:${spellJson(value)}`).join(","),
  );
  return `[${spelled.map((row) => `{${row}}`).join(",")}]`;
}
