/** Rows that next has deleted and keeps, marked: nothing older brings them back, and nobody takes them for rows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPostgres } from "../../../adapters/rows/postgres/open.ts";
import { openMysql } from "../../../adapters/rows/mysql/open.ts";
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { collectionSetup } from "../../support/collection.ts";
import { mariadbServer } from "../../support/mariadb.ts";
import { postgresServer } from "../../support/postgres.ts";

const TABLES = `    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id, version: version, tombstone: deleted_at }`;
const MARKED = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, version INTEGER NOT NULL, deleted_at TEXT);";

test("a backfill brings back no row that next has deleted since; reconcile takes marked rows for none, and repair leaves them", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, version INTEGER NOT NULL);
      INSERT INTO users VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (4, 'four', 4), (5, 'five', 5)`,
    next: `${MARKED}
      INSERT INTO users VALUES (2, 'two', 9, '2026-11-27'), (3, 'three', 3, '2026-11-27'), (4, 'four', 1, '2026-11-27'), (6, 'six', 1, NULL)`,
    tables: TABLES,
  });
  const rows = (): unknown =>
    setup.next.prepare("SELECT id, name, version, deleted_at IS NULL FROM users ORDER BY id").raw().all();
  const copied = await setup.run("backfill", "users");
  assert.equal(copied.code, 1, copied.stderr);
  assert.match(
    copied.stdout,
    /^users {2}5 rows read, 3 written, 2 kept \(.*\), 1 in conflict \(one version, two contents\)$/m,
  );
  assert.match(copied.stdout, /^ {2}3 {2}differs at the same version$/m);
  const there = [
    [1n, "one", 1n, 1n],
    [2n, "two", 9n, 0n],
    [3n, "three", 3n, 0n],
    [4n, "four", 4n, 1n],
    [5n, "five", 5n, 1n],
  ];
  assert.deepEqual(rows(), [...there, [6n, "six", 1n, 1n]]);

  // legacy deletes what next has deleted, and one more.
  setup.legacy.exec("DELETE FROM users WHERE id IN (2, 3)");
  const compared = await setup.run("reconcile", "users", "--repair");
  assert.match(compared.stdout, /^users {2}3 rows against 4: 3 equal, 0 missing, 0 mismatched, 1 extra$/m);
  assert.match(compared.stdout, /^users {2}0 added, 0 written over, 1 removed; looked at again, all are equal$/m);
  assert.deepEqual(rows(), [...there, [6n, "six", 2n, 0n]]);
  const again = await setup.run("reconcile", "users");
  assert.equal(again.code, 0, again.stdout + again.stderr);
});

test("a source whose deleted rows stay says so too, or its deleted rows would be missing for ever", async (t) => {
  const given = {
    legacy: `${MARKED} INSERT INTO users VALUES (1, 'one', 1, NULL), (2, 'two', 2, '2026-11-27')`,
    next: MARKED,
  };
  const silent = collectionSetup(t, { ...given, tables: TABLES });
  const refused = await silent.run("backfill", "users");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /has a column deleted_at too, .*; write tombstone: deleted_at at the source as well/);
  const said = collectionSetup(t, {
    ...given,
    tables: TABLES.replace("users, key: id }", "users, key: id, tombstone: deleted_at }"),
  });
  assert.equal((await said.run("backfill", "users")).code, 0);
  assert.deepEqual(said.next.prepare("SELECT id FROM users").pluck().all(), [1n]);
  assert.equal((await said.run("reconcile", "users")).code, 0);
});

test("a tombstone without a version is refused: nothing would tell an older row", async (t) => {
  const setup = collectionSetup(t, { legacy: MARKED, next: MARKED, tables: TABLES.replace(" version: version,", "") });
  const { code, stderr } = await setup.run("backfill", "users");
  assert.equal(code, 1);
  assert.match(stderr, /target has a tombstone, deleted_at, and no version/);
});

/** Times mark rows, and tell which is newer. */
async function holdsByTimes(table: RowTarget): Promise<void> {
  const row = (at: string) => ({ id: 1n, changed: at });
  try {
    await table.upsert([row("2026-11-27T12:00:00Z")]);
    assert.equal(await table.remove([[1n]]), 1);
    assert.deepEqual(await table.byKeys([[1n]]), []);
    assert.deepEqual(await table.upsert([row("2026-11-27T12:00:00Z")]), { written: 0, kept: 1 });
    const [buried] = (await table.tombstones?.([[1n]])) ?? [];
    assert.ok(buried !== undefined && buried["deleted"] !== null && String(buried["changed"]) > "2026-11-27T12:00:00Z");
    assert.deepEqual(await table.upsert([row("2036-11-27T12:00:00Z")]), { written: 1, kept: 0 });
    assert.deepEqual(
      (await table.page(null, 10)).rows.map(({ deleted }) => deleted),
      [null],
    );
  } finally {
    await table.close();
  }
}

const BY_TIMES = { table: "t", key: ["id"], version: "changed", tombstone: "deleted" };

test("on PostgreSQL a time marks deleted rows", async (t) => {
  const server = await postgresServer();
  t.after(() => server.stop());
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id bigint PRIMARY KEY, changed timestamptz(0), deleted timestamptz)");
  await holdsByTimes(await openPostgres({ url, ...BY_TIMES }, "t", false));
});

test("on MariaDB a time marks deleted rows", async (t) => {
  const server = await mariadbServer();
  t.after(() => server.stop());
  const url = await server.database();
  await server.run(url, "CREATE TABLE t (id bigint PRIMARY KEY, changed timestamp NULL, deleted datetime NULL)");
  await holdsByTimes(await openMysql({ url, ...BY_TIMES }, "t", false));
});
