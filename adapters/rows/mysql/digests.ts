/** Digests of ranges of rows, computed by MySQL and MariaDB. */
import type { DigestColumn, RowDigest, RowDigests, RowKey } from "../../../proxy/rows/rows.ts";
import type { MysqlShape } from "./shape.ts";
import { type MysqlColumn, quote, readSent, selected } from "./values.ts";

export interface DigestParts {
  readonly shape: () => Promise<MysqlShape>;
  readonly ask: (sql: string) => Promise<readonly (readonly (Buffer | null)[])[]>;
  readonly key: readonly string[];
  /** Empty, or with its WHERE. */
  readonly keyRange: (of: MysqlShape, after: RowKey | null, upTo: RowKey | null) => string;
}

export function mysqlDigests({ shape, ask, key, keyRange }: DigestParts): RowDigests {
  const order = key.map(quote).join(", ");
  return {
    ways: ["mysql", "portable"],
    async keyOrder() {
      const { byName } = await shape();
      const orders = key.map((column) => byName.get(column)?.kind ?? "other");
      const isPlain = orders.every((kind) => ["integer", "decimal", "instant", "datetime", "bytes"].includes(kind));
      return isPlain ? orders.join(" ") : null;
    },
    async keyAt(after, rows) {
      const of = await shape();
      const range = keyRange(of, after, null);
      const [found] = await ask(
        `SELECT ${keyList(of)} FROM ${from(of)} ${range} ORDER BY ${order} LIMIT ${rows - 1}, 1`,
      );
      return found === undefined ? null : readKey(of, found);
    },
    async of(_, columns, { after, upTo }): Promise<RowDigest> {
      const of = await shape();
      const sql = `SELECT COUNT(*), SUM(${hashOf(columns, of)}) FROM ${from(of)} ${keyRange(of, after, upTo)}`;
      const [[rows = null, sum = null] = []] = await ask(sql);
      return { rows: Number(String(rows)), sum: asDigest(sum) };
    },
    async hashes(_, columns, { after, upTo }, limit) {
      const of = await shape();
      const rows = await ask(
        `SELECT ${hashOf(columns, of)}, ${keyList(of)} FROM ${from(of)} ${keyRange(of, after, upTo)} ORDER BY ${order} LIMIT ${limit}`,
      );
      return rows.map(([found = null, ...each]) => ({ key: readKey(of, each), hash: asDigest(found) }));
    },
  };

  function keyList({ byName }: MysqlShape): string {
    return key.map((column) => selected(byName.get(column) as MysqlColumn)).join(", ");
  }

  function readKey({ byName }: MysqlShape, sent: readonly (Buffer | null)[]): RowKey {
    return sent.map((each, i) => readSent(each, byName.get(key[i] ?? "") as MysqlColumn));
  }
}

function from({ table, keyIndex }: MysqlShape): string {
  return `${table} FORCE INDEX (${quote(keyIndex)})`;
}

function asDigest(sent: Buffer | null): bigint {
  return BigInt.asUintN(64, BigInt(sent === null ? 0 : String(sent)));
}

function hashOf(columns: readonly DigestColumn[], of: MysqlShape): string {
  const texts = columns.map((column) => counted(column, of.byName.get(column.name) as MysqlColumn));
  return `CAST(CONV(LEFT(MD5(CONCAT(${texts.join(", ")})), 16), 16, 10) AS UNSIGNED)`;
}

/** With its length, so that no value runs into the next one; a null is none. */
function counted(column: DigestColumn, of: MysqlColumn): string {
  const text = `CONVERT(${column.spelling === "stored" ? stored(of) : portable(of)} USING utf8mb4)`;
  return `IF(${quote(of.name)} IS NULL, 'N', CONCAT('V', CHAR_LENGTH(${text}), ':', ${text}))`;
}

function stored(of: MysqlColumn): string {
  return of.kind === "bytes" ? `HEX(${quote(of.name)})` : `CAST(${selected(of)} AS CHAR)`;
}

/** As adapters/rows/postgres/digests.ts has it, to the byte. */
function portable(of: MysqlColumn): string {
  const column = quote(of.name);
  switch (of.kind) {
    case "decimal":
      return /,0\)/.test(of.declared)
        ? `CAST(${column} AS CHAR)`
        : `TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST(${column} AS CHAR)))`;
    case "bytes":
      return `LOWER(HEX(${column}))`;
    case "instant":
    case "datetime":
      return `DATE_FORMAT(${column}, '%Y-%m-%d %H:%i:%s.%f')`;
    default:
      return stored(of);
  }
}
