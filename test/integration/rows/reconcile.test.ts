import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openPostgres } from "../../../adapters/rows/postgres/open.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import { reconcile, type Reconciled, type RowFinding } from "../../../proxy/migrate/reconcile.ts";
import { AS_THEY_ARE } from "../../../proxy/migrate/transformer.ts";
import type { RowSource } from "../../../proxy/rows/rows.ts";
import { collectionSetup } from "../../support/collection.ts";
import { postgresServer } from "../../support/postgres.ts";

const TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, verified BOOLEAN, meta JSON);";

test("what is missing, extra, stale or of another kind is found, each by its key and column, without values", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `${TABLE} INSERT INTO users VALUES (1, 'ada@x', 1, '{"a": 1, "b": [1, 2]}'), (2, 'secret@x', 1, '{}'),
      (3, 'c@x', 0, NULL), (4294967297, 'd@x', 1, '{"n": 9007199254740993}'), (5, '42', 1, '{}');`,
    next: `${TABLE} INSERT INTO users VALUES (1, 'ada@x', 1, '{"b": [1, 2], "a": 1.0}'), (2, 'Secret@x ', 0, '{}'),
      (4294967297, 'd@x', 1, '{"n": 9007199254740992}'), (5, 42, 1, '{}'), (6, 'e@x', 1, '{}');`,
  });
  const ended = await setup.run("reconcile", "users", "--json");
  assert.equal(ended.code, 1, ended.stderr);
  const lines = ended.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const sums = lines.pop();
  for (const line of lines) {
    assert.ok(Number(line["ageMs"]) >= 1_000, "it was looked at again before it was told");
    delete line["ageMs"];
  }
  assert.deepEqual(
    lines.sort((a, b) => String(a["key"]).localeCompare(String(b["key"]))),
    [
      {
        collection: "users",
        kind: "mismatched",
        key: "2",
        differences: [
          { at: "/email", kind: "value" },
          { at: "/verified", kind: "value" },
        ],
      },
      { collection: "users", kind: "missing", key: "3" },
      {
        collection: "users",
        kind: "mismatched",
        key: "4294967297",
        differences: [{ at: "/meta/n", kind: "precision" }],
      },
      { collection: "users", kind: "extra", key: "6" },
    ],
  );
  // SQLite itself made a text of the 42 of row 5.
  assert.deepEqual(sums, {
    type: "reconcile",
    collection: "users",
    sourceRows: 5,
    targetRows: 5,
    equal: 2,
    excused: 0,
    settled: 0,
    missing: 1,
    extra: 1,
    mismatched: 2,
    unmade: 0,
    digests: null,
    noDigests: "one of the databases computes none",
    extraUnknown: null,
  });
  assert.doesNotMatch(ended.stdout, /ecret/);
  const plan = await setup.run("reconcile", "users", "--repair", "--dry-run");
  assert.equal(plan.code, 1);
  assert.match(plan.stdout, /upsert +2 {2}\(mismatched\)\n/);
  assert.match(plan.stdout, /delete +6 {2}\(extra\)\n/);
  assert.match(plan.stdout, /This is a plan\. Nothing was changed/);
  assert.equal(setup.next.prepare("SELECT count(*) FROM users").pluck().get(), 5n);
});

test("the rules of the collection excuse what they are about, and nothing else", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `${TABLE} INSERT INTO users VALUES (1, ' ADA@x', 1, '{"tags": ["b", "a"]}'), (2, 'b@x', 1, '{}');`,
    next: `${TABLE} INSERT INTO users VALUES (1, 'ada@x', 1, '{"tags": ["a", "b"]}'), (2, 'c@x', 1, '{}');`,
    more: "    compare: { normalise: [{ at: /email, as: [trim, lowercase] }], unordered: [{ at: /meta/tags }] }\n",
  });
  const ended = await setup.run("reconcile", "users");
  assert.equal(
    ended.stdout,
    "mismatched  2  /email (value)\nusers  2 rows against 2: 0 equal, 1 excused, 0 missing, 1 mismatched, 0 extra\n",
  );
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /every row was read: one of the databases computes none/);
});

test("a transform that makes other keys is said to leave extra rows unknown", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `${TABLE} INSERT INTO users VALUES (1, 'a', 1, '{}');`,
    next: `${TABLE} INSERT INTO users VALUES (101, 'a', 1, '{}'), (999, 'x', 1, '{}');`,
    transform: "export default (row) => ({ ...row, id: row.id + 100n });",
  });
  const ended = await setup.run("reconcile", "users");
  assert.match(
    ended.stdout,
    /1 rows against 2: 1 equal, 0 missing, 0 mismatched, extra rows not looked for; the transform/,
  );
  assert.equal(ended.code, 1);
});

