import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import type { RowJobRecord } from "../../../proxy/row-job.ts";
import { endOf, runCli, spawnCli } from "../../support/cli.ts";
import { startBench } from "../../support/crossfade.ts";
import { until } from "../../support/until.ts";

const TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);";
const ROWS = 2_000;

test("a backfill tells the proxy how far it is, pauses by API and by file, goes on, and is done", async (t) => {
  const bench = await startBench(t, {
    routes: `routes:
  - { name: users, match: { path: "/users/**" }, phase: legacy-only }
collections:
  - name: users
    route: users
    source: { sqlite: ./legacy.db, table: users, key: id }
    target: { sqlite: ./next.db, table: users, key: id }
`,
  });
  const open = (name: string): Database.Database => {
    const db = new Database(join(bench.folder, name));
    db.exec(TABLE);
    t.after(() => db.close());
    return db;
  };
  const [legacy, next] = [open("legacy.db"), open("next.db")];
  legacy.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) INSERT INTO users SELECT i, 'name ' || i FROM n`,
  );
  const { adminUrl } = bench.crossfade;
  const options = { cwd: bench.folder, env: { CROSSFADE_ADMIN: adminUrl } };
  const job = async (): Promise<RowJobRecord | undefined> =>
    (await bench.api<{ items: readonly RowJobRecord[] }>("/api/v1/jobs")).items[0];
  const until_ = async (holds: (job: RowJobRecord) => boolean): Promise<RowJobRecord> => {
    let seen: RowJobRecord | undefined;
    await until(async () => {
      seen = await job();
      return seen !== undefined && holds(seen);
    });
    return seen ?? assert.fail();
  };
  const become = async (id: string, state: string): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ state });
    const answer = await request(`${adminUrl}/api/v1/jobs/${id}`, { method: "PATCH", headers, body });
    assert.equal(answer.statusCode, 200);
    await answer.body.dump();
  };
  const child = spawnCli(["backfill", "users", "--chunk", "20", "--max-rate", "500"], options);
  const ended = endOf(child);
  const { id, kind, estimate } = await until_(({ rows }) => rows > 0);
  assert.deepEqual([kind, estimate], ["backfill", ROWS]);

  await become(id, "paused");
  const paused = await until_(({ waiting }) => waiting === "paused by loopback");
  assert.equal(paused.state, "paused");
  assert.ok(paused.rows < ROWS);
  const { jobs } = await bench.api<{ jobs: readonly RowJobRecord[] }>("/api/v1/status");
  assert.deepEqual(
    jobs.map((each) => [each.id, each.waiting]),
    [[id, "paused by loopback"]],
  );
  const written = (): unknown => next.prepare("SELECT count(*) AS n FROM users").get();
  const before = written();

  const pause = join(bench.folder, "crossfade-backfill-users.pause");
  writeFileSync(pause, "");
  await become(id, "running");
  await until_(({ waiting }) => waiting === "paused by ./crossfade-backfill-users.pause; remove it");
  assert.deepEqual(written(), before);
  rmSync(pause);
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "users  2000 rows read, 2000 written\n");
  const done = await job();
  assert.deepEqual([done?.state, done?.rows, done?.written, done?.waiting], ["done", ROWS, ROWS, null]);

  const compared = await runCli(["reconcile", "users"], options);
  assert.equal(compared.code, 0, compared.stderr);
  const reconciled = await job();
  assert.deepEqual(
    [reconciled?.kind, reconciled?.state, reconciled?.rows, reconciled?.differing],
    ["reconcile", "done", ROWS, 0],
  );
});
