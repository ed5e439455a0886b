import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ownRequests, repair, repairsOf } from "../support/repairs.ts";
import { until } from "../support/until.ts";
import { assertEqualEnds, type Pair, pairOf, refuse, USERS_ROUTE } from "../support/repair-pair.ts";
import { json } from "../support/service.ts";

const PATIENT = 60_000;
const AUTOMATIC = USERS_ROUTE.replace("rate: 1000/s", "rate: 1000/s, automatic: true");

test("keys that are merely in doubt are verified by reading both sides, without being asked and without a write", async (t) => {
  const pair = await pairOf(t, { repairEveryMs: 20 });
  const held: (() => void)[] = [];
  pair.old.before = (seen, response) => {
    if (seen.method !== "PUT" || held.length === 2) return false;
    held.push(() => {
      pair.old.users.set("1", '{"v":1}');
      json(200, { v: 1 })(seen, response);
    });
    return true;
  };
  const both = [1, 2].map(() => pair.send("PUT", "/users/1", { v: 1 }));
  await pair.legacy.sawAtLeast(2);
  for (const release of held) release();
  await Promise.all(both);
  await pair.settled(2);
  await until(() => pair.legacy.seen.some(({ method }) => method === "GET"));
  await until(async () => (await repairsOf(pair)).length === 0);
  assertEqualEnds(pair);
  assert.deepEqual([...new Set(ownRequests(pair.next))], ["GET /users/1"]);
});

test("a key in doubt that differs stays on the list with the places, and nothing is written without being asked", async (t) => {
  const pair = await pairOf(t, { repairEveryMs: 20, users: { 1: { v: 0 } } });
  const held: (() => void)[] = [];
  pair.old.before = (seen, response) => {
    if (seen.method !== "PUT") return false;
    held.push(() => {
      pair.old.users.set("1", seen.body.toString());
      json(200, seen.body.toString())(seen, response);
    });
    return true;
  };
  pair.fresh.before = (seen, response) => {
    if (seen.method === "GET") return false;
    // It says what it should and keeps what it had.
    json(200, seen.body.toString())(seen, response);
    return true;
  };
  const both = [1, 2].map((v) => pair.send("PUT", "/users/1", { v }));
  await pair.legacy.sawAtLeast(2);
  for (const release of held) release();
  await Promise.all(both);
  await pair.settled(2);
  await until(async () => (await repairsOf(pair))[0]?.lastError !== null);
  const [entry] = await repairsOf(pair);
  assert.deepEqual([entry?.reason, entry?.state, entry?.attempts], ["overlap", "open", 0]);
  assert.deepEqual(entry?.evidence?.differences, [{ at: "/v", kind: "value" }]);
  assert.deepEqual([...new Set(ownRequests(pair.next))], ["GET /users/1"]);
});

/** A key in doubt, which is looked at whenever the list is gone through. */
async function writeInDoubt(pair: Pair, id: number): Promise<void> {
  const { before } = pair.fresh;
  let isBroken = false;
  pair.fresh.before = (seen, response) => {
    if (isBroken || seen.target !== `/users/${id}`) return before(seen, response);
    isBroken = true;
    response.socket?.destroy();
    return true;
  };
  await pair.send("PUT", `/users/${id}`, { v: id });
}

const QUICK = "effects: suppressed\nasShadow: { maxWork: 1ms }";

test("what was refused is not even read without being asked, unless the route says automatic", async (t) => {
  const pair = await pairOf(t, { repairEveryMs: 10, nextService: QUICK });
  pair.fresh.before = (seen, response) => seen.target === "/users/1" && refuse(503)(seen, response);
  await pair.send("PUT", "/users/1", { v: 1 });
  await writeInDoubt(pair, 2);
  await until(() => ownRequests(pair.next).includes("GET /users/2"));
  await until(async () => (await repairsOf(pair)).length === 1);
  assert.deepEqual([...new Set(ownRequests(pair.next))], ["GET /users/2"]);
});

for (const [when, repairEveryMs] of [
  // No timer comes in the test's life.
  ["when a live write has closed its breaker", 3_600_000],
  ["on a timer, which tries by itself whether it is back", 50],
] as const) {
  test(`with automatic, what a shadow that was down lost is written ${when}`, (t) => backAgain(t, repairEveryMs));
}

async function backAgain(t: TestContext, repairEveryMs: number): Promise<void> {
  const pair = await pairOf(t, {
    routes: AUTOMATIC,
    limits: "limits: { queued: 1MiB }",
    nextService: "effects: suppressed\nasShadow: { timeout: 2s, maxAge: 3s, maxWork: 10ms }",
    repairEveryMs,
  });
  let isDown = true;
  pair.fresh.before = (_seen, response) => {
    if (!isDown) return false;
    response.socket?.destroy();
    return true;
  };
  const count = 60;
  const much = "x".repeat(30_000);
  for (let id = 1; id <= count; id++) await pair.send("PUT", `/users/${id}`, { v: id, much });
  const [route] = await pair.settled(count);
  assert.ok((route?.reasons["queue-full"] ?? 0) > 0, JSON.stringify(route));
  const { length } = await repairsOf(pair);
  assert.ok(length > 10);
  isDown = false;
  if (repairEveryMs > PATIENT) await pair.send("PUT", "/users/100", { v: 100 });
  await until(async () => (await repairsOf(pair)).length < length);
  // Copies that catch up go first: what had no turn beside them is left to the timer.
  await until(async () => {
    if (repairEveryMs > PATIENT) await repair(pair);
    return (await repairsOf(pair)).length === 0;
  });
  await until(async () => (await pair.status()).routes.every(({ pending }) => pending === 0));
  assertEqualEnds(pair);
}

test("with automatic, what failed is tried again after a pause, and parked keys are left alone", async (t) => {
  const routes = AUTOMATIC.replace("automatic: true", "automatic: true, attempts: 1");
  const pair = await pairOf(t, { routes, repairEveryMs: 10, nextService: QUICK });
  pair.fresh.before = (seen, response) => seen.target === "/users/1" && refuse(422)(seen, response);
  await pair.send("PUT", "/users/1", { v: 1 });
  await until(async () => (await repairsOf(pair))[0]?.state === "parked");
  const before = pair.next.seen.length;
  await writeInDoubt(pair, 2);
  await until(() => ownRequests(pair.next).includes("GET /users/2"));
  assert.ok(!ownRequests(pair.next, before).some((request) => request.endsWith("/1")));
  // Marked again, it is open again.
  await pair.send("PUT", "/users/1", { v: 2 });
  await until(() => ownRequests(pair.next, before).includes("PUT /users/1"));
});
