/** A backfill that reads a real streaming replica of PostgreSQL, so that legacy's own database is spared. */
import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { RunningJobRecord } from "../../../proxy/rows/running-job.ts";
import { endOf, runCli, spawnCli } from "../../support/cli.ts";
import { startBench } from "../../support/crossfade.ts";
import type { Answer } from "../../support/service.ts";
import { postgresReplica, postgresServer } from "../../support/postgres.ts";
import { until } from "../../support/until.ts";

/** A replica that holds these rows, and applies nothing more. */
async function pausedReplica(t: TestContext, rows: string) {
  const primary = await postgresServer();
  t.after(() => primary.stop());
  const url = await primary.database();
  const replica = await postgresReplica(url);
  t.after(() => replica.stop());
  const source = replica.urlOf("test1");
  await primary.run(url, "CREATE TABLE users (id bigint PRIMARY KEY, name text)");
  await primary.run(url, `INSERT INTO users VALUES ${rows}`);
  const count = await primary.ask(url, "SELECT count(*) FROM users");
  const onReplica = async (sql: string): Promise<string | null | undefined> => (await replica.ask(source, sql))[0]?.[0];
  await until(async () => (await onReplica("SELECT to_regclass('users')")) !== null);
  await until(async () => (await onReplica("SELECT count(*) FROM users")) === count[0]?.[0]);
  await replica.run(source, "SELECT pg_wal_replay_pause()");
  await until(async () => (await onReplica("SELECT pg_get_wal_replay_pause_state()")) === "paused");
  return { primary, url, replica, source, onReplica };
}

test("while the replica that is read is behind, a backfill waits and says so, and then copies what it has caught up with", async (t) => {
  const { primary, url, replica, source, onReplica } = await pausedReplica(t, "(1, 'one')");
  await primary.run(url, "INSERT INTO users VALUES (2, 'two')");
  await until(async () => (await onReplica("SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()")) === "t");

  const bench = await startBench(t, {
    routes: `routes: [{ name: users, match: { path: "/users/**" }, phase: legacy-only }]
collections:
  - name: users
    route: users
    source: { postgres: "${source}", table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
`,
  });
  const next = new Database(join(bench.folder, "next.db"));
  next.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
  t.after(() => next.close());
  const options = { cwd: bench.folder, env: { CROSSFADE_ADMIN: bench.crossfade.adminUrl } };
  const ended = endOf(spawnCli(["backfill", "users", "--max-lag", "1ms"], options));
  let waiting: string | null = null;
  await until(async () => {
    const { items } = await bench.api<{ items: readonly RunningJobRecord[] }>("/api/v1/jobs");
    waiting = items[0]?.waiting ?? null;
    return waiting !== null;
  });
  assert.match(String(waiting), /^the source is a replica, and .* behind \(--max-lag 1 ms\)$/);
  assert.deepEqual(next.prepare("SELECT * FROM users").all(), []);

  await replica.run(source, "SELECT pg_wal_replay_resume()");
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "users  2 rows read, 2 written\n");
  const compared = await runCli(["reconcile", "users"], options);
  assert.equal(compared.code, 0, compared.stdout + compared.stderr);
});

test("beside live writes a replica is refused without its primary, and with a primary that is not its own", async (t) => {
  const primary = await postgresServer();
  t.after(() => primary.stop());
  const url = await primary.database();
  await primary.run(url, "CREATE TABLE users (id bigint PRIMARY KEY, name text)");
  const replica = await postgresReplica(url);
  t.after(() => replica.stop());
  const stranger = await postgresServer({ ownSystem: true });
  t.after(() => stranger.stop());
  const refusedWith = async (more: string): Promise<string> => {
    const bench = await startBench(t, {
      routes: `routes: [{ name: users, match: { path: "/users/**" }, phase: backfilling }]
collections:
  - name: users
    route: users
    source: { postgres: "${replica.urlOf("test1")}", ${more}table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
`,
    });
    const next = new Database(join(bench.folder, "next.db"));
    next.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
    t.after(() => next.close());
    const options = { cwd: bench.folder, env: { CROSSFADE_ADMIN: bench.crossfade.adminUrl } };
    const { code, stderr } = await runCli(["backfill", "users"], options);
    assert.notEqual(code, 0);
    return stderr;
  };
  assert.match(
    await refusedWith(""),
    /is a replica: it may lack what legacy has told its clients of; name the primary, or write it beside the replica as primary: URL/,
  );
  const other = `primary: "${await stranger.database()}", `;
  assert.match(
    await refusedWith(other),
    /its primary: it is not what .* is a replica of; write the right one as primary/,
  );
  const itself = `primary: "${replica.urlOf("test1")}", `;
  assert.match(await refusedWith(itself), /its primary: it is a replica itself; write the right one as primary/);
});

test("beside live writes a chunk of a replica waits for what its primary had, so that nothing older comes over a write", async (t) => {
  const { primary, url, replica, source } = await pausedReplica(t, "(1, 'one'), (2, 'two'), (3, 'three')");

  const nextUrl = await primary.database();
  await primary.run(nextUrl, "CREATE TABLE users (id bigint PRIMARY KEY, name text)");
  /** A write is there before it is answered. */
  const serviceOn =
    (database: string): Answer =>
    ({ method, target }, response) => {
      const id = target.split("/")[2];
      const sql =
        method === "DELETE"
          ? `DELETE FROM users WHERE id = ${id}`
          : `INSERT INTO users VALUES (${id}, 'new') ON CONFLICT (id) DO UPDATE SET name = 'new'`;
      void primary
        .run(database, sql)
        .then(() => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
    };
  const bench = await startBench(t, {
    legacy: serviceOn(url),
    next: serviceOn(nextUrl),
    store: "sqlite",
    routes: `routes:
  - { name: users, match: { path: "/users/:id" }, phase: backfilling, entity: users, key: ["path:id"] }
collections:
  - name: users
    route: users
    source: { postgres: "${source}", primary: "${url}", table: users, key: id }
    target: { postgres: "${nextUrl}", table: users, key: id }
`,
  });
  await bench.send("PUT", "/users/1", {});
  await bench.send("DELETE", "/users/2");
  await bench.settled(2);
  const rowsOfNext = async () => await primary.ask(nextUrl, "SELECT id, name FROM users ORDER BY id");
  assert.deepEqual(await rowsOfNext(), [["1", "new"]]);

  const options = { cwd: bench.folder, env: { CROSSFADE_ADMIN: bench.crossfade.adminUrl } };
  const child = spawnCli(["backfill", "users", "--max-lag", "off"], options);
  const ended = endOf(child);
  // Without the rule the job ends here, with rows of the past.
  let waiting: string | null = null;
  const isOver = ended.then(() => true);
  await until(async () => {
    const { items } = await bench.api<{ items: readonly RunningJobRecord[] }>("/api/v1/jobs");
    waiting = items[0]?.waiting ?? null;
    return waiting !== null || (await Promise.race([isOver, Promise.resolve(false)]));
  });
  assert.match(String(waiting), /is a replica, and has not applied yet what its primary had 5 s ago$/);
  assert.deepEqual(await rowsOfNext(), [["1", "new"]]);
  await replica.run(source, "SELECT pg_wal_replay_resume()");
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^users {2}2 rows read, 2 written\n$/);
  assert.deepEqual(await rowsOfNext(), [
    ["1", "new"],
    ["3", "three"],
  ]);
});
