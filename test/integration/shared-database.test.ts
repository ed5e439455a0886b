/** Two services on one real database, with Crossfade in front of both. */
import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import type { MoveReport } from "../../proxy/moves/phase-move.ts";
import { runCli } from "../support/cli.ts";
import { collectionSetup } from "../support/collection.ts";
import { startBench } from "../support/crossfade.ts";
import type { Answer } from "../support/service.ts";

const ROUTES = `
routes:
  - { name: stock, match: { path: "/stock/:id" }, sharedDatabase: true, mirror: { reads: 100% } }
`;

/** `POST /stock/7` adds one, `GET` tells how many there are: what is applied twice is counted. */
function stockOn(db: Database.Database, spell: (count: number) => unknown): Answer {
  return ({ method, target }, response) => {
    const id = target.slice("/stock/".length);
    if (method === "POST") {
      db.prepare("INSERT INTO stock VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1").run(id);
    }
    const row = db.prepare<[string], { count: number }>("SELECT count FROM stock WHERE id = ?").get(id);
    response.writeHead(row === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(spell(row?.count ?? 0)));
  };
}

test("with one database behind both services each write is applied once, in every phase, and reads are compared", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-shared-"));
  const db = new Database(join(folder, "shop.db"));
  db.exec("CREATE TABLE stock (id TEXT PRIMARY KEY, count INTEGER NOT NULL)");
  t.after(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  const bench = await startBench(t, {
    store: "memory",
    routes: ROUTES,
    legacy: stockOn(db, (count) => ({ count })),
    next: stockOn(db, (count) => ({ count: String(count) })),
  });
  const count = (): unknown => db.prepare("SELECT count FROM stock WHERE id = '7'").pluck().get();
  const api = async (method: "PATCH" | "POST", path: string, body: unknown) => {
    const answer = await request(`${bench.crossfade.adminUrl}/api/v1/routes/stock${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: answer.statusCode, body: (await answer.body.json()) as MoveReport & { readonly detail?: string } };
  };
  const move = async (step: "advance" | "rollback"): Promise<string> => {
    const { status, body } = await api("POST", "/phase", { step, force: true, reason: "a test has no seven days" });
    assert.equal(status, 200, JSON.stringify(body));
    return body.to;
  };

  assert.equal((await bench.send("POST", "/stock/7")).status, 200);
  assert.equal(count(), 1);
  assert.equal((await bench.send("GET", "/stock/7")).text, '{"count":1}');
  const [route] = await bench.settled(1);
  // The read alone was eligible; next answers a text.
  assert.deepEqual([route?.eligible, route?.outcomes["divergent"]], [1, 1]);
  assert.deepEqual(
    bench.next.seen.map(({ method }) => method),
    ["GET"],
  );

  const on = await api("PATCH", "", { mirror: true });
  assert.equal(on.status, 400, JSON.stringify(on.body));
  assert.match(on.body.detail ?? "", /both services use one database \(sharedDatabase\)/);
  await bench.send("POST", "/stock/7");
  assert.equal(count(), 2);

  for (const [step, to, answers] of [
    ["advance", "next-primary", '{"count":"3"}'],
    ["advance", "next-only", '{"count":"4"}'],
    ["rollback", "next-primary", '{"count":"5"}'],
    ["rollback", "dual-write", '{"count":6}'],
  ] as const) {
    assert.equal(await move(step), to);
    assert.equal((await bench.send("POST", "/stock/7")).text, answers);
    const view = await bench.api<{ gaps: number; repairs: number; rollback: { price: string } | null }>(
      "/api/v1/routes/stock",
    );
    // What one service wrote the other one has: there is no gap, and the way back costs nothing.
    assert.deepEqual([view.gaps, view.repairs, view.rollback?.price ?? "free"], [0, 0, "free"], to);
  }
  assert.equal(count(), 6);
});

test("there is nothing to copy or to compare row by row, and check, explain and schema say what there is", async (t) => {
  const setup = collectionSetup(t, {
    legacy: "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
    next: "CREATE TABLE users (id INTEGER PRIMARY KEY)",
    phase: "dual-write",
    route: "    sharedDatabase: true\n    mirror: { reads: 5% }",
    tables: "    source: { sqlite: ./legacy.db, table: users, key: id }",
  });
  for (const command of ["backfill", "reconcile"]) {
    const ended = await setup.run(command, "users");
    assert.equal(ended.code, 1);
    assert.match(
      ended.stderr,
      /the services of route users use one database \(sharedDatabase\): there is no second table/,
    );
  }
  const schema = await setup.run("schema", "users");
  assert.equal(schema.code, 0, schema.stderr);
  assert.match(schema.stdout, /^both\nhazard {4}beyond-2\^53 id: INTEGER/);
  const explained = await runCli(["explain", "PUT", "/users/7"], setup.options);
  assert.match(
    explained.stdout.replaceAll(/\s+/g, " "),
    /Not mirrored: both services use one database \(sharedDatabase\)/,
  );
});
