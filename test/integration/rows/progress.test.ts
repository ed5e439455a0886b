import Database from "better-sqlite3";
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import type { RunningJobRecord } from "../../../proxy/rows/running-job.ts";
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
  const job = async (): Promise<RunningJobRecord | undefined> =>
    (await bench.api<{ items: readonly RunningJobRecord[] }>("/api/v1/jobs")).items[0];
  const seen = async (holds: (job: RunningJobRecord) => boolean): Promise<RunningJobRecord> => {
    let last: RunningJobRecord | undefined;
    await until(async () => {
      last = await job();
      return last !== undefined && holds(last);
    });
    return last ?? assert.fail();
  };
  const become = async (id: string, state: string): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ state });
    const answer = await request(`${adminUrl}/api/v1/jobs/${id}`, { method: "PATCH", headers, body });
    assert.equal(answer.statusCode, 200);
    await answer.body.dump();
  };
  const pause = join(bench.folder, "crossfade-backfill-users.pause");
  writeFileSync(pause, "");
  const ended = endOf(spawnCli(["backfill", "users"], options));
  const { id, kind, state } = await seen(({ waiting }) => waiting !== null);
  assert.deepEqual([kind, state], ["backfill", "running"]);
  assert.equal((await job())?.waiting, "paused by ./crossfade-backfill-users.pause; remove it");

  await become(id, "paused");
  // It has the answer to the first report after that by the time of the second.
  for (let reports = 0; reports < 2; reports += 1) {
    const last = (await job())?.heardAt;
    await seen(({ heardAt }) => heardAt !== last);
  }
  rmSync(pause);
  const paused = await seen(({ waiting }) => waiting === "paused by loopback");
  assert.deepEqual([paused.state, paused.rows], ["paused", 0]);
  const { jobs } = await bench.api<{ jobs: readonly RunningJobRecord[] }>("/api/v1/status");
  assert.deepEqual(
    jobs.map((each) => [each.id, each.waiting]),
    [[id, "paused by loopback"]],
  );
  assert.deepEqual(next.prepare("SELECT count(*) AS n FROM users").get(), { n: 0 });
  await become(id, "running");

  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "users  2000 rows read, 2000 written\n");
  const done = await job();
  assert.deepEqual(
    [done?.state, done?.rows, done?.written, done?.estimate, done?.waiting],
    ["done", ROWS, ROWS, ROWS, null],
  );

  const compared = await runCli(["reconcile", "users"], options);
  assert.equal(compared.code, 0, compared.stderr);
  const reconciled = await job();
  assert.deepEqual(
    [reconciled?.kind, reconciled?.state, reconciled?.rows, reconciled?.differing],
    ["reconcile", "done", ROWS, 0],
  );
});
