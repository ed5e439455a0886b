import assert from "node:assert/strict";
import { test } from "node:test";
import { ended, ownRequests, repair, repairsOf, resultsOf, startRepair } from "../support/repairs.ts";
import { until } from "../support/until.ts";
import { assertEqualEnds, type Pair, pairOf, refuse } from "../support/repair-pair.ts";
import { json, type SeenRequest } from "../support/service.ts";

/** Holds the first request that `isHeld` picks, with the answer as it would be now; returns what lets it go. */
function holdFirst(pair: Pair, side: "old" | "fresh", isHeld: (seen: SeenRequest) => boolean) {
  let release: (() => void) | null = null;
  pair[side].before = (seen, response) => {
    if (release !== null || !isHeld(seen)) return false;
    const user = pair[side].users.get("1");
    const isRead = seen.method === "GET";
    release = () => {
      if (!isRead) pair[side].users.set("1", seen.body.toString());
      json(user === undefined && isRead ? 404 : 200, isRead ? (user ?? "{}") : seen.body.toString())(seen, response);
    };
    return true;
  };
  return { isHeld: () => release !== null, release: () => release?.() };
}

async function oneLostWrite(pair: Pair): Promise<void> {
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", { v: 1 });
  await pair.settled(1);
  pair.fresh.before = () => false;
}

test("a live write that comes while the primary is read is never overwritten by what was read", async (t) => {
  const pair = await pairOf(t);
  await oneLostWrite(pair);
  const held = holdFirst(pair, "old", (seen) => seen.method === "GET");
  const before = pair.next.seen.length;
  const { id } = await startRepair(pair);
  await until(held.isHeld);
  await pair.send("PUT", "/users/1", { v: 2 });
  held.release();
  const job = await ended(pair, id);
  await pair.settled(2);
  assert.deepEqual(resultsOf(job), { equal: 1 });
  assertEqualEnds(pair);
  assert.equal(pair.fresh.users.get("1"), '{"v":2}');
  // The stale reading was thrown away: nothing was written but the live copy.
  assert.ok(!ownRequests(pair.next, before).some((request) => request.startsWith("PUT")));
  assert.deepEqual(await repairsOf(pair), []);
});

test("a live write that comes while the shadow is written is delivered after it, and the client is not held up", async (t) => {
  const pair = await pairOf(t);
  await oneLostWrite(pair);
  const held = holdFirst(pair, "fresh", (seen) => seen.header("idempotency-key")?.startsWith("repair-") === true);
  const { id } = await startRepair(pair);
  await until(held.isHeld);
  const answered = await pair.send("PATCH", "/users/1");
  assert.equal(answered.status, 200);
  const copies = (): number => pair.next.seen.filter(({ method }) => method === "PATCH").length;
  assert.equal(copies(), 0);
  held.release();
  const job = await ended(pair, id);
  await pair.settled(2);
  assert.equal(copies(), 1);
  assert.deepEqual(resultsOf(job), { equal: 1 });
  // The relative write was applied once.
  assertEqualEnds(pair);
  assert.equal(pair.fresh.users.get("1"), '{"v":1,"n":1}');
});

test("while a repair writes, the list says until when that may land: a kill leaves a key that is not judged before", async (t) => {
  const pair = await pairOf(t);
  await oneLostWrite(pair);
  const held = holdFirst(pair, "fresh", (seen) => seen.header("idempotency-key")?.startsWith("repair-") === true);
  const { id } = await startRepair(pair);
  await until(held.isHeld);
  const [entry] = await repairsOf(pair);
  // By default the shadow may work for 30 s on what it was sent.
  assert.ok(Date.parse(entry?.notBefore ?? "") > Date.now() + 25_000, String(entry?.notBefore));
  assert.deepEqual([entry?.state, entry?.attempts], ["open", 0]);
  held.release();
  assert.deepEqual(resultsOf(await ended(pair, id)), { put: 1 });
  assert.deepEqual(await repairsOf(pair), []);
});

test("a write that marks the key again while it is repaired is not forgotten", async (t) => {
  const pair = await pairOf(t);
  await oneLostWrite(pair);
  const held = holdFirst(pair, "fresh", (seen) => seen.header("idempotency-key")?.startsWith("repair-") === true);
  const { id } = await startRepair(pair);
  await until(held.isHeld);
  await pair.send("PUT", "/users/1", { v: 2 });
  pair.fresh.before = (seen, response) => {
    if (seen.method !== "PUT" || seen.header("idempotency-key")?.startsWith("repair-") === true) return false;
    json(503, {})(seen, response);
    return true;
  };
  held.release();
  const job = await ended(pair, id);
  await pair.settled(2);
  // In its later rounds the run took up the new revision.
  assert.deepEqual(resultsOf(job), { put: 1 });
  assertEqualEnds(pair);
  assert.deepEqual(await repairsOf(pair), []);
});

test("with live writes of the same keys all the time, no end is wrong: what is off the list is equal", async (t) => {
  const pair = await pairOf(t);
  const ids = [1, 2, 3, 4, 5];
  let refusing = true;
  pair.fresh.before = (seen, response) => {
    if (!refusing || seen.method === "GET" || pair.next.seen.length % 3 !== 0) return false;
    json(503, {})(seen, response);
    return true;
  };
  let sent = 0;
  const write = async (id: number): Promise<void> => {
    for (let i = 0; i < 30; i++) {
      sent++;
      await pair.send(i % 4 === 3 ? "PATCH" : "PUT", `/users/${id}`, i % 4 === 3 ? undefined : { v: i });
    }
  };
  const writing = Promise.all([...ids, ...ids].map(write));
  const repairing = (async () => {
    for (let i = 0; i < 5; i++) await repair(pair);
  })();
  await Promise.all([writing, repairing]);
  await pair.settled(sent);
  refusing = false;
  const doubtful = new Set((await repairsOf(pair)).map(({ key }) => key));
  for (const id of ids) {
    if (doubtful.has(`users/${id}`)) continue;
    assert.equal(pair.fresh.users.get(String(id)), pair.old.users.get(String(id)), `users/${id}`);
  }
  await repair(pair);
  assertEqualEnds(pair);
  assert.deepEqual(await repairsOf(pair), []);
});
