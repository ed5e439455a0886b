import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createAdmin } from "../../proxy/admin/server.ts";
import { createRunningJobs } from "../../proxy/rows/running-jobs.ts";
import { sampleAdminParts } from "../support/admin-parts.ts";
import { fixedStore } from "../support/fixed-store.ts";

async function start(t: TestContext) {
  const runningJobs = createRunningJobs({
    collections: () => [{ name: "people", route: "users" } as never],
    lagMs: () => 250,
    clock: { now: () => Date.now() },
    audit: () => undefined,
  });
  const parts = sampleAdminParts(fixedStore(), { runningJobs });
  const admin = await createAdmin(parts);
  t.after(() => admin.close());
  const url = `http://127.0.0.1:${admin.address.port}`;
  return async (method: string, path: string, body?: unknown) => {
    const sent = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(url + path, { method, ...(body === undefined ? {} : sent) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
}

test("a job over rows is among the jobs, in status, and hears of a pause with its next report", async (t) => {
  const ask = await start(t);
  const begun = await ask("POST", "/api/v1/running-jobs", { kind: "backfill", collection: "people" });
  assert.deepEqual([begun.status, begun.body["wanted"], begun.body["lagMs"]], [200, null, 250]);
  const id = String(begun.body["id"]);
  const told = { rows: 10, estimate: 100, rowsPerSecond: 2.5, written: 9, setAside: 1, waiting: "paused by ops" };
  assert.equal((await ask("POST", `/api/v1/running-jobs/${id}/progress`, told)).status, 200);
  const { items } = (await ask("GET", "/api/v1/jobs")).body as { items: Record<string, unknown>[] };
  assert.deepEqual(
    items.map(({ kind }) => kind),
    ["backfill", "repair"],
  );
  assert.deepEqual([items[0]?.["written"], items[0]?.["waiting"]], [9, "paused by ops"]);
  const status = (await ask("GET", "/api/v1/status")).body as { jobs: Record<string, unknown>[] };
  assert.deepEqual(
    status.jobs.map((job) => job["id"]),
    [id],
  );
  const paused = await ask("PATCH", `/api/v1/jobs/${id}`, { state: "paused" });
  assert.deepEqual([paused.status, paused.body["state"]], [200, "paused"]);
  const heard = await ask("POST", `/api/v1/running-jobs/${id}/progress`, { rows: 11 });
  assert.deepEqual(heard.body["wanted"], { state: "paused", by: "loopback" });
  await ask("PATCH", `/api/v1/jobs/${id}`, { state: "cancelled" });
  const stopped = await ask("POST", `/api/v1/running-jobs/${id}/progress`, { rows: 11, end: "stopped" });
  assert.deepEqual(stopped.body["wanted"], { state: "stopped", by: "loopback" });
  const late = await ask("PATCH", `/api/v1/jobs/${id}`, { state: "running" });
  assert.deepEqual([late.status, late.body["detail"]], [409, "the backfill of people is over (stopped)"]);
});

test("what no job can be told, or tell, is refused with the member and what to write", async (t) => {
  const ask = await start(t);
  const compared = await ask("POST", "/api/v1/running-jobs", { kind: "reconcile", collection: "people", dryRun: true });
  const id = String(compared.body["id"]);
  for (const [method, path, body, status, says] of [
    [
      "POST",
      "/api/v1/running-jobs",
      { kind: "copy", collection: "people" },
      400,
      /kind is "copy", which is none of backfill, reconcile/,
    ],
    ["POST", "/api/v1/running-jobs", { kind: "backfill" }, 400, /collection is undefined, which is no name/],
    [
      "POST",
      "/api/v1/running-jobs",
      { kind: "backfill", collection: "others" },
      404,
      /has no collection "others"; it has none/,
    ],
    ["POST", `/api/v1/running-jobs/${id}/progress`, {}, 400, /rows is missing/],
    [
      "POST",
      `/api/v1/running-jobs/${id}/progress`,
      { rows: -1 },
      400,
      /rows is -1, which is no whole number from 0 on/,
    ],
    [
      "POST",
      `/api/v1/running-jobs/${id}/progress`,
      { rows: 1, end: "won" },
      400,
      /end is "won", which is none of done, stopped, failed/,
    ],
    [
      "POST",
      `/api/v1/running-jobs/${id}/progress`,
      { rows: 1, waiting: "x".repeat(501) },
      400,
      /waiting is .* of 500 characters at most/,
    ],
    ["POST", "/api/v1/running-jobs/01NONE/progress", { rows: 1 }, 404, /no job over rows has the id "01NONE"/],
    ["PATCH", `/api/v1/jobs/${id}`, { state: "paused" }, 409, /a comparison of rows ends where it was started/],
    ["PATCH", "/api/v1/jobs/01JOB", { state: "paused" }, 409, /a run over the repair list does not pause/],
    ["PATCH", `/api/v1/jobs/${id}`, { state: "done" }, 400, /write cancelled or paused or running/],
    ["PATCH", "/api/v1/jobs/01NONE", { state: "running" }, 404, /no job has the id/],
  ] as const) {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    assert.match(String(answer.body["detail"]), says);
  }
});