const server = await postgresServer();
after(async () => await server.stop());

async function between(source: RowSource, target: RowSource): Promise<{ sums: Reconciled; found: RowFinding[] }> {
  const found: RowFinding[] = [];
  const sums = await reconcile({
    source,
    target,
    transformer: AS_THEY_ARE,
    compare: DEFAULT_ROUTE.compare,
    tell: (finding) => found.push(finding),
    progress: () => undefined,
    now: Date.now(),
  });
  return { sums, found };
}

test("PostgreSQL against PostgreSQL: types that say the same in two ways are equal, rounded and trimmed values are not", async () => {
  const url = await server.database();
  await server.run(
    url,
    `CREATE TABLE a (id text PRIMARY KEY, amount numeric(30,10), ratio float8, doc json, at timestamptz);
     CREATE TABLE b (id text COLLATE "C" PRIMARY KEY, amount numeric, ratio numeric, doc jsonb, at timestamptz);
     INSERT INTO a SELECT 'same' || i, i + 0.5, 0.1, '{"b":1, "a":2}', '2026-03-29 01:59:59.123456+01' FROM generate_series(1, 4500) i;
     INSERT INTO b SELECT id, amount::numeric(30,1), ratio::numeric, doc::jsonb, at FROM a;
     INSERT INTO a VALUES ('rounded', 12345678901234567890.1234567890, 1, '{}', 'infinity'), ('time', 1, 1, '{}', '2026-01-01 00:00:00.000001Z'), ('Z', 1, 1, '{}', NULL);
     INSERT INTO b VALUES ('rounded', 12345678901234567890.123456789, 1, '{}', 'infinity'), ('time', 1, 1, '{}', '2026-01-01 00:00:00Z'), ('z', 1, 1, '{}', NULL);
     UPDATE b SET amount = 12345678901234567890.12 WHERE id = 'rounded'`,
  );
  const place = { url, key: ["id"], version: null };
  const source = await openPostgres({ ...place, table: "a" }, "a", true);
  const target = await openPostgres({ ...place, table: "b" }, "b", true);
  const { sums, found } = await between(source, target);
  await source.close();
  await target.close();
  assert.equal(sums.equal, 4_500);
  assert.deepEqual(
    found
      .map((finding) => [
        finding.kind,
        finding.key,
        finding.kind === "mismatched" ? finding.differences.map(({ at }) => at) : [],
      ])
      .sort(),
    [
      ["extra", "z", []],
      ["mismatched", "rounded", ["/amount"]],
      ["mismatched", "time", ["/at"]],
      ["missing", "Z", []],
    ],
  );
});

test("a row that was being written when it was looked at is no difference", async () => {
  const url = await server.database();
  await server.run(
    url,
    "CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (LIKE a INCLUDING ALL); INSERT INTO a VALUES (1, 1), (2, 1); INSERT INTO b VALUES (1, 0), (3, 1)",
  );
  const place = { url, key: ["id"], version: null };
  const source = await openPostgres({ ...place, table: "a" }, "a", true);
  const target = await openPostgres({ ...place, table: "b" }, "b", true);
  // The target catches up once both have been looked through.
  for (const withDigests of [true, false]) {
    await server.run(url, "TRUNCATE b; INSERT INTO b VALUES (1, 0), (3, 1)");
    let caughtUp = false;
    const afterwards = async <T>(found: T): Promise<T> => {
      if (!caughtUp) {
        caughtUp = true;
        await server.run(url, "UPDATE b SET n = 1; INSERT INTO b VALUES (2, 1); DELETE FROM b WHERE id = 3");
      }
      return found;
    };
    const { digests } = target;
    assert.ok(digests !== null);
    const late: RowSource = {
      ...target,
      digests: withDigests
        ? { ...digests, hashes: async (...asked) => await afterwards(await digests.hashes(...asked)) }
        : null,
      page: async (...asked) => await afterwards(await target.page(...asked)),
    };
    const { sums, found } = await between(source, late);
    assert.deepEqual(found, []);
    assert.ok(caughtUp);
    // What was looked at by its key afterwards was no suspect any more.
    if (!withDigests) assert.equal(sums.settled, 3);
    assert.equal(sums.digests !== null, withDigests);
  }
  await source.close();
  await target.close();
});
