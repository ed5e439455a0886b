import assert from "node:assert/strict";
import { test } from "node:test";
import type { GateAnswer } from "../../../proxy/moves/gate-evidence.ts";
import { collectionSetup } from "../../support/collection.ts";
import { startBench } from "../../support/crossfade.ts";

const TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);";
const rows = (count: number): string =>
  `${TABLE} WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${count})
   INSERT INTO users SELECT id, id || '@x' FROM n;`;

const linesOf = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("a sample finds what many rows share, from either side, and bounds what it has not seen", async (t) => {
  const setup = collectionSetup(t, {
    legacy: rows(4_000),
    // A quarter of legacy's rows has another e-mail, every eighth is not there; next has a thousand of its own.
    next: `${rows(5_000)} DELETE FROM users WHERE id % 8 = 0 AND id <= 4000; UPDATE users SET email = 'x' WHERE id % 4 = 1;`,
  });
  const ended = await setup.run("reconcile", "users", "--sample", "400", "--json");
  assert.equal(ended.code, 1, ended.stderr);
  const lines = linesOf(ended.stdout);
  const { source, target, ...sums } = lines.pop() as Record<string, Record<string, number>>;
  if (source === undefined || target === undefined) assert.fail(ended.stdout);
  const counted = (kind: string) => lines.filter((line) => line["kind"] === kind).length;
  assert.deepEqual(sums, {
    type: "sample",
    collection: "users",
    confidence: 0.95,
    missing: counted("missing"),
    mismatched: counted("mismatched"),
    extra: counted("extra"),
    unmade: 0,
    settled: 0,
    extraUnknown: null,
  });
  // 100, 50 and 92 are to be expected, and 0 of any of them is not.
  assert.ok(counted("mismatched") > 40 && counted("missing") > 10 && counted("extra") > 30, ended.stdout);
  assert.deepEqual([source["drawn"], source["rows"], target["drawn"], target["rows"]], [400, 4_000, 400, 4_500]);
  assert.equal(source["differing"], counted("missing") + counted("mismatched"));
  assert.equal(target["differing"], counted("extra"));
  assert.ok(Number(source["shareAtMost"]) > Number(source["differing"]) / 400);
  assert.ok(
    lines.every((line) => Number(line["ageMs"]) >= 1_000),
    "what differs was looked at again",
  );
  assert.doesNotMatch(ended.stdout, /@x/);
});

test("an equal sample is told with its bound, and all rows where there are no more", async (t) => {
  const setup = collectionSetup(t, { legacy: rows(4_000), next: rows(4_000) });
  const some = await setup.run("reconcile", "users", "--sample", "1000");
  assert.equal(some.code, 0, some.stderr);
  const found = "at most 0.3 % differ (95 % confidence): up to 12 rows";
  assert.equal(
    some.stdout,
    `users  legacy: 1000 of 4000 rows drawn: 0 missing, 0 mismatched; ${found}\n` +
      `users  next: 1000 of 4000 rows drawn: 0 extra; ${found}\n` +
      "users  a sample tells no single row that differs, and is no clean reconcile to the gate\n",
  );
  const all = await setup.run("reconcile", "users", "--sample", "1000000", "--json");
  const [sums = {}] = linesOf(all.stdout);
  assert.deepEqual(sums["source"], { drawn: 4_000, differing: 0, shareAtMost: 0, rows: 4_000 });
  const both = await setup.run("reconcile", "users", "--sample", "10", "--repair");
  assert.equal(both.code, 2);
  assert.match(both.stderr, /--sample looks at some rows alone/);
});

test("a transform that makes other keys leaves next's own rows unlooked for, and the exit code says so", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `${TABLE} INSERT INTO users VALUES (1, 'a'), (2, 'b');`,
    next: `${TABLE} INSERT INTO users VALUES (101, 'a'), (102, 'b'), (999, 'x');`,
    transform: "export default (row) => ({ ...row, id: row.id + 100n });",
  });
  const ended = await setup.run("reconcile", "users", "--sample", "10");
  assert.match(ended.stdout, /2 of 2 rows drawn: 0 missing, 0 mismatched; that is all of them\n/);
  assert.match(ended.stdout, /next: extra rows not looked for; the transform makes rows with keys of their own/);
  assert.equal(ended.code, 1);
});

test("to the gate a sample is no comparison, however clean it is", async (t) => {
  const setup = collectionSetup(t, { legacy: rows(100), next: rows(100), phase: "backfilling" });
  const tables = (name: string): string => `sqlite: "${setup.folder}/${name}.db", table: users, key: id`;
  const bench = await startBench(t, {
    store: "sqlite",
    routes: `routes:
  - { name: users, match: { path: "/users/**" }, phase: backfilling }
collections:
  - { name: users, route: users, source: { ${tables("legacy")} }, target: { ${tables("next")} } }
`,
  });
  const at = ["--config", bench.configFile, "--admin", bench.crossfade.adminUrl];
  const reconciled = async (): Promise<string> => {
    const { conditions } = await bench.api<GateAnswer>("/api/v1/routes/users/gate");
    return conditions.find(({ name }) => name === "reconcile")?.text ?? "";
  };
  assert.equal((await setup.run("reconcile", "users", "--sample", "100", ...at)).code, 0);
  assert.match(await reconciled(), /^users: its rows were not compared/);
  assert.equal((await setup.run("reconcile", "users", ...at)).code, 0);
  assert.match(await reconciled(), /^users: 100 rows equal/);
  // Nor does it take the place of one that was.
  assert.equal((await setup.run("reconcile", "users", "--sample", "50", ...at)).code, 0);
  assert.match(await reconciled(), /^users: 100 rows equal/);
});
