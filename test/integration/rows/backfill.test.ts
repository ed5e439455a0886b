import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import { spawnCli } from "../../support/cli.ts";
import { type CollectionSetup, collectionSetup } from "../../support/collection.ts";
import { startBench } from "../../support/crossfade.ts";
import { until } from "../../support/until.ts";

const LEGACY = `CREATE TABLE users (id INTEGER PRIMARY KEY, full_name TEXT, email TEXT, balance BIGINT);
  INSERT INTO users VALUES (1, 'Ada Lovelace', ' ADA@Example.com', 9223372036854775807), (2, 'Grace Hopper', 'grace@example.com', -1), (4294967296, 'Zoë 👩‍🚀', NULL, NULL);`;
const NEXT =
  "CREATE TABLE users (id INTEGER PRIMARY KEY, first TEXT NOT NULL, last TEXT NOT NULL, email TEXT, balance BIGINT);";
const TRANSFORM = `export default ({ id, full_name, email, balance }) => {
  const [first, ...rest] = full_name.split(" ");
  return { id, first, last: rest.join(" "), email: email?.trim().toLowerCase() ?? null, balance };
};`;

function rowsOf({ next }: CollectionSetup): readonly unknown[] {
  return next.prepare("SELECT * FROM users ORDER BY id").raw().all();
}

test("rows arrive as the transform makes them, and reconcile finds no difference", async (t) => {
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT, transform: TRANSFORM });
  const ended = await setup.run("backfill", "users");
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "users  3 rows read, 3 written\n");
  assert.deepEqual(rowsOf(setup), [
    [1n, "Ada", "Lovelace", "ada@example.com", 9223372036854775807n],
    [2n, "Grace", "Hopper", "grace@example.com", -1n],
    [4294967296n, "Zoë", "👩‍🚀", null, null],
  ]);
  const compared = await setup.run("reconcile", "users");
  assert.equal(compared.stdout, "users  3 rows against 3: 3 equal, 0 missing, 0 mismatched, 0 extra\n");
  assert.equal(compared.code, 0);
});

test("a backfill that was killed goes on where it was, and what it did twice changes nothing", async (t) => {
  const setup = collectionSetup(t, { legacy: MANY, next: COPY });
  const child = spawnCli(["backfill", "users", "--chunk", "50", "--max-rate", "2000"], setup.options);
  const exit = once(child, "exit");
  await until(() => {
    try {
      return setup.noted().read >= 500;
    } catch {
      return false;
    }
  });
  child.kill("SIGKILL");
  await exit;
  const { read, done } = setup.noted();
  assert.equal(done, false);
  const ended = await setup.run("backfill", "users", "--json");
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, new RegExp(`going on after ${read} rows`));
  assert.equal((JSON.parse(ended.stdout) as { read: number }).read, 5_000);
  assert.equal(rowsOf(setup).length, 5_000);
  const compared = await setup.run("reconcile", "users");
  assert.equal(compared.code, 0, compared.stdout);
});

test("Ctrl-C ends after the chunk under way, and the same command goes on", async (t) => {
  const setup = collectionSetup(t, { legacy: MANY, next: COPY });
  const child = spawnCli(["backfill", "users", "--chunk", "50", "--max-rate", "500"], setup.options);
  const exit = once(child, "exit");
  await until(() => {
    try {
      return setup.noted().read >= 100;
    } catch {
      return false;
    }
  });
  child.kill("SIGINT");
  assert.deepEqual(await exit, [1, null]);
  const { read } = setup.noted();
  assert.equal(rowsOf(setup).length, read);
  assert.equal((await setup.run("backfill", "users")).code, 0);
  assert.equal(rowsOf(setup).length, 5_000);
  const again = await setup.run("backfill", "users");
  assert.match(again.stderr, /it was done before; --restart does it again/);
});

