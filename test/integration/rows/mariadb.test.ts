import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { runCli } from "../../support/cli.ts";
import { startBench } from "../../support/crossfade.ts";
import { killedJob, liveRoutes, liveTraffic } from "../../support/live-rows.ts";
import { mariadbServer } from "../../support/mariadb.ts";
import { postgresServer } from "../../support/postgres.ts";
import { MARIADB_USERS_SQL, usersOnMariadb } from "../../support/users-on-mariadb.ts";

const [maria, postgres] = [await mariadbServer(), await postgresServer()];
after(async () => {
  await maria.stop();
  await postgres.stop();
});

const ROWS = 6_000;

/** Enough rows for several chunks, with what is lost easily. */
const MARIA_TABLE = `CREATE TABLE users (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, email varchar(100) NOT NULL, verified boolean,
  balance decimal(30,10), score double, born date, seen timestamp(6) NULL, wall datetime(6), avatar blob, meta json, mood enum('sad','happy'), UNIQUE (email))`;
const MARIA_ROWS = `INSERT INTO users SELECT seq + 9007199254740992, concat('u', seq, '@x'), seq % 2, seq + 0.0123456789, seq / 7, '2000-02-29',
    '2026-03-29 00:59:59.999999' + INTERVAL seq SECOND, '2026-03-29 02:30:00.000001', X'00FF', '{"n": 9007199254740993, "t": "👩‍🚀"}', 'happy' FROM seq_1_to_${ROWS};
  INSERT INTO users VALUES (9223372036854775807, 'max@x', NULL, -12345678901234567890.0123456789, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`;

function setup(t: TestContext, source: string, target: string, more = "") {
  const cwd = mkdtempSync(join(tmpdir(), "crossfade-maria-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  writeFileSync(
    join(cwd, "crossfade.yaml"),
    `services: { legacy: { url: "http://127.0.0.1:1" }, next: { url: "http://127.0.0.1:2" } }
admin: { listen: "127.0.0.1:3" }
routes: [{ name: users, match: { path: "/users/**" }, phase: legacy-only }]
collections:
  - name: users
    route: users
    source: { ${source}, table: users, key: id }
    target: { ${target}, table: users, key: id }
${more}`,
  );
  return cwd;
}

test("MariaDB to PostgreSQL: every row goes over to the last digit, and what is changed afterwards is found", async (t) => {
  const from = await maria.database();
  const to = await postgres.database();
  await maria.run(from, `${MARIA_TABLE}; ${MARIA_ROWS}`);
  await postgres.run(
    to,
    `CREATE TYPE mood AS ENUM ('sad', 'happy');
     CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, verified boolean, balance numeric(30,10), score float8, born date,
       seen timestamptz, wall timestamp, avatar bytea, meta jsonb, mood mood)`,
  );
  const cwd = setup(t, `mysql: "\${FROM}"`, `postgres: "\${TO}"`);
  const options = { cwd, env: { FROM: from, TO: to } };
  const moved = await runCli(["backfill", "users"], options);
  assert.equal(moved.code, 0, moved.stderr);
  assert.match(moved.stdout, new RegExp(`^users {2}${ROWS + 1} rows read, ${ROWS + 1} written\n`));
  const equal = await runCli(["reconcile", "users"], options);
  assert.equal(equal.code, 0, equal.stdout);
  assert.match(equal.stdout, new RegExp(`${ROWS + 1} rows against ${ROWS + 1}: ${ROWS + 1} equal, 0 missing`));
  assert.deepEqual(await postgres.ask(to, "SELECT id, balance FROM users ORDER BY id DESC LIMIT 1"), [
    ["9223372036854775807", "-12345678901234567890.0123456789"],
  ]);
  assert.deepEqual(
    await postgres.ask(to, "SELECT seen, wall, verified, meta->>'n', avatar, born FROM users ORDER BY id LIMIT 1"),
    [["2026-03-29 01:00:00.999999+00", "2026-03-29 02:30:00.000001", "t", "9007199254740993", "\\x00ff", "2000-02-29"]],
  );
  const first = 9007199254740992n;
  await postgres.run(
    to,
    `UPDATE users SET balance = round(balance, 9) WHERE id = ${first + 1n};
     UPDATE users SET seen = seen - interval '1 microsecond' WHERE id = ${first + 2n};
     UPDATE users SET email = upper(email) WHERE id = ${first + 3n};
     DELETE FROM users WHERE id = ${first + 4n};
     INSERT INTO users (id, email) VALUES (1, 'extra@x')`,
  );
  const differs = await runCli(["reconcile", "users", "--json"], options);
  assert.equal(differs.code, 1);
  const found = differs.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { kind?: string; key?: string; differences?: { at: string }[] })
    .filter(({ kind }) => kind !== undefined)
    .map(({ kind, key, differences }) => `${kind} ${key} ${(differences ?? []).map(({ at }) => at).join()}`)
    .sort();
  assert.deepEqual(found, [
    "extra 1 ",
    `mismatched ${first + 1n} /balance`,
    `mismatched ${first + 2n} /seen`,
    `mismatched ${first + 3n} /email`,
    `missing ${first + 4n} `,
  ]);
});

