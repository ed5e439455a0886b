/** Services that store the mark which Crossfade puts on writes: what was changed without it is counted on either side. */
import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../support/cli.ts";
import { startBench } from "../support/crossfade.ts";
import type { SeenRequest, TestService } from "../support/service.ts";

const TABLE = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, written_by TEXT, updated_at TEXT);
  INSERT INTO users VALUES (1, 'one', NULL, '2026-11-01T00:00:00Z'), (2, 'two', NULL, '2026-11-01T00:00:00Z')`;

const CONFIG = `routes:
  - { name: users, match: { path: "/users/:id" }, phase: dual-write }
  - { name: orders, match: { path: "/orders/:id" }, phase: dual-write, touches: [{ entity: users, at: "body:/user" }] }
  - { name: stock, match: { path: "/stock/:id" }, phase: dual-write }
collections:
  - name: users
    route: users
    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
    marks: { column: written_by, header: X-Written-By, is: [api], changedAt: updated_at, since: 2026-11-02 }
`;

/** Over a table of its own; `at`: of all its changes. */
function serve(service: TestService, file: string, at: string): Database.Database {
  const db = new Database(file);
  db.exec(TABLE);
  service.answerWith((seen, response) => {
    const id = seen.target.split("/")[2];
    if (seen.method === "PUT")
      db.prepare("UPDATE users SET name = ?, written_by = ?, updated_at = ? WHERE id = ?").run(
        String(seen.body),
        seen.header("x-written-by"),
        at,
        id,
      );
    response.writeHead(200, { "content-type": "application/json" });
    response.end("{}");
  });
  return db;
}

test("writes of a collection's routes reach both services with its mark, in place of a client's; what has none is counted", async (t) => {
  const bench = await startBench(t, { routes: CONFIG });
  const at = "2026-11-03T00:00:00Z";
  const databases = [bench.legacy, bench.next].map((service, i) =>
    serve(service, join(bench.folder, i === 0 ? "legacy.db" : "next.db"), at),
  );
  t.after(() => databases.forEach((db) => db.close()));
  const own = { "x-written-by": "psql" };
  await bench.send("PUT", "/users/1", '"new"', own);
  await bench.send("PUT", "/orders/7", '{"user":1}');
  await bench.send("PUT", "/stock/7", "{}", own);
  await bench.send("GET", "/users/1", undefined, own);
  await bench.settled(3);
  const marks = ({ seen }: TestService): unknown =>
    seen.map((one: SeenRequest) => [one.method, one.target, valuesOf(one)]).toSorted();
  const written = [
    ["PUT", "/orders/7", ["api"]],
    ["PUT", "/stock/7", ["psql"]],
    ["PUT", "/users/1", ["api"]],
  ];
  assert.deepEqual(marks(bench.legacy), [["GET", "/users/1", ["psql"]], ...written], "a read is as the client sent it");
  assert.deepEqual(marks(bench.next), written);

  const options = { cwd: bench.folder };
  const reconcile = async (): Promise<string> =>
    (await runCli(["reconcile", "users", "--config", bench.configFile], options)).stdout;
  assert.match(await reconcile(), /2 equal.*\nusers {2}changed around the proxy: 0 rows of legacy, 0 of next\n$/);
  // A job that writes by itself sends no header to anybody.
  for (const db of databases)
    db.prepare("UPDATE users SET name = 'cron', written_by = NULL, updated_at = ? WHERE id = 2").run(at);
  assert.match(await reconcile(), /2 equal.*\nusers {2}changed around the proxy: 1 rows of legacy, 1 of next\n$/);

  const explained = await runCli(["explain", "PUT", "/users/1", "--config", bench.configFile], options);
  assert.match(
    explained.stdout.replaceAll(/\s+/g, " "),
    /Marked: both services get it with x-written-by: api, in place of the client's own/,
  );
});

function valuesOf({ headers }: SeenRequest): readonly string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === "x-written-by");
}