test("a row that cannot be made or written is set aside with its reason, and the others arrive", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
      INSERT INTO users VALUES (1, 'a'), (2, 'throws'), (3, NULL), (4, 'skip'), (5, 'e'), (6, 'promise'), (7, 'twice');`,
    next: "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
    transform: `export default (row) => {
      if (row.name === "throws") throw new RangeError("no such name");
      if (row.name === "skip") return null;
      if (row.name === "promise") return Promise.resolve(row);
      if (row.name === "twice") return [row, { id: 70n, name: "second" }];
      return row;
    };`,
  });
  const ended = await setup.run("backfill", "users");
  assert.equal(ended.code, 1);
  assert.equal(
    ended.stdout,
    `users  7 rows read, 4 written, 1 left out by the transform, 3 set aside
  2  the transform threw RangeError: no such name
  6  the transform returned a promise; it must be a plain function of the row
  3  sqlite:./next.db users: NOT NULL constraint failed: users.name
`,
  );
  assert.deepEqual(rowsOf(setup), [
    [1n, "a"],
    [5n, "e"],
    [7n, "twice"],
    [70n, "second"],
  ]);
  const stopped = await setup.run("backfill", "users", "--restart", "--max-set-aside", "1", "--chunk", "2");
  assert.equal(stopped.code, 1);
  assert.match(stopped.stdout, /Stopped: more than 1 rows were set aside/);
  assert.ok(!setup.noted().done);
});

test("backfill is refused while the writes of its route are mirrored and nobody can be asked of them", async (t) => {
  const given = { legacy: LEGACY, next: NEXT, transform: TRANSFORM, phase: "dual-write" };
  const setup = collectionSetup(t, given);
  const ended = await setup.run("backfill", "users");
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /route users is in dual-write and its writes are mirrored, .*: cannot reach/);
  assert.deepEqual(rowsOf(setup), []);
  // What writes nothing is not.
  assert.equal((await setup.run("backfill", "users", "--dry-run")).code, 0);
  const off = collectionSetup(t, { ...given, route: "    mirror: { writes: false }" });
  assert.equal((await off.run("backfill", "users")).code, 0);
});

test("backfill asks the proxy that runs: one that mirrors and does not know the rows refuses it, and off lets it go on", async (t) => {
  const mirror = "mirror: { writes: false }";
  const bench = await startBench(t, {
    routes: `routes:\n  - { name: users, match: { path: "/users/**" }, ${mirror} }\n`,
    nextService: "effects: suppressed",
  });
  const given = { legacy: LEGACY, next: NEXT, transform: TRANSFORM, phase: "dual-write" };
  const setup = collectionSetup(t, { ...given, route: `    ${mirror}` });
  const file = join(setup.folder, "crossfade.yaml");
  const { host } = new URL(bench.crossfade.adminUrl);
  writeFileSync(file, readFileSync(file, "utf8").replace("127.0.0.1:3", host));
  const become = async (writes: boolean): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ mirror: writes });
    await (
      await request(`${bench.crossfade.adminUrl}/api/v1/routes/users`, { method: "PATCH", headers, body })
    ).body.dump();
  };
  await become(true);
  const refused = await setup.run("backfill", "users");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the proxy at http:.* knows no collection users/);
  assert.deepEqual(rowsOf(setup), []);
  await become(false);
  assert.equal((await setup.run("backfill", "users")).code, 0);
});

test("a dry run and --try write nothing, and --try shows rows without what is secret", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT, iban TEXT);
      INSERT INTO users VALUES (1, 'Ada', 'hush', 'DE00'), (2, NULL, 'hush', 'DE00');`,
    next: "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
    transform: "export default ({ id, name }) => ({ id, name });",
    route: '    redact: ["body:/iban"]',
  });
  const dry = await setup.run("backfill", "users", "--dry-run");
  assert.match(
    dry.stdout,
    /^users {2}2 rows read, 1 would be written, 1 set aside\n {2}2 {2}column name: it may not be null\n$/,
  );
  assert.equal(dry.code, 1);
  const tried = await setup.run("backfill", "users", "--try", "1");
  assert.equal(
    tried.stdout,
    `1  { id: 1, name: "Ada", password: [redacted], iban: [redacted] }\n  → { id: 1, name: "Ada" }\n`,
  );
  assert.deepEqual(rowsOf(setup), []);
  assert.throws(() => setup.noted(), /ENOENT/);
});

