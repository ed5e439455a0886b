import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createAdmin } from "../../proxy/admin/server.ts";
import type { JobRecord, RepairOrder } from "../../proxy/repair-job.ts";
import { sampleAdminParts } from "../support/admin-parts.ts";
import { fixedStore } from "../support/fixed-store.ts";

async function start(t: TestContext) {
  const orders: RepairOrder[] = [];
  const cancelled: string[] = [];
  let running: string | null = null;
  const sample = sampleAdminParts(fixedStore());
  const [job] = sample.repairs.jobs();
  const parts = sampleAdminParts(fixedStore(), {
    repairs: {
      ...sample.repairs,
      async start(order) {
        if (running !== null) return null;
        orders.push(order);
        running = "01JOB";
        return job as JobRecord;
      },
      running: () => running,
      cancel(id, by) {
        if (id !== "01JOB") return null;
        cancelled.push(by);
        return job as JobRecord;
      },
    },
  });
  const admin = await createAdmin(parts);
  t.after(() => admin.close());
  const url = `http://127.0.0.1:${admin.address.port}`;
  const ask = async (method: string, path: string, body?: unknown, token?: string) => {
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const answer = await fetch(url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { ask, orders, cancelled, parts };
}

test("a run is started with what was asked and by whom; a second one is refused with the id of the first", async (t) => {
  const { ask, orders } = await start(t);
  const first = await ask("POST", "/api/v1/repairs/run", {
    route: "users",
    dryRun: true,
    rate: "600/m",
    reason: " next is back ",
  });
  assert.deepEqual([first.status, first.body["id"]], [200, "01JOB"]);
  assert.deepEqual(orders, [
    { route: "users", dryRun: true, ratePerSecond: 10, reason: "next is back", by: "loopback" },
  ]);
  const second = await ask("POST", "/api/v1/repairs/run", {});
  assert.deepEqual([second.status, second.body["job"]], [409, "01JOB"]);
});

test("only the role operate starts and cancels; reading is for every token", async (t) => {
  const { ask, orders, cancelled, parts } = await start(t);
  const tokens = (["read", "operate"] as const).map((role) => ({ name: `of-${role}`, role, token: role }));
  parts.settings = { ...parts.settings, admin: { ...parts.settings.admin, tokens } };
  assert.equal((await ask("POST", "/api/v1/repairs/run", {}, "read")).status, 403);
  assert.equal((await ask("PATCH", "/api/v1/jobs/01JOB", { state: "cancelled" }, "read")).status, 403);
  assert.equal((await ask("GET", "/api/v1/jobs", undefined, "read")).status, 200);
  assert.equal((await ask("GET", "/api/v1/jobs/01JOB", undefined, "read")).status, 200);
  assert.deepEqual([orders, cancelled], [[], []]);
  assert.equal((await ask("POST", "/api/v1/repairs/run", {}, "operate")).status, 200);
  assert.equal((await ask("PATCH", "/api/v1/jobs/01JOB", { state: "cancelled" }, "operate")).status, 200);
  assert.deepEqual([orders[0]?.by, cancelled], ["of-operate", ["of-operate"]]);
});

test("what is wrong with a request is told, and starts nothing", async (t) => {
  const { ask, orders } = await start(t);
  const cases: readonly (readonly [method: string, path: string, body: unknown, status: number, detail: RegExp])[] = [
    ["POST", "/api/v1/repairs/run", { route: "usres" }, 400, /route is "usres", .* did you mean users\?/],
    ["POST", "/api/v1/repairs/run", { dryRun: "yes" }, 400, /dryRun is "yes", which is neither true nor false/],
    ["POST", "/api/v1/repairs/run", { rate: 20 }, 400, /rate is 20, which is no rate up to 10000\/s; write 20\/s/],
    ["POST", "/api/v1/repairs/run", { rate: "0/s" }, 400, /no rate/],
    ["POST", "/api/v1/repairs/run", { key: "users/1" }, 400, /no member "key"/],
    ["PATCH", "/api/v1/jobs/01JOB", { state: "ended" }, 400, /state is "ended".* write cancelled/],
    ["PATCH", "/api/v1/jobs/nobody", { state: "cancelled" }, 404, /no job has the id "nobody"/],
    ["GET", "/api/v1/jobs/nobody", undefined, 404, /no job has the id "nobody"/],
  ];
  for (const [method, path, body, status, detail] of cases) {
    const answer = await ask(method, path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(String(answer.body["detail"]), detail);
  }
  assert.deepEqual(orders, []);
});
