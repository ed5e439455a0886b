/** A backfill that reads a real streaming replica of PostgreSQL, so that legacy's own database is spared. */
import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { RunningJobRecord } from "../../../proxy/rows/running-job.ts";
import { endOf, runCli, spawnCli } from "../../support/cli.ts";
import { startBench } from "../../support/crossfade.ts";
import { postgresReplica, postgresServer } from "../../support/postgres.ts";
import { until } from "../../support/until.ts";

test("while the replica that is read is behind, a backfill waits and says so, and then copies what it has caught up with", async (t) => {
  const primary = await postgresServer();
  t.after(() => primary.stop());
  const url = await primary.database();
  const replica = await postgresReplica(url);
  t.after(() => replica.stop());
  const source = replica.urlOf("test1");
  await primary.run(url, "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'one')");
  const onReplica = async (sql: string): Promise<string | null | undefined> => (await replica.ask(source, sql))[0]?.[0];
  await until(async () => (await onReplica("SELECT to_regclass('users')")) !== null);
  await until(async () => (await onReplica("SELECT count(*) FROM users")) === "1");
  await replica.run(source, "SELECT pg_wal_replay_pause()");
  await until(async () => (await onReplica("SELECT pg_get_wal_replay_pause_state()")) === "paused");
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

test("beside live writes a replica is refused, whatever its lag: it may lack what clients have been told", async (t) => {
  const primary = await postgresServer();
  t.after(() => primary.stop());
  const url = await primary.database();
  await primary.run(url, "CREATE TABLE users (id bigint PRIMARY KEY, name text)");
  const replica = await postgresReplica(url);
  t.after(() => replica.stop());
  const bench = await startBench(t, {
    routes: `routes: [{ name: users, match: { path: "/users/**" }, phase: backfilling }]
collections:
  - name: users
    route: users
    source: { postgres: "${replica.urlOf("test1")}", table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
`,
  });
  const next = new Database(join(bench.folder, "next.db"));
  next.exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
  t.after(() => next.close());
  const options = { cwd: bench.folder, env: { CROSSFADE_ADMIN: bench.crossfade.adminUrl } };
  const { code, stderr } = await runCli(["backfill", "users"], options);
  assert.equal(code, 1);
  assert.match(stderr, /is a replica: it may lack what legacy has told its clients of; name the primary/);
});
