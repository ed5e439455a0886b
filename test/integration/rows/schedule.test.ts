import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectionStatus } from "../../../proxy/admin/collection-status.ts";
import type { GateAnswer } from "../../../proxy/moves/gate-evidence.ts";
import { request } from "undici";
import { collectionSetup } from "../../support/collection.ts";
import { type Bench, startBench } from "../../support/crossfade.ts";

const TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);";
const ROWS = `${TABLE} INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');`;

const collections = async (bench: Bench): Promise<readonly CollectionStatus[]> =>
  (await bench.api<{ collections: CollectionStatus[] }>("/api/v1/status")).collections;
const users = async (bench: Bench): Promise<CollectionStatus> =>
  (await collections(bench))[0] ?? assert.fail("there is no collection");

/** Asks until there is something. */
async function found<T>(ask: () => Promise<T | null | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function configured(folder: string, reconcile: string): string {
  const tables = (name: string): string => `sqlite: "${folder}/${name}.db", table: users, key: id`;
  return `routes:
  - { name: users, match: { path: "/users/**" }, phase: backfilling }
collections:
  - { name: users, route: users, source: { ${tables("legacy")} }, target: { ${tables("next")} }, reconcile: ${reconcile} }
`;
}

test("rows are compared again and again by themselves: gate, status and metrics know how it ended", async (t) => {
  const setup = collectionSetup(t, { legacy: ROWS, next: ROWS, phase: "backfilling" });
  const tokens = 'tokens: [{ name: ops, role: operate, token: "0123456789abcdef" }]';
  const bench = await startBench(t, {
    store: "sqlite",
    routes: configured(setup.folder, "{ every: 1s }"),
    admin: tokens,
  });
  const headers = { authorization: "Bearer 0123456789abcdef" };
  const ask = async (path: string): Promise<string> =>
    (await request(bench.crossfade.adminUrl + path, { headers })).body.text();
  const status = async (): Promise<CollectionStatus> =>
    (JSON.parse(await ask("/api/v1/status")) as { collections: CollectionStatus[] }).collections[0] ??
    assert.fail("there is no collection");
  const first = await found(async () => {
    const { reconcile } = await status();
    return reconcile;
  });
  assert.deepEqual(
    [first.sourceRows, first.targetRows, first.missing, first.mismatched, first.extra, first.unmade],
    [3, 3, 0, 0, 0, 0],
  );
  assert.equal((await status()).cleanAt, first.begunAt);
  const gate = JSON.parse(await ask("/api/v1/routes/users/gate")) as GateAnswer;
  assert.match(gate.conditions.find(({ name }) => name === "reconcile")?.text ?? "", /^users: 3 rows equal/);
  const metric = async (line: RegExp): Promise<string | undefined> => line.exec(await ask("/metrics"))?.[0];
  assert.ok(await found(() => metric(/^crossfade_reconcile_rows\{.*collection="users".*\} 6$/m)));
  assert.ok(await metric(/^crossfade_reconcile_clean_age\{.*collection="users".*\} \d/m));

  setup.next.exec("DELETE FROM users WHERE id = 2");
  const second = await found(async () => {
    const { reconcile } = await status();
    return reconcile?.missing === 1 ? reconcile : null;
  });
  assert.ok(Date.parse(second.begunAt) > Date.parse(first.begunAt));
  const { cleanAt } = await status();
  assert.ok(cleanAt !== null && Date.parse(cleanAt) >= Date.parse(first.begunAt) && cleanAt < second.begunAt);
  assert.ok(await found(() => metric(/^crossfade_reconcile_differing\{.*collection="users".*kind="missing".*\} 1$/m)));
});

test("a sample of every so often leaves the gate where it was", async (t) => {
  const setup = collectionSetup(t, { legacy: ROWS, next: ROWS, phase: "backfilling" });
  const bench = await startBench(t, { store: "sqlite", routes: configured(setup.folder, "{ every: 1h, sample: 2 }") });
  const { sample, reconcile, cleanAt } = await found(async () => {
    const now = await users(bench);
    return now.sample === null ? null : now;
  });
  assert.deepEqual([sample?.legacy.drawn, sample?.next?.drawn, reconcile, cleanAt], [2, 2, null, null]);
  const { conditions } = await bench.api<GateAnswer>("/api/v1/routes/users/gate");
  assert.match(conditions.find(({ name }) => name === "reconcile")?.text ?? "", /^users: its rows were not compared/);
  const { schedule } = await found(async () => {
    const now = await users(bench);
    return (now.schedule?.nextAt ?? null) === null ? null : now;
  });
  const inMs = Date.parse(schedule?.nextAt ?? "") - Date.parse(sample?.begunAt ?? "");
  assert.equal(inMs, 60 * 60_000, "an hour after the last one began");
});

test("what cannot be compared is told with the reason", async (t) => {
  const setup = collectionSetup(t, { legacy: ROWS, next: "CREATE TABLE others (id INTEGER PRIMARY KEY);" });
  const bench = await startBench(t, { store: "sqlite", routes: configured(setup.folder, "{ every: 1h }") });
  const { schedule, reconcile } = await found(async () => {
    const now = await users(bench);
    return (now.schedule?.problem ?? null) === null ? null : now;
  });
  assert.match(schedule?.problem ?? "", /^crossfade reconcile ended with 3: .*there is no table users/);
  assert.equal(reconcile, null);
});
