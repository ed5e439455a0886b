import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { collectionSetup } from "../../support/collection.ts";

const LEGACY = `CREATE TABLE users (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, balance DECIMAL(30,10), email TEXT NOT NULL);
  INSERT INTO users VALUES (2040109466, 'Ada', 1, 'ada@x');`;
const NEXT = `CREATE TABLE users (id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, balance DECIMAL(30,10), email TEXT NOT NULL UNIQUE, rank INT NOT NULL);`;

test("a schema is compared side by side, saved, and held against a migrated one without a database", async (t) => {
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT });
  const sides = await setup.run("schema", "users", "--json");
  assert.equal(sides.code, 1, sides.stderr);
  const lines = sides.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.filter(({ severity }) => severity === "breaking").map(({ of, kind, column }) => [of, kind, column]),
    [
      ["legacy → next", "not-null", "rank"],
      ["legacy → next", "new-unique", "email"],
    ],
  );
  assert.ok(lines.some(({ of, kind, column }) => of === "legacy" && kind === "near-the-end" && column === "id"));
  assert.deepEqual(lines.at(-1), { type: "schema", collection: "users", breaking: 2, hazards: 6, additive: 0 });

  const saved = await setup.run("schema", "users", "--save", "before.json");
  assert.equal(saved.code, 0, saved.stderr);
  setup.legacy.exec("ALTER TABLE users ADD COLUMN phone TEXT");
  const additive = await setup.run("schema", "users", "--before", "before.json");
  assert.equal(additive.code, 0, additive.stderr);
  assert.match(additive.stdout, /additive  added phone: TEXT: it may be null\n/);

  setup.legacy.exec("ALTER TABLE users RENAME COLUMN full_name TO name");
  assert.equal((await setup.run("schema", "users", "--save", "after.json")).code, 0);
  // As in CI: neither the databases nor the configuration are there.
  writeFileSync(join(setup.folder, "crossfade.yaml"), "");
  const broken = await setup.run("schema", "users", "--before", "before.json", "--after", "after.json", "--columns");
  assert.equal(broken.code, 1, broken.stderr);
  assert.match(broken.stdout, /breaking  renamed full_name: TEXT: gone, and name is new in its place/);
  assert.match(broken.stdout, /^id {2,}INTEGER NOT NULL {2,}bigint {2,}i64 {2,}2040109466 to 2040109466$/m);
  assert.ok(broken.stdout.split("\n").every((line) => line.length <= 160));

  writeFileSync(join(setup.folder, "after.json"), readFileSync(join(setup.folder, "after.json"), "utf8").slice(0, -20));
  const cut = await setup.run("schema", "users", "--before", "before.json", "--after", "after.json");
  assert.equal(cut.code, 3);
  assert.match(cut.stderr, /after\.json is no JSON: .*; make it again with crossfade schema --save/);
  assert.equal((await setup.run("schema", "users", "--after", "after.json")).code, 2);
});
