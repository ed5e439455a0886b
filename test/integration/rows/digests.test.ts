import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openMysql } from "../../../adapters/rows/mysql/open.ts";
import { openPostgres } from "../../../adapters/rows/postgres/open.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import { reconcile, type Reconciled } from "../../../proxy/migrate/reconcile.ts";
import { AS_THEY_ARE } from "../../../proxy/migrate/transformer.ts";
import type { RowSource } from "../../../proxy/rows/rows.ts";
import { mariadbServer } from "../../support/mariadb.ts";
import { postgresServer } from "../../support/postgres.ts";

const [maria, postgres] = [await mariadbServer(), await postgresServer()];
after(async () => {
  await maria.stop();
  await postgres.stop();
});

const ROWS = 12_000;
const CHUNK = 500;

interface Side {
  readonly open: () => Promise<RowSource>;
  readonly run: (sql: string) => Promise<void>;
}

async function onPostgres(): Promise<Side> {
  const url = await postgres.database();
  await postgres.run(
    url,
    `CREATE TABLE t (id bigint PRIMARY KEY, mail text, price numeric(30,10), done boolean, seen timestamptz, wall timestamp, raw bytea, born date);
     INSERT INTO t SELECT i * 1000, 'Ada' || i || '@é.x', i + 0.0123456789, i % 2 = 0, timestamptz '2026-03-29 00:59:59.999999Z' + i * interval '1 second',
       CASE WHEN i % 3 = 0 THEN NULL ELSE timestamp '2026-01-01 00:00:00.5' END, '\\x00ff', date '2000-02-29' FROM generate_series(1, ${ROWS}) i`,
  );
  const open = async () => await openPostgres({ url, table: "t", key: ["id"], version: null }, "postgres", true);
  return { open, run: async (sql) => await postgres.run(url, sql) };
}

async function onMaria(): Promise<Side> {
  const url = await maria.database();
  await maria.run(
    url,
    `CREATE TABLE t (id bigint PRIMARY KEY, mail varchar(100) COLLATE utf8mb4_general_ci, price decimal(30,10), done boolean, seen timestamp(6) NULL, wall datetime(6), raw varbinary(20), born date);
     INSERT INTO t SELECT seq * 1000, concat('Ada', seq, '@é.x'), seq + 0.0123456789, seq % 2 = 0, '2026-03-29 00:59:59.999999' + INTERVAL seq SECOND,
       IF(seq % 3 = 0, NULL, '2026-01-01 00:00:00.5'), X'00ff', '2000-02-29' FROM seq_1_to_${ROWS}`,
  );
  const open = async () => await openMysql({ url, table: "t", key: ["id"], version: null }, "mariadb", true);
  return { open, run: async (sql) => await maria.run(url, sql) };
}

/** With digests, or as if there were none. */
async function compared(
  source: Side,
  target: Side,
  withDigests: boolean,
): Promise<{ sums: Reconciled; found: string[] }> {
  const [ours, theirs] = [await source.open(), await target.open()];
  const found: string[] = [];
  try {
    const sums = await reconcile({
      source: withDigests ? ours : { ...ours, digests: null },
      target: theirs,
      transformer: AS_THEY_ARE,
      compare: DEFAULT_ROUTE.compare,
      tell: (finding) => {
        const places = finding.kind === "mismatched" ? finding.differences.map(({ at }) => at).join() : "";
        found.push(`${finding.kind} ${finding.key} ${places}`);
      },
      progress: () => undefined,
      now: Date.now(),
      chunkRows: CHUNK,
    });
    return { sums, found: found.sort() };
  } finally {
    await ours.close();
    await theirs.close();
  }
}

/** One of each kind that a weaker comparison lets pass, far apart; standard SQL. */
const PLANTED = [
  "DELETE FROM t WHERE id = 1000",
  "INSERT INTO t (id, mail) VALUES (2500500, 'extra@x')",
  "INSERT INTO t (id, mail) VALUES (99999999, 'beyond@x')",
  "UPDATE t SET price = price + 0.0000000001 WHERE id = 4000000",
  "UPDATE t SET mail = lower(mail) WHERE id = 5000000",
  "UPDATE t SET mail = concat(mail, ' ') WHERE id = 6000000",
  "UPDATE t SET seen = seen + interval '0.000001' second WHERE id = 7000000",
  "UPDATE t SET wall = NULL WHERE id = 8000000",
  "UPDATE t SET mail = '' WHERE id = 9000000",
  "UPDATE t SET done = NOT done WHERE id = 10000000",
];
const WANTED = [
  "extra 2500500 ",
  "extra 99999999 ",
  "mismatched 10000000 /done",
  "mismatched 4000000 /price",
  "mismatched 5000000 /mail",
  "mismatched 6000000 /mail",
  "mismatched 7000000 /seen",
  "mismatched 8000000 /wall",
  "mismatched 9000000 /mail",
  "missing 1000 ",
];

for (const [name, source, target] of [
  ["PostgreSQL and PostgreSQL", onPostgres, onPostgres],
  ["MariaDB and MariaDB", onMaria, onMaria],
  ["MariaDB and PostgreSQL", onMaria, onPostgres],
  ["PostgreSQL and MariaDB", onPostgres, onMaria],
] as const) {
  test(`${name}: equal rows are not read, and all that is planted is found in the chunks that differ`, async () => {
    const [ours, theirs] = [await source(), await target()];
    const equal = await compared(ours, theirs, true);
    assert.deepEqual(equal.found, []);
    assert.equal(equal.sums.noDigests, null);
    assert.deepEqual(equal.sums.digests, { chunks: ROWS / CHUNK + 1, differing: 0, gaveUp: false });
    assert.deepEqual([equal.sums.sourceRows, equal.sums.targetRows, equal.sums.equal], [ROWS, ROWS, ROWS]);
    for (const statement of PLANTED)
      await theirs.run(
        statement.replace("'0.000001' second", name.endsWith("MariaDB") ? "1 microsecond" : "'0.000001 seconds'"),
      );
    const [fast, slow] = [await compared(ours, theirs, true), await compared(ours, theirs, false)];
    assert.deepEqual(fast.found, WANTED);
    assert.deepEqual(slow.found, WANTED);
    assert.deepEqual(fast.sums.digests, { chunks: ROWS / CHUNK + 1, differing: WANTED.length, gaveUp: false });
    assert.equal(slow.sums.noDigests, "one of the databases computes none");
    const counts = ({ sums }: { sums: Reconciled }) => [sums.sourceRows, sums.targetRows, sums.equal, sums.excused];
    assert.deepEqual(counts(fast), counts(slow));
  });
}

test("where all rows are spelled in another way, they are read and found to be equal", async () => {
  const url = await postgres.database();
  await postgres.run(
    url,
    `CREATE TABLE a (id int PRIMARY KEY, doc json); CREATE TABLE b (id int PRIMARY KEY, doc json);
     INSERT INTO a SELECT i, '{"a": 1, "b": []}' FROM generate_series(1, 6000) i; INSERT INTO b SELECT id, '{"b":[],"a":1.0}' FROM a`,
  );
  const side = (table: string): Side => ({
    open: async () => await openPostgres({ url, table, key: ["id"], version: null }, table, true),
    run: async (sql) => await postgres.run(url, sql),
  });
  const [ours, theirs] = [side("a"), side("b")];
  const { sums } = await compared(ours, theirs, true);
  assert.deepEqual(sums.digests, { chunks: 8, differing: 8, gaveUp: true });
  assert.deepEqual([sums.equal, sums.sourceRows, sums.targetRows], [6_000, 6_000, 6_000]);
});
