/** Digests of ranges of rows, computed by PostgreSQL. */
import type { DigestColumn, DigestWay, RowDigest, RowDigests, RowKey } from "../../../proxy/rows/rows.ts";
import { type Ask, type PostgresColumn, type PostgresShape, quote } from "./shape.ts";

export interface KeyRange {
  /** Empty, or with its WHERE. */
  readonly where: string;
  readonly values: readonly (string | null)[];
}

export interface DigestParts {
  readonly shape: () => Promise<PostgresShape>;
  readonly ask: Ask;
  readonly key: readonly string[];
  readonly keyRange: (of: PostgresShape, after: RowKey | null, upTo: RowKey | null) => KeyRange;
}

export function postgresDigests({ shape, ask, key, keyRange }: DigestParts): RowDigests {
  return {
    ways: ["postgres", "portable"],
    async keyOrder() {
      const of = await shape();
      const collations = new Map(
        await ask(COLLATIONS_SQL, [of.table]).then((rows) => rows.map(([name, is]) => [name, is])),
      );
      const orders = key.map((column) =>
        orderOf(of.byName.get(column) as PostgresColumn, collations.get(column) ?? null),
      );
      return orders.every((order) => order !== null) ? orders.join(" ") : null;
    },
    async keyAt(after, rows) {
      const of = await shape();
      const order = key.map(quote).join(", ");
      const { where, values } = keyRange(of, after, null);
      const [found] = await ask(
        `SELECT ${order} FROM ${of.table} ${where} ORDER BY ${order} OFFSET ${rows - 1} LIMIT 1`,
        values,
      );
      return found === undefined ? null : readKey(of, key, found);
    },
    async of(way, columns, { after, upTo }): Promise<RowDigest> {
      const of = await shape();
      const { where, values } = keyRange(of, after, upTo);
      const sql = `SELECT count(*), sum(${hashOf(way, columns, of)}) FROM ${of.table} ${where}`;
      const [[rows = null, sum = null] = []] = await ask(sql, values);
      return { rows: Number(rows), sum: asDigest(sum) };
    },
    async hashes(way, columns, { after, upTo }, limit) {
      const of = await shape();
      const order = key.map(quote).join(", ");
      const { where, values } = keyRange(of, after, upTo);
      const hash = hashOf(way, columns, of);
      const rows = await ask(
        `SELECT ${hash}, ${order} FROM ${of.table} ${where} ORDER BY ${order} LIMIT ${limit}`,
        values,
      );
      return rows.map(([found = null, ...each]) => ({ key: readKey(of, key, each), hash: asDigest(found) }));
    },
  };
}

export function readKey(of: PostgresShape, key: readonly string[], texts: readonly (string | null)[]): RowKey {
  return texts.map((text, i) => (text === null ? null : (of.byName.get(key[i] ?? "")?.read(text) ?? null)));
}

function asDigest(text: string | null): bigint {
  return BigInt.asUintN(64, BigInt(text ?? 0));
}

function hashOf(way: DigestWay, columns: readonly DigestColumn[], of: PostgresShape): string {
  return way === "postgres" ? ownHash(columns, of) : portableHash(columns, of);
}

/** A record's text tells its columns apart, and a null from an empty text. */
function ownHash(columns: readonly DigestColumn[], of: PostgresShape): string {
  const list = columns.map((column) => (column.spelling === "stored" ? quote(column.name) : spelled(column, of)));
  return `hashtextextended(ROW(${list.join(", ")})::text COLLATE "C", 0)`;
}

/** As adapters/rows/mysql/digests.ts has it, to the byte. */
function portableHash(columns: readonly DigestColumn[], of: PostgresShape): string {
  const list = columns.map((column) => {
    const text = column.spelling === "stored" ? `concat(${quote(column.name)})` : `concat(${spelled(column, of)})`;
    return `CASE WHEN ${quote(column.name)} IS NULL THEN 'N' ELSE concat('V', length(${text}), ':', ${text}) END`;
  });
  return `('x' || left(md5(concat(${list.join(", ")})), 16))::bit(64)::bigint`;
}

function spelled({ name }: DigestColumn, { byName }: PostgresShape): string {
  const column = quote(name);
  switch (byName.get(name)?.kind) {
    case "decimal":
      return `trim_scale(${column})`;
    case "boolean":
      return `${column}::int`;
    case "bytes":
      return `encode(${column}, 'hex')`;
    case "instant":
    case "datetime":
      return `to_char(${column}, 'YYYY-MM-DD HH24:MI:SS.US')`;
    default:
      return column;
  }
}

function orderOf({ kind, declared }: PostgresColumn, collation: string | null): string | null {
  switch (kind) {
    case "integer":
    case "decimal":
    case "instant":
    case "datetime":
    case "bytes":
      return kind;
    case "text":
      if (declared === "uuid") return "uuid";
      // Of a character type of fixed width the spaces at the end do not count.
      return !declared.startsWith("char") && /^(C|POSIX|C\.UTF-?8)$/i.test(collation ?? "") ? "utf-8" : null;
    default:
      return declared === "date" ? declared : null;
  }
}

/** A database whose default is ICU's has no libc name for it. */
const COLLATIONS_SQL = `
SELECT a.attname, CASE WHEN c.collname <> 'default' THEN c.collcollate
                       WHEN to_jsonb(d) ->> 'datlocprovider' = 'i' THEN NULL ELSE d.datcollate END
FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
JOIN pg_database d ON d.datname = current_database()
WHERE a.attrelid = $1::regclass AND a.attnum > 0`;
