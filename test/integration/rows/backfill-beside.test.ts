import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import { type CollectionGiven, collectionSetup } from "../../support/collection.ts";
import { type Bench, startBench } from "../../support/crossfade.ts";
import { json, startService } from "../../support/service.ts";

const ROWS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, version INTEGER);";
const LEGACY = `${ROWS} INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);`;

async function besideProxy(t: TestContext, given: CollectionGiven) {
  const setup = collectionSetup(t, { phase: "backfilling", ...given });
  const bench = await startBench(t, {
    routes: `routes:
  - { name: users, match: { path: "/users/**" }, phase: backfilling }
collections:
  - { name: users, route: users, source: { sqlite: ./legacy.db, table: users, key: id }, target: { sqlite: ./next.db, table: users, key: id } }
`,
  });
  const backfill = async (...more: readonly string[]) =>
    await setup.run("backfill", "users", "--admin", bench.crossfade.adminUrl, ...more);
  return { setup, bench, backfill };
}

async function auditOf(bench: Bench): Promise<readonly string[]> {
  const { items } = await bench.api<{ items: AuditEntry[] }>("/api/v1/audit");
  return items.map(({ action, what }) => `${action}: ${what}`);
}

test("SQLite: rows are written beside live writes, and the proxy's audit has who began and how it ended", async (t) => {
  const { setup, bench, backfill } = await besideProxy(t, { legacy: LEGACY, next: ROWS });
  const ended = await backfill("--chunk", "2");
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, "users  3 rows read, 3 written\n");
  assert.deepEqual(setup.next.prepare("SELECT id FROM users").pluck().all(), [1n, 2n, 3n]);
  assert.deepEqual(await auditOf(bench), ["backfill: backfill done", "backfill: backfill beside live writes begun"]);
});

test("one version with two contents is a conflict: it is told and not written, and an older version is kept from", async (t) => {
  const tables = `    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id, version: version }`;
  const { setup, backfill } = await besideProxy(t, {
    legacy: LEGACY,
    next: `${ROWS} INSERT INTO users VALUES (1, 'A', 1), (2, 'newer', 7), (3, 'older', 2);`,
    tables,
  });
  const ended = await backfill();
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(
    ended.stdout,
    /^users {2}3 rows read, 1 written, 2 kept .*, 1 in conflict .*\n {2}1 {2}differs at the same version\n/,
  );
  assert.deepEqual(setup.next.prepare("SELECT name FROM users ORDER BY id").pluck().all(), ["A", "newer", "c"]);
});

test("rows of which nothing says what the route's keys call them are refused, with the way out", async (t) => {
  const legacy =
    "CREATE TABLE users (id INTEGER, name TEXT NOT NULL, version INTEGER, PRIMARY KEY (id, name)) WITHOUT ROWID;";
  const tables = `    source: { sqlite: ./legacy.db, table: users, key: [id, name] }
    target: { sqlite: ./next.db, table: users, key: [id, name] }`;
  const { backfill } = await besideProxy(t, {
    legacy: `${legacy} INSERT INTO users VALUES (1, 'a', 1), (1, 'b', 1);`,
    next: legacy,
    tables,
  });
  const refused = await backfill();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /its key has 2 columns; write entityId: the one that the route's keys hold/);
  const named = await besideProxy(t, {
    legacy: `${legacy} INSERT INTO users VALUES (1, 'a', 1), (1, 'b', 1);`,
    next: legacy,
    tables,
    more: "    entityId: id\n",
  });
  assert.equal((await named.backfill()).stdout, "users  2 rows read, 2 written\n");
  const wrong = await besideProxy(t, { legacy, next: legacy, tables, more: "    entityId: uid\n" });
  assert.match((await wrong.backfill()).stderr, /entityId is uid, and .* has no such column; it has id, name, version/);
});

test("what was begun while nobody mirrored is not gone on with beside live writes", async (t) => {
  const { setup, backfill } = await besideProxy(t, { legacy: LEGACY, next: ROWS });
  const begun = await backfill("--chunk", "1");
  assert.equal(begun.code, 0, begun.stderr);
  const file = join(setup.folder, "crossfade-backfill-users.json");
  const noted = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...noted, done: false, beside: false }));
  const refused = await backfill();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /begun while no writes were mirrored: .*; begin anew with --restart/);
  assert.equal((await backfill("--restart")).code, 0);
});

test("a proxy that was restarted is asked anew, and what was read is read again; one that knows of a later job ends it", async (t) => {
  const asked: string[] = [];
  let freezes = 0;
  const proxy = await startService((seen, response) => {
    const [, what = ""] = /\/api\/v1\/(.*)/.exec(seen.target) ?? [];
    // Of its progress it knows nothing, and goes on.
    if (what.startsWith("running-jobs")) return json(404, {})(seen, response);
    asked.push(what);
    const say = (status: number, body: unknown): void => json(status, body)(seen, response);
    if (what === "routes/users") return say(200, { phase: "backfilling", mirror: { writes: true } });
    if (what === "backfills")
      return say(200, { id: `job${asked.filter((each) => each === "backfills").length}`, entity: "users" });
    if (what.endsWith("/confirm")) return say(200, { holds: true });
    if (!what.endsWith("/freeze")) return say(200, { at: asked.length });
    freezes += 1;
    if (freezes === 1) return say(404, { detail: "no backfill has the id" });
    if (freezes === 2) return say(200, { end: "frozen", freeze: 1, touched: [] });
    return say(409, { detail: "backfill was replaced by a later one of its collection" });
  });
  t.after(() => proxy.close());
  const setup = collectionSetup(t, { legacy: LEGACY, next: ROWS, phase: "backfilling" });
  const ended = await setup.run("backfill", "users", "--chunk", "2", "--admin", proxy.url);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /was replaced by a later one/);
  const ofBackfill = asked.filter((what) => what.startsWith("backfills"));
  assert.deepEqual(ofBackfill.slice(0, 9), [
    "backfills",
    "backfills/job1/window",
    "backfills/job1/mark",
    "backfills/job1/freeze",
    "backfills",
    "backfills/job2/window",
    "backfills/job2/mark",
    "backfills/job2/freeze",
    "backfills/job2/confirm",
  ]);
  assert.deepEqual(setup.next.prepare("SELECT id FROM users").pluck().all(), [1n, 2n]);
});
