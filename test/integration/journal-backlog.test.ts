import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import type { RouteJson } from "../support/crossfade.ts";
import { accounts, heldAnswer, type Journaled, type JournaledStatus, startJournaled } from "../support/journaled.ts";
import { json, startService } from "../support/service.ts";

const MIB = 1024 * 1024;
const LITTLE = "limits: { queued: 1MiB }";
const PATIENT = "effects: suppressed\nidempotency: honoured\nasShadow: { timeout: 60s }";

function body(n: number): string {
  return JSON.stringify({ n, pad: "x".repeat(40_000) });
}

/** In the order in which the shadow received them, by path. */
function received(it: Journaled): ReadonlyMap<string, readonly number[]> {
  const byPath = new Map<string, number[]>();
  for (const seen of it.next.seen) {
    const { n } = JSON.parse(String(seen.body)) as { n: number };
    byPath.set(seen.target, [...(byPath.get(seen.target) ?? []), n]);
  }
  return byPath;
}

/** Many more writes than memory has room for, over a few keys, while the shadow answers none. */
async function fill(it: Journaled, from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    assert.equal(await it.send("PUT", `/users/${n % 3}`, body(n)), 200);
    const { queue } = await it.status();
    assert.ok(queue.bytes <= MIB, String(queue.bytes));
  }
}

function assertInOrder(it: Journaled, count: number): void {
  const byPath = received(it);
  for (const [path, numbers] of byPath) {
    const distinct = [...new Set(numbers)];
    assert.deepEqual(
      distinct,
      distinct.toSorted((a, b) => a - b),
      path,
    );
  }
  assert.equal(new Set([...byPath.values()].flat()).size, count);
}

test("what memory has no room for waits in the journal; nothing is dropped, memory stays bounded, and each lane is delivered in order", async (t) => {
  const it = await startJournaled(t, { config: LITTLE, next: PATIENT });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  await fill(it, 0, 60);
  const waiting = await it.status();
  assert.ok(waiting.journal.waiting > 30, String(waiting.journal.waiting));
  assert.equal(waiting.queue.waiting, 60);
  assert.ok(waiting.warnings.some((warning) => /writes wait in the journal/.test(warning)));
  it.next.answerWith(json(200, { ok: true }));
  held.release();
  // They come while the backlog is being worked off: behind it.
  await fill(it, 60, 12);
  const route = await it.settled(72);
  assert.deepEqual(route.outcomes["match"], 72);
  assertInOrder(it, 72);
  const after = await it.status();
  assert.deepEqual([after.journal.depth, after.queue.bytes], [0, 0]);
});

test("what waits in the journal behind a lost write is not replayed either, up to the next that stands alone", async (t) => {
  const it = await startJournaled(t, {
    config: LITTLE,
    next: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 300s }",
  });
  const first = Promise.withResolvers<ServerResponse>();
  it.next.answerWith((_seen, response) => first.resolve(response));
  const send = async (method: string, from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n++) assert.equal(await it.send(method, "/users/1", body(n)), 200);
  };
  await send("PATCH", 0, 40);
  await send("PUT", 40, 1);
  await send("PATCH", 41, 3);
  assert.ok((await it.status()).journal.waiting > 10);
  const lost = await first.promise;
  it.next.answerWith(json(200, { ok: true }));
  // It may have been applied, and is not sent again to a service that ignores the idempotency key.
  lost.destroy();
  const route = await it.settled(44);
  assert.deepEqual(received(it).get("/users/1"), [0, 40, 41, 42, 43]);
  assert.deepEqual([route.outcomes["shadow-error"], route.reasons["expired"], route.outcomes["match"]], [1, 39, 4]);
  assert.deepEqual(accounts(route), [44, 44]);
  const [entry, ...more] = await it.repairs();
  assert.deepEqual([entry?.[0], more], ["users/1", []]);
  // What comes from now on is sent.
  await send("PATCH", 44, 1);
  assert.equal((await it.settled(45)).outcomes["match"], 5);
  const after = await it.status();
  assert.deepEqual([after.journal.depth, after.queue.bytes], [0, 0]);
});

