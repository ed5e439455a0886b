import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "undici";
import type { AuditEntry } from "../../../proxy/evidence/audit.ts";
import type { GateAnswer, GateCondition } from "../../../proxy/moves/gate-evidence.ts";
import type { RetireAnswer, RetireCondition } from "../../../proxy/moves/retire.ts";
import { collectionSetup } from "../../support/collection.ts";
import { startBench } from "../../support/crossfade.ts";

const MARKS = "via TEXT DEFAULT 'api', changed TEXT DEFAULT '2026-11-23 12:00:00'";
const ROWS = `CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT, old INTEGER, ${MARKS});`;
const NEXT = `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, origin TEXT, ${MARKS});`;

test("the gate asks for backfill and reconcile, both tell it, and a clean reconcile ends what only it can end", async (t) => {
  const columns = `    columns:
      - { to: email, from: mail, as: [trim, lowercase] }
      - { to: origin, value: legacy }
      - { leaveOut: old }
    marks: { column: via, is: [api], changedAt: changed, since: 2026-11-22 }
`;
  const setup = collectionSetup(t, {
    legacy: `${ROWS} INSERT INTO users (id, mail, old) VALUES (1, ' A@X', 1), (2, 'b@x', 2), (3, NULL, 3);`,
    next: NEXT,
    phase: "backfilling",
    more: columns,
  });
  const tables = (name: string): string => `sqlite: "${setup.folder}/${name}.db", table: users, key: id`;
  const bench = await startBench(t, {
    store: "sqlite",
    routes: `routes:
  - { name: users, match: { path: "/users/**" }, phase: backfilling }
collections:
  - name: users
    route: users
    source: { ${tables("legacy")} }
    target: { ${tables("next")} }
${columns}`,
  });
  const at = ["--config", bench.configFile];
  const { adminUrl } = bench.crossfade;
  const run = async (command: string, ...more: readonly string[]) =>
    await setup.run(command, "users", ...at, "--admin", adminUrl, ...more);
  const gate = async (): Promise<Record<string, GateCondition>> => {
    const answer = await bench.api<GateAnswer>("/api/v1/routes/users/gate");
    return Object.fromEntries(answer.conditions.map((condition) => [condition.name, condition]));
  };
  const direct = async (): Promise<RetireCondition | undefined> => {
    const { conditions } = await bench.api<RetireAnswer>("/api/v1/routes/users/retire");
    return conditions.find(({ name }) => name === "direct-writes");
  };
  assert.equal((await direct())?.state, "not-asked");
  const before = await gate();
  assert.match(before["backfill"]?.text ?? "", /^users: its rows were not brought over; crossfade backfill users$/);
  assert.match(before["reconcile"]?.text ?? "", /^users: its rows were not compared/);

  // Writes that are kept from next leave a gap.
  await request(`${adminUrl}/api/v1/routes/users`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mirror: false }),
  });
  await bench.send("PUT", "/users/1", {});
  await request(`${adminUrl}/api/v1/routes/users`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mirror: null }),
  });
  assert.equal((await gate())["gaps"]?.state, "missing");

  const copied = await run("backfill");
  assert.equal(copied.code, 0, copied.stderr);
  assert.deepEqual(setup.next.prepare("SELECT id, email, origin FROM users ORDER BY id").raw().all(), [
    [1n, "a@x", "legacy"],
    [2n, "b@x", "legacy"],
    [3n, null, "legacy"],
  ]);
  setup.next.exec("DELETE FROM users WHERE id = 2");
  assert.equal((await run("reconcile")).code, 1);
  const differs = await gate();
  assert.deepEqual([differs["backfill"]?.state, differs["gaps"]?.state], ["met", "missing"]);
  assert.match(differs["reconcile"]?.text ?? "", /^users: 1 missing, 0 mismatched, 0 extra \(begun/);

  setup.next.exec("INSERT INTO users (id, email, origin) VALUES (2, 'b@x', 'legacy')");
  const equal = await run("reconcile");
  assert.equal(equal.code, 0, equal.stderr);
  assert.match(equal.stderr, /crossfade: ended by this: 1 gaps, 0 repairs of whole collections/);
  const after = await gate();
  assert.deepEqual([after["reconcile"]?.state, after["gaps"]?.state], ["met", "met"]);
  assert.match(after["reconcile"]?.text ?? "", /^users: 3 rows equal/);
  const { items } = await bench.api<{ items: AuditEntry[] }>("/api/v1/audit");
  assert.match(
    items[0]?.what ?? "",
    /^3 rows against 3: 0 missing, .*; 1 gaps and 0 repairs of whole collections ended$/,
  );

  const asked = await direct();
  assert.match(asked?.text ?? "", /^no change in legacy past Crossfade in /);
  assert.equal(asked?.figure, 0);

  // Somebody writes past the proxy, the same on both sides.
  for (const [db, column] of [
    [setup.legacy, "mail"],
    [setup.next, "email"],
  ] as const)
    db.exec(`UPDATE users SET ${column} = 'c@x', via = 'psql', changed = '2026-11-24' WHERE id = 3`);
  const around = await run("reconcile");
  assert.match(around.stdout, /^users {2}3 rows .*\nusers {2}changed around the proxy: 1 rows of legacy, 1 of next\n$/);
  assert.match(
    (await gate())["reconcile"]?.text ?? "",
    /^users: 1 row of legacy and 1 of next changed around the proxy/,
  );

  assert.match((await direct())?.text ?? "", /^1 change in legacy past Crossfade, the last found .* ago/);

  // A job that nobody began.
  const end = await request(`${adminUrl}/api/v1/row-jobs/01NONE/end`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ job: "backfill", read: 1, written: 1, setAside: 0, conflicts: 0 }),
  });
  assert.equal(end.statusCode, 404);
  await end.body.dump();
});
