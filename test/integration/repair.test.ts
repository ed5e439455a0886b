import assert from "node:assert/strict";
import { test } from "node:test";
import { ownRequests, repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { until } from "../support/until.ts";
import { assertEqualEnds, type Pair, pairOf, refuse, USERS_ROUTE } from "../support/repair-pair.ts";
import { json } from "../support/service.ts";

test("what the shadow refused, lost or kept is put, posted and deleted as the primary has it, read back, and taken off the list", async (t) => {
  const pair = await pairOf(t, { users: { 1: { v: 1 }, 2: { v: 1 }, 3: { v: 1 } } });
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", '{"v":2,  "big":9007199254740993}');
  await pair.send("DELETE", "/users/2");
  await pair.send("POST", "/users", { name: "Ann" });
  await pair.settled(3);
  pair.fresh.before = () => false;
  assert.deepEqual(
    (await repairsOf(pair)).map(({ key, reason }) => [key, reason]),
    [
      ["users/1", "shadow-refused"],
      ["users/2", "shadow-refused"],
      ["users/101", "shadow-refused"],
    ],
  );
  const [legacyBefore, nextBefore] = [pair.legacy.seen.length, pair.next.seen.length];
  const job = await repair(pair);
  assert.deepEqual(resultsOf(job), { put: 2, deleted: 1 });
  assert.deepEqual([job.state, job.total, job.done], ["done", 3, 3]);
  assertEqualEnds(pair);
  assert.equal(pair.fresh.users.get("1"), '{"v":2,  "big":9007199254740993}');
  assert.deepEqual(await repairsOf(pair), []);
  // The primary is only read.
  const asked = pair.legacy.seen.slice(legacyBefore);
  assert.deepEqual([...new Set(asked.map(({ method }) => method))], ["GET"]);
  assert.equal(ownRequests(pair.legacy, legacyBefore).length, asked.length);

  const put = pair.next.seen.slice(nextBefore).find(({ method }) => method === "PUT");
  assert.match(put?.header("idempotency-key") ?? "", /^repair-/);
  assert.equal(put?.header("content-type"), "application/json");
  assert.equal(put?.header("content-length"), String(put?.body.length));
  assert.equal(put?.header("if-match"), null);
  const orderOf = (order: string | null | undefined): number => Number(order?.split(".")[1]);
  const live = pair.next.seen.slice(0, nextBefore).map((seen) => orderOf(seen.header("x-crossfade-order")));
  assert.ok(orderOf(put?.header("x-crossfade-order")) > Math.max(...live));
  // None of this was mirrored or counted.
  const [route] = (await pair.status()).routes;
  assert.deepEqual([route?.eligible, route?.repairs], [3, 0]);
});

test("a dry run says what it would do and changes nothing, on the services or on the list", async (t) => {
  const pair = await pairOf(t, { users: { 1: { v: 1 } } });
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", { v: 2, password: "hunter2!" });
  await pair.send("DELETE", "/users/7");
  await pair.settled(2);
  pair.fresh.before = () => false;
  const listed = await repairsOf(pair);
  const before = pair.next.seen.length;
  const job = await repair(pair, { dryRun: true });
  assert.deepEqual(resultsOf(job), { differs: 1 });
  const [found] = job.findings;
  assert.deepEqual([found?.key, found?.would], ["users/1", "PUT"]);
  assert.deepEqual(
    found?.differences.map(({ at, kind }) => [at, kind]),
    [
      ["/v", "value"],
      ["/password", "missing"],
    ],
  );
  assert.match(found?.differences[1]?.primary ?? "", /^\[redacted|"\[redacted/);
  assert.deepEqual(ownRequests(pair.next, before), ["GET /users/1"]);
  assert.equal(pair.fresh.users.get("1"), '{"v":1}');
  assert.deepEqual(await repairsOf(pair), listed);
});

test("a shadow whose PUT creates nothing gets a POST to the path above, and one that gives ids of its own is parked at once", async (t) => {
  const pair = await pairOf(t);
  pair.fresh.before = refuse(503);
  await pair.send("POST", "/users", { id: 7, name: "Ann" });
  await pair.settled(1);
  pair.fresh.before = () => false;
  pair.fresh.putCreates = 405;
  const before = pair.next.seen.length;
  assert.deepEqual(resultsOf(await repair(pair)), { posted: 1 });
  assert.deepEqual(ownRequests(pair.next, before), ["GET /users/7", "PUT /users/7", "POST /users", "GET /users/7"]);
  assertEqualEnds(pair);

  pair.fresh.before = (seen, response) => {
    if (seen.method !== "POST") return false;
    json(201, { id: "other" })(seen, response);
    return true;
  };
  await pair.send("DELETE", "/users/7");
  await pair.settled(2);
  pair.fresh.before = refuse(503);
  await pair.send("POST", "/users", { id: 8, name: "Bob" });
  await pair.settled(3);
  pair.fresh.before = (seen, response) => {
    if (seen.method !== "POST") return false;
    json(201, { id: "other" })(seen, response);
    return true;
  };
  assert.deepEqual(resultsOf(await repair(pair)), { parked: 1 });
  const [parked] = await repairsOf(pair);
  assert.deepEqual([parked?.state, parked?.attempts], ["parked", 1]);
  assert.match(parked?.lastError ?? "", /took the POST and has no such entity/);
});

test("what keeps failing is parked with what was written and answered, shown in status, and tried again when asked", async (t) => {
  const routes = USERS_ROUTE.replace("rate: 1000/s", "rate: 1000/s, attempts: 2");
  const pair = await pairOf(t, { routes });
  pair.fresh.before = refuse(422);
  await pair.send("PUT", "/users/1", { v: 1 });
  await pair.settled(1);
  assert.deepEqual(resultsOf(await repair(pair)), { failed: 1 });
  assert.deepEqual(resultsOf(await repair(pair)), { parked: 1 });
  const [parked] = await repairsOf(pair);
  assert.deepEqual(
    [parked?.state, parked?.attempts, parked?.lastError],
    ["parked", 2, "the shadow answered 422 to PUT"],
  );
  const { at: _, ...evidence } = parked?.evidence ?? {};
  assert.deepEqual(evidence, {
    path: "/users/1",
    wrote: "PUT",
    answered: 422,
    primary: 200,
    shadow: 404,
    differences: [{ at: "", kind: "status" }],
  });
  const { warnings } = await pair.status();
  assert.ok(
    warnings.includes(
      "users: 1 key to repair (1 parked), not known to be equal on both sides: crossfade repair --route users",
    ),
    warnings.join("\n"),
  );
  pair.fresh.before = () => false;
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assertEqualEnds(pair);
});

test("a key that is redacted on the list and in everything that is said of it is repaired by its exact one", async (t) => {
  const routes = `${USERS_ROUTE}    redact: ["path:id"]\n`;
  const pair = await pairOf(t, { routes, store: "sqlite" });
  pair.fresh.before = refuse(422);
  await pair.send("PUT", "/users/ann@example.com", { v: 1 });
  await pair.settled(1);
  assert.deepEqual(resultsOf(await repair(pair)), { failed: 1 });
  const [entry] = await repairsOf(pair);
  assert.match(entry?.key ?? "", /^users\/\[redacted [0-9a-f]{8}\]$/);
  const shown = JSON.stringify([entry, await pair.api("/api/v1/jobs")]);
  assert.ok(!shown.includes("ann@example.com") && !shown.includes("ann%40"), shown);
  pair.fresh.before = () => false;
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assertEqualEnds(pair);
});

/** A first PUT that times out and is held back, a second one that is applied; returns what lets the first one land. */
async function lateCopy(pair: Pair): Promise<() => void> {
  const late: (() => void)[] = [];
  pair.fresh.before = (seen) => {
    if (seen.method === "GET") return false;
    late.push(() => pair.fresh.users.set("1", seen.body.toString()));
    return true;
  };
  await pair.send("PUT", "/users/1", { v: 1 });
  await pair.settled(1);
  pair.fresh.before = () => false;
  await pair.send("PUT", "/users/1", { v: 2 });
  await pair.settled(2);
  return () => {
    for (const land of late) land();
  };
}

test("while a copy that timed out may still land, its key is not even read", async (t) => {
  const pair = await pairOf(t, { nextService: "effects: suppressed\nasShadow: { timeout: 100ms, maxWork: 1h }" });
  await lateCopy(pair);
  const [entry] = await repairsOf(pair);
  assert.equal(entry?.reason, "shadow-timeout");
  const before = pair.next.seen.length;
  const job = await repair(pair);
  assert.deepEqual(resultsOf(job), { "not-before": 1 });
  assert.match(job.findings[0]?.why ?? "", new RegExp(`may land until ${entry?.notBefore}`));
  assert.equal(pair.next.seen.length, before);
});

test("a copy that landed after the write that followed it is made right once maxWork has passed", async (t) => {
  const pair = await pairOf(t, { nextService: "effects: suppressed\nasShadow: { timeout: 600ms, maxWork: 200ms }" });
  const land = await lateCopy(pair);
  land();
  assert.equal(pair.fresh.users.get("1"), '{"v":1}');
  const [entry] = await repairsOf(pair);
  await until(() => Date.now() > Date.parse(entry?.notBefore ?? ""));
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assertEqualEnds(pair);
  assert.equal(pair.fresh.users.get("1"), '{"v":2}');
});