test("a kill with a backlog in the journal loses none of it, and the next process needs no more memory for it", async (t) => {
  const it = await startJournaled(t, { config: LITTLE, next: PATIENT });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  await fill(it, 0, 50);
  await it.recorded();
  await it.kill();
  held.release();
  it.next.seen.length = 0;
  const again = heldAnswer();
  it.next.answerWith(again.answer);
  await it.start();
  const started = await it.until(({ queue }) => queue.bytes > 0);
  assert.ok(started.queue.bytes <= MIB);
  assert.equal(started.routes[0]?.pending, 50);
  await fill(it, 50, 5);
  await it.recorded();
  await it.kill();
  again.release();
  it.next.seen.length = 0;
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  const route = await it.settled(55);
  assert.deepEqual(accounts(route), [55, 55]);
  assert.equal(route.outcomes["match"], 55);
  assertInOrder(it, 55);
});

test("asked to end while the shadow is away, it leaves what waits to the next start, says so, and gives nothing up", async (t) => {
  const it = await startJournaled(t, { config: LITTLE, next: PATIENT });
  await it.next.close();
  for (let n = 0; n < 40; n++) assert.equal(await it.send("PUT", `/users/${n % 3}`, body(n)), 200);
  const said = await it.stop();
  assert.match(said, /40 writes wait in the journal: the next start delivers them/);
  const back = await startService(json(200, { ok: true }), it.next.port);
  t.after(() => back.close());
  await it.start();
  const route = await it.settled(40);
  assert.equal(route.outcomes["match"], 40);
  assert.deepEqual(await it.gaps(), []);
  assert.equal(back.seen.length, 40);
});

test("sampled reads do not pass what waits in the journal: they are dropped, and counted", async (t) => {
  const it = await startJournaled(t, { config: `${LITTLE}\ndefaults: { mirror: { reads: 100% } }`, next: PATIENT });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  await fill(it, 0, 40);
  const { routes: before } = await it.status();
  await it.send("GET", "/users/1");
  const { routes } = await it.until(({ routes: [route] }) => (route?.reasons["queue-full"] ?? 0) > 0);
  assert.equal(routes[0]?.eligible, (before[0]?.eligible ?? 0) + 1);
  it.next.answerWith(json(200, { ok: true }));
  held.release();
  assert.equal((await it.settled(41)).outcomes["match"], 40);
});

test("of a route whose writes all wait in the journal, status and metrics tell how far its shadow is behind", async (t) => {
  const routes = `
routes:
  - name: users
    match: { path: "/users/**" }
  - name: orders
    match: { path: "/orders/**" }`;
  const it = await startJournaled(t, { config: LITTLE + routes, next: PATIENT });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  await fill(it, 0, 60);
  const sentAt = Date.now();
  for (let n = 0; n < 3; n++) assert.equal(await it.send("PUT", `/orders/${n}`, body(n)), 200);
  const orders = ({ routes: all }: JournaledStatus) => all.find(({ name }) => name === "orders") as RouteJson;
  const before = await it.until((now) => orders(now).lagMs >= 300);
  assert.ok(before.journal.waiting >= 3);
  assert.ok(orders(before).lagMs <= Date.now() - sentAt, String(orders(before).lagMs));
  const metrics = await (await fetch(`${it.running().adminUrl}/metrics`)).text();
  const lag = Number(/^crossfade_lane_lag\{route="orders"\} (.*)$/m.exec(metrics)?.[1]);
  assert.ok(lag >= 0.3, metrics);
  // Another process finds them so.
  await it.recorded();
  await it.kill();
  held.release();
  const again = heldAnswer();
  it.next.answerWith(again.answer);
  await it.start();
  const after = await it.until(({ queue }) => queue.bytes > 0);
  assert.ok(orders(after).lagMs > orders(before).lagMs, String(orders(after).lagMs));
  it.next.answerWith(json(200, { ok: true }));
  again.release();
  const settled = await it.until((now) => orders(now).pending === 0);
  assert.deepEqual([orders(settled).lagMs, orders(settled).outcomes["match"]], [0, 3]);
});