test("--types writes what the rows are, before there is a transform, and nothing else", async (t) => {
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT, transform: "throw new Error('not yet');" });
  const ended = await setup.run("backfill", "users", "--types", "rows.d.ts");
  assert.equal(ended.code, 0, ended.stderr);
  const types = readFileSync(join(setup.folder, "rows.d.ts"), "utf8");
  assert.match(types, /\/\*\* BIGINT \*\/\n {2}readonly balance: bigint \| null;/);
  assert.match(types, /readonly first\?: string \| undefined;/);
  assert.deepEqual(rowsOf(setup), []);
});

test("what was begun with another transform is not gone on with", async (t) => {
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT, transform: TRANSFORM });
  assert.equal((await setup.run("backfill", "users")).code, 0);
  setup.next.exec("ALTER TABLE users ADD COLUMN more TEXT");
  const refused = await setup.run("backfill", "users");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /with other tables, columns or transform; begin anew with --restart/);
  assert.equal((await setup.run("backfill", "users", "--restart")).code, 0);
});

for (const [what, transform, says] of [
  ["exports no function", "export const a = 1;", /has no function as its default export/],
  ["cannot be imported", "import './nowhere.mjs';", /cannot be imported: Cannot find module/],
  ["ends its process", "export default () => process.exit(7);", /ended its thread/],
] as const) {
  test(`a transform that ${what} is told with its name`, async (t) => {
    const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT, transform });
    const ended = await setup.run("backfill", "users");
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, says);
    assert.match(ended.stderr, /transform\.mjs/);
  });
}

const MANY = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, at TEXT);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
  INSERT INTO users SELECT i * 3, 'name ' || i, '2026-11-27T00:00:00Z' FROM n;`;
const COPY = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, at TEXT);";

test("ranges of keys that were killed go on where each was, with another number of them at once too", async (t) => {
  const setup = collectionSetup(t, { legacy: MANY, next: COPY, transform: "export default (row) => row;" });
  const slowly = ["--chunk", "20", "--max-rate", "2000"];
  const child = spawnCli(["backfill", "users", "--ranges", "4", ...slowly], setup.options);
  const exit = once(child, "exit");
  const noted = () =>
    JSON.parse(readFileSync(join(setup.folder, "crossfade-backfill-users.json"), "utf8")) as {
      readonly read: number;
      readonly ranges: readonly { readonly after: unknown; readonly done: boolean }[];
    };
  await until(() => {
    try {
      return noted().ranges.filter(({ after, done }) => after !== null && !done).length === 4 && noted().read > 500;
    } catch {
      return false;
    }
  });
  child.kill("SIGKILL");
  await exit;
  const { read, ranges } = noted();
  // What is noted is there, also of the chunks that were under way.
  const there = setup.next.prepare("SELECT count(*) FROM users").pluck().get() as bigint;
  assert.ok(there >= BigInt(read) && read < 5_000, `${there} rows are there and ${read} are noted`);
  assert.equal(ranges.length, 4);
  const ended = await setup.run("backfill", "users", "--ranges", "2", "--json");
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, new RegExp(`going on after ${read} rows`));
  assert.equal((JSON.parse(ended.stdout) as { read: number }).read, 5_000, "no row is read in two ranges");
  assert.equal(rowsOf(setup).length, 5_000);
  const compared = await setup.run("reconcile", "users");
  assert.equal(compared.stdout, "users  5000 rows against 5000: 5000 equal, 0 missing, 0 mismatched, 0 extra\n");
});

test("a row that cannot be made stops all ranges once there are too many of them, and each is told once", async (t) => {
  const setup = collectionSetup(t, {
    legacy: MANY,
    next: COPY,
    transform: "export default (row) => { if (row.id % 6n === 0n) throw new Error('even'); return row; };",
  });
  const ended = await setup.run(
    "backfill",
    "users",
    "--ranges",
    "3",
    "--chunk",
    "50",
    "--max-set-aside",
    "60",
    "--json",
  );
  assert.equal(ended.code, 1);
  const [sums, ...aside] = ended.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly end: string; readonly setAside: number; readonly key: string });
  assert.equal(sums?.end, "too-many-set-aside");
  assert.ok(aside.length > 60 && aside.length === sums.setAside && aside.length < 200, String(aside.length));
  assert.equal(new Set(aside.map(({ key }) => key)).size, aside.length);
});

const CHOSEN = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, updated_at TEXT);
  INSERT INTO users VALUES (1, 'a', '2026-11-20T12:00:00Z'), (2, 'b', '2026-11-23 12:00:00'), (3, 'c', NULL), (4, 'd', '2026-11-24T00:00:00.5Z');`;
