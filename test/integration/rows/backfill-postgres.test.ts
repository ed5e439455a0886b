import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runCli } from "../../support/cli.ts";
import { postgresServer } from "../../support/postgres.ts";

const server = await postgresServer();
after(async () => await server.stop());

test("SQLite to PostgreSQL: rows that it refuses are set aside, the others equal, and next numbers go on", async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), "crossfade-backfill-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  const legacy = new Database(join(cwd, "legacy.db"));
  legacy.exec(
    `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, price TEXT, done BOOLEAN, photo BLOB, meta JSON);
     INSERT INTO users VALUES (7, 'a@x', '12345678901234567890.0123456789', 1, x'00ff', '{"n": 9007199254740993}'),
       (8, 'b@x', 'many', 0, NULL, 'null'), (9, 'c@x', '-1', 0, NULL, 'null'), (4294967296, 'a@x', '1', NULL, NULL, NULL);`,
  );
  legacy.close();
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE users (id bigserial PRIMARY KEY, email text UNIQUE, price numeric(30,10), done boolean, photo bytea, meta jsonb)",
  );
  writeFileSync(
    join(cwd, "crossfade.yaml"),
    `services: { legacy: { url: "http://127.0.0.1:1" }, next: { url: "http://127.0.0.1:2" } }
admin: { listen: "127.0.0.1:3" }
routes: [{ name: users, match: { path: "/users/**" }, phase: legacy-only }]
collections:
  - name: users
    route: users
    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { postgres: "\${NEXT_DB}", table: users, key: id }
`,
  );
  const options = { cwd, env: { NEXT_DB: url } };
  const ended = await runCli(["backfill", "users"], options);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stdout, /^users {2}4 rows read, 2 written, 2 set aside\n/);
  assert.match(ended.stdout, /\n {2}8 {2}.*invalid input syntax for type numeric \(SQLSTATE 22P02\)\n/);
  assert.match(ended.stdout, /\n {2}4294967296 {2}.*duplicate key .*\(SQLSTATE 23505\)\n/);
  assert.doesNotMatch(ended.stdout, /many|a@x/);
  assert.deepEqual(await server.ask(url, "SELECT * FROM users ORDER BY id"), [
    ["7", "a@x", "12345678901234567890.0123456789", "t", "\\x00ff", '{"n": 9007199254740993}'],
    ["9", "c@x", "-1.0000000000", "f", null, "null"],
  ]);
  assert.deepEqual(await server.ask(url, "SELECT nextval('users_id_seq')"), [["10"]]);
  const compared = await runCli(["reconcile", "users"], options);
  assert.match(compared.stdout, /4 rows against 2: 2 equal, 2 missing, 0 mismatched, 0 extra/);
});