test("PostgreSQL to MariaDB: rows that it refuses are set aside by their keys, without their values, and the others are equal", async (t) => {
  const from = await postgres.database();
  const to = await maria.database();
  await postgres.run(
    from,
    `CREATE TABLE users (id bigint PRIMARY KEY, email text, n int, seen timestamptz);
     INSERT INTO users SELECT i, 'u' || i || '@x', i, timestamptz '2026-01-01 00:00:00.123456Z' FROM generate_series(1, 3000) i;
     INSERT INTO users VALUES (5001, 'hush@x', 1, '2039-01-01Z'), (5002, 'U7@X', 1, NULL), (5003, 'hush@x', 300, NULL), (5004, 'ok@x', 1, NULL)`,
  );
  await maria.run(
    to,
    "CREATE TABLE users (id bigint PRIMARY KEY, email varchar(50), n smallint unsigned, seen timestamp(6) NULL, UNIQUE (email))",
  );
  const cwd = setup(t, `postgres: "\${FROM}"`, `mysql: "\${TO}"`);
  const options = { cwd, env: { FROM: from, TO: to } };
  const moved = await runCli(["backfill", "users"], options);
  assert.equal(moved.code, 1, moved.stderr);
  assert.match(moved.stdout, /^users {2}3004 rows read, 3002 written, 2 set aside\n/);
  assert.match(moved.stdout, /\n {2}5001 {2}.*Incorrect datetime value for column .*\n/);
  assert.match(moved.stdout, /\n {2}5002 {2}.*Duplicate entry for key 'email'/);
  assert.doesNotMatch(moved.stdout, /hush|U7/);
  const compared = await runCli(["reconcile", "users"], options);
  assert.match(compared.stdout, /3004 rows against 3002: 3002 equal, 2 missing, 0 mismatched, 0 extra/);
  // What it does not take is not what a later one undoes: once more is the same rows once.
  await runCli(["backfill", "users", "--restart"], options);
  assert.deepEqual(await maria.ask(to, "SELECT count(*), count(DISTINCT seen) FROM users"), [["3002", "1"]]);
});

test("a collection with two databases, or with an URL of another one, is refused in words", async (t) => {
  for (const [source, says] of [
    ['mysql: "mysql://h/d", sqlite: ./x.db', /names 2 databases; leave one of mysql, sqlite/],
    ['mysql: "postgres://u:hush@h/d"', /which is no MySQL URL; write mysql:\/\/user@host\/database/],
  ] as const) {
    const cwd = setup(t, source, "sqlite: ./next.db");
    const { code, stderr } = await runCli(["reconcile", "users"], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /hush/);
  }
});

test("into MariaDB rows are copied beside live writes too, by a job that is killed: reconcile finds 0", async (t) => {
  const rows = 2_000;
  const urls = { legacy: await maria.database(), next: await maria.database() };
  for (const url of Object.values(urls)) await maria.run(url, MARIADB_USERS_SQL);
  await maria.run(
    urls.legacy,
    `INSERT INTO users (id, name, n) SELECT seq, concat('user ', seq), seq % 7 FROM seq_1_to_${rows}`,
  );
  const [legacy, next] = [usersOnMariadb(urls.legacy), usersOnMariadb(urls.next)];
  t.after(async () => {
    await legacy.close();
    await next.close();
  });
  const routes = liveRoutes(urls, "mysql");
  const bench = await startBench(t, { legacy: legacy.answer, next: next.answer, store: "sqlite", routes });
  const seed = Date.now() % 2 ** 31;
  const live = liveTraffic({ rows, clients: 4, seed, send: (...what) => bench.send(...what) });
  const file = join(bench.folder, "noted.json");
  const { adminUrl } = bench.crossfade;
  const job = ["backfill", "users", "--config", bench.configFile, "--admin", adminUrl, "--checkpoint", file];
  const ended = await killedJob(() => [...job, "--chunk", "250", "--max-rate", "800"], { kills: 2, seed });
  await live.stop();
  t.diagnostic(JSON.stringify({ seed, ...live.written, ended }));
  await bench.settled(1);
  await runCli(["repair", "--route", "users", "--admin", adminUrl]);
  const compared = await runCli(["reconcile", "users", "--config", bench.configFile]);
  assert.match(compared.stdout, / 0 missing, 0 mismatched, 0 extra\n$/, compared.stderr);
});
