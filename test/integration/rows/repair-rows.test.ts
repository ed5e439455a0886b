import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openMysql } from "../../../adapters/rows/mysql/open.ts";
import { openPostgres } from "../../../adapters/rows/postgres/open.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { Suspect } from "../../../proxy/migrate/compare-rows.ts";
import { reconcile } from "../../../proxy/migrate/reconcile.ts";
import { repairRows } from "../../../proxy/migrate/repair-rows.ts";
import { AS_THEY_ARE } from "../../../proxy/migrate/transformer.ts";
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { collectionSetup } from "../../support/collection.ts";
import { mariadbServer } from "../../support/mariadb.ts";
import { postgresServer } from "../../support/postgres.ts";

const TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, n INT);";
const LEGACY = `${TABLE} INSERT INTO users VALUES (1, 'a@x', 1), (2, 'b@x', 9007199254740993), (3, 'c@x', 3), (4, 'd@x', 4);`;
const NEXT = `${TABLE} INSERT INTO users VALUES (1, 'a@x', 1), (2, 'B@x', 9007199254740992), (9, 'extra@x', 1), (4, NULL, 4);`;

test("a repair prints its steps, does them, and looks again; then nothing differs", async (t) => {
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT });
  const all = () => setup.next.prepare("SELECT * FROM users ORDER BY id").raw().all();
  const before = all();
  const plan = await setup.run("reconcile", "users", "--repair", "--dry-run");
  assert.equal(plan.code, 1, plan.stderr);
  const steps =
    /upsert +2 {2}\(mismatched\)\nupsert +3 {2}\(missing\)\nupsert +4 {2}\(mismatched\)\ndelete +9 {2}\(extra\)\n/;
  assert.match(plan.stdout, steps);
  assert.match(plan.stdout, /This is a plan\. Nothing was changed/);
  assert.deepEqual(all(), before);
  const kept = await setup.run("reconcile", "users", "--repair", "--keep-extra");
  assert.equal(kept.code, 1);
  assert.match(kept.stdout, /keep +9 {2}\(extra\)/);
  assert.match(kept.stdout, /users {2}1 added, 2 written over, 0 removed; looked at again, 1 still differ\n$/);
  const ended = await setup.run("reconcile", "users", "--repair", "--json");
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? ""), {
    type: "repair",
    collection: "users",
    added: 0,
    replaced: 0,
    removed: 1,
    changed: 0,
    refused: 0,
    stillDiffering: 0,
  });
  assert.deepEqual(all(), setup.legacy.prepare("SELECT * FROM users ORDER BY id").raw().all());
  assert.equal((await setup.run("reconcile", "users")).code, 0);
});

test("a row that the target refuses is told and left, and the others are repaired", async (t) => {
  const setup = collectionSetup(t, {
    legacy: `${TABLE} INSERT INTO users VALUES (1, 'a@x', 1), (2, 'b@x', 2), (3, 'c@x', 3);`,
    next: `${TABLE} INSERT INTO users VALUES (7, 'b@x', 7);`,
  });
  const ended = await setup.run("reconcile", "users", "--repair", "--keep-extra");
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /\nrefused +2 {2}users|\nrefused +2 {2}.*UNIQUE constraint failed/);
  assert.match(ended.stdout, /2 added, 0 written over, 0 removed, 1 refused; looked at again, 2 still differ/);
});

test("rows are not repaired where a live write could be undone, and the way is named", async (t) => {
  for (const [phase, says] of [
    ["dual-write", /its writes are mirrored.*crossfade repair --route users.*mirror: \{ writes: false \}/],
    ["next-only", /next is the source of truth/],
  ] as const) {
    const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT, phase });
    const ended = await setup.run("reconcile", "users", "--repair");
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, says);
    assert.equal(setup.next.prepare("SELECT count(*) FROM users").pluck().get(), 4n);
    // To see what it would be, and to compare, is no write.
    assert.match((await setup.run("reconcile", "users", "--repair", "--dry-run")).stdout, /This is a plan/);
  }
  const setup = collectionSetup(t, { legacy: LEGACY, next: NEXT });
  const alone = await setup.run("reconcile", "users", "--dry-run");
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /write --repair too/);
});

const [maria, postgres] = [await mariadbServer(), await postgresServer()];
after(async () => {
  await maria.stop();
  await postgres.stop();
});

for (const name of ["postgres", "mariadb"] as const) {
  test(`${name}: what others write between the look and the repair stands, and what the source says by then is written`, async () => {
    const server = name === "postgres" ? postgres : maria;
    const url = await server.database();
    const run = async (sql: string): Promise<void> => await server.run(url, sql);
    await run(
      `CREATE TABLE a (id int PRIMARY KEY, n int); CREATE TABLE b (id int PRIMARY KEY, n int);
       INSERT INTO a VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1); INSERT INTO b VALUES (1, 0), (2, 0), (4, 0), (8, 1), (9, 1), (10, 1)`,
    );
    const open = async (table: string): Promise<RowTarget> => {
      const place = { url, table, key: ["id"], version: null };
      return name === "postgres" ? await openPostgres(place, table, false) : await openMysql(place, table, false);
    };
    const [source, target] = [await open("a"), await open("b")];
    const parts = { source, target, transformer: AS_THEY_ARE };
    const suspects: Suspect[] = [];
    await reconcile({
      ...parts,
      compare: DEFAULT_ROUTE.compare,
      now: Date.now(),
      progress: () => undefined,
      tell: (_, suspect) => suspects.push(suspect),
    });
    assert.equal(suspects.length, 9);
    // After the target was seen: 2 is written, 3 inserted, 4 removed, 9 written, and the source has 10 after all.
    let seen = false;
    const raced: RowTarget = {
      ...target,
      byKeys: async (keys) => {
        const rows = await target.byKeys(keys);
        if (!seen) {
          seen = true;
          await run(
            `UPDATE b SET n = 7 WHERE id = 2; INSERT INTO b VALUES (3, 7); DELETE FROM b WHERE id = 4; UPDATE b SET n = 7 WHERE id = 9;
             UPDATE a SET n = 5 WHERE id = 5; INSERT INTO a VALUES (10, 1)`,
          );
        }
        return rows;
      },
    };
    const done = await repairRows(suspects, { ...parts, target: raced, keepExtra: false });
    assert.deepEqual(done, { added: 2, replaced: 1, removed: 1, changed: 5, refused: [] });
    assert.deepEqual(await server.ask(url, "SELECT id, n FROM b ORDER BY id"), [
      ["1", "1"],
      ["2", "7"],
      ["3", "7"],
      ["5", "5"],
      ["6", "1"],
      ["9", "7"],
      ["10", "1"],
    ]);
    await source.close();
    await target.close();
  });
}