const CHOSEN_NEXT = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, updated_at TEXT);";
const ids = ({ next }: CollectionSetup): unknown[] => next.prepare("SELECT id FROM users ORDER BY id").pluck().all();

test("--keys brings over these rows alone, from a list or a file, as often as it is asked", async (t) => {
  const setup = collectionSetup(t, { legacy: CHOSEN, next: CHOSEN_NEXT });
  const some = await setup.run("backfill", "users", "--keys", "4,2,99,2");
  assert.deepEqual([some.code, some.stdout], [0, "users  2 rows read, 2 written\n"], some.stderr);
  assert.deepEqual(ids(setup), [2n, 4n]);
  setup.next.exec("DELETE FROM users");
  writeFileSync(join(setup.folder, "list.txt"), "3\n1\n");
  for (const times of ["once", "again"]) {
    const ended = await setup.run("backfill", "users", "--keys", "list.txt");
    assert.deepEqual([ended.code, ended.stdout], [0, "users  2 rows read, 2 written\n"], times);
  }
  assert.deepEqual(ids(setup), [1n, 3n]);
  // Where all rows were brought over stands beside it, and is not touched.
  const all = await setup.run("backfill", "users");
  assert.equal(all.stdout, "users  4 rows read, 4 written\n");
  const wrong = await setup.run("backfill", "users", "--keys", "1,x");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--keys: "x" is no whole number/);
  assert.equal((await setup.run("backfill", "users", "--keys", "1", "--since", "2026-11-22")).code, 2);
});

test("--since brings over rows that were changed since then, and those that do not say when", async (t) => {
  const setup = collectionSetup(t, { legacy: CHOSEN, next: CHOSEN_NEXT, more: "    changedAt: updated_at\n" });
  const ended = await setup.run("backfill", "users", "--since", "2026-11-23", "--chunk", "1");
  assert.deepEqual([ended.code, ended.stdout], [0, "users  3 rows read, 3 written\n"], ended.stderr);
  assert.deepEqual(ids(setup), [2n, 3n, 4n]);
  setup.next.exec("DELETE FROM users");
  await setup.run("backfill", "users", "--since", "2026-11-23T18:00:00Z");
  assert.deepEqual(ids(setup), [3n, 4n]);
  const wrong = await setup.run("backfill", "users", "--since", "yesterday");
  assert.equal(wrong.code, 2);
  const none = collectionSetup(t, { legacy: CHOSEN, next: CHOSEN_NEXT });
  const unsaid = await none.run("backfill", "users", "--since", "2026-11-23");
  assert.match(unsaid.stderr, /--since asks which column says when a row was changed; write changedAt at users/);
});

test("a backfill of some rows that was killed goes on where it was, and not with others", async (t) => {
  const setup = collectionSetup(t, { legacy: MANY, next: COPY });
  const keys = Array.from({ length: 2_000 }, (_, i) => String(6 * i + 3));
  writeFileSync(join(setup.folder, "odd.txt"), keys.join("\n"));
  const child = spawnCli(
    ["backfill", "users", "--keys", "odd.txt", "--chunk", "50", "--max-rate", "1000"],
    setup.options,
  );
  const exit = once(child, "exit");
  const noted = () =>
    JSON.parse(readFileSync(join(setup.folder, "crossfade-backfill-users.keys.json"), "utf8")) as { read: number };
  await until(() => {
    try {
      return noted().read >= 300;
    } catch {
      return false;
    }
  });
  child.kill("SIGKILL");
  await exit;
  const { read } = noted();
  const other = await setup.run("backfill", "users", "--keys", "1,3");
  assert.equal(other.code, 1);
  assert.match(other.stderr, /with other tables, columns or transform, or --keys; begin anew with --restart/);
  const ended = await setup.run("backfill", "users", "--keys", "odd.txt", "--json");
  assert.match(ended.stderr, new RegExp(`going on after ${read} rows`));
  assert.equal((JSON.parse(ended.stdout) as { read: number }).read, 2_000);
  assert.equal(rowsOf(setup).length, 2_000);
});
