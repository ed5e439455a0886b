import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  accounts,
  eventually,
  heldAnswer,
  type Journaled,
  type JournaledOptions,
  startJournaled,
} from "../support/journaled.ts";
import { redisServer } from "../support/redis.ts";
import { json } from "../support/service.ts";

/** What the shadow received, oldest first. */
function received(it: Journaled): string[] {
  return it.next.seen.map(({ method, target, body }) => `${method} ${target} ${String(body)}`);
}

async function assertWhole(it: Journaled, eligible: number): Promise<void> {
  const route = await it.settled(eligible);
  assert.equal(route.eligible, eligible);
  assert.deepEqual(accounts(route), [eligible, eligible], JSON.stringify(route));
  await assertCovered(it);
}

/**
 * The repair list without what a busy machine puts on it: Redis that takes longer than 5 ms to confirm a place leaves the key to be
 * verified, which says nothing of the kill.
 */
async function listed(it: Journaled): Promise<Awaited<ReturnType<Journaled["repairs"]>>> {
  return (await it.repairs()).filter(([, reason]) => reason !== "overlap");
}

/** The kill itself left no gap; a machine that is busy may still have been late with an intent. */
async function assertCovered(it: Journaled): Promise<void> {
  const gaps = (await it.gaps()).map(({ why }) => why);
  assert.deepEqual(
    gaps.filter((why) => !/did not take intents in time|were not journaled/.test(why)),
    [],
  );
}

for (const store of ["sqlite", "redis"] as const) {
  const isShared = store === "redis";

  async function start(t: TestContext, options: JournaledOptions = {}): Promise<Journaled> {
    if (!isShared) return await startJournaled(t, options);
    const redis = await redisServer(t, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    return await startJournaled(t, { ...options, redis: redis.url });
  }

  test(`${store}: intended: a write that was at the primary when the process died ends unknown, its key on the repair list, and leaves no gap`, async (t) => {
    const it = await start(t);
    await it.send("PUT", "/users/1", "{}");
    // Its copy has to be told from one in flight: the client has its answer before the shadow has.
    await it.settled(1);
    await it.recorded();
    const held = heldAnswer();
    it.legacy.answerWith(held.answer);
    const lost = it.send("PUT", "/users/2", "{}").catch(() => 0);
    const keyless = it.send("POST", "/users", "{}").catch(() => 0);
    await it.legacy.sawAtLeast(3);
    await it.kill();
    await Promise.all([lost, keyless]);
    held.release();
    await it.start();
    await assertWhole(it, 3);
    const [route] = (await it.status()).routes;
    assert.deepEqual([route?.outcomes["match"], route?.outcomes["unknown"]], [1, 2]);
    assert.deepEqual(
      new Set(await listed(it)),
      new Set([
        ["users/2", "unknown"],
        [null, "unknown"],
      ]),
    );
    assert.deepEqual(received(it), ["PUT /users/1 {}"]);
  });

  test(`${store}: accepted: what waited for the shadow is delivered by the next process, each lane in the order of its answers, with the same exchange, order and idempotency key`, async (t) => {
    const it = await start(t);
    const held = heldAnswer();
    it.next.answerWith(held.answer);
    for (let n = 0; n < 5; n++) await it.send("PUT", "/users/1", `{"n":${n}}`, { authorization: "Bearer s" });
    for (let n = 0; n < 5; n++) await it.send("PATCH", "/users/2", `{"n":${n}}`);
    await it.next.sawAtLeast(2);
    await it.recorded();
    await it.kill();
    held.release();
    const first = it.next.seen.map((seen) => seen.header("idempotency-key"));
    it.next.seen.length = 0;
    it.next.answerWith(json(200, { ok: true }));
    await it.start();
    await assertWhole(it, 10);
    const of = (path: string): string[] => received(it).filter((line) => line.includes(path));
    assert.deepEqual(
      of("/users/1"),
      [0, 1, 2, 3, 4].map((n) => `PUT /users/1 {"n":${n}}`),
    );
    // The first was on the wire, and a PATCH twice may do harm: those behind it were made for a state that may not be there.
    assert.deepEqual(of("/users/2"), []);
    assert.ok(
      first.includes(it.next.seen.find(({ target }) => target === "/users/1")?.header("idempotency-key") ?? ""),
    );
    const stamps = it.next.seen
      .filter(({ target }) => target === "/users/1")
      .map((seen) => (seen.header("x-crossfade-order") ?? "").split(".").map(Number));
    assert.deepEqual(new Set(stamps.map(([generation]) => generation)), new Set([stamps[0]?.[0]]));
    assert.deepEqual(
      stamps.map(([, position]) => position),
      stamps.map(([, position]) => position as number).sort((a, b) => a - b),
    );
    assert.equal(it.next.seen[0]?.header("authorization") ?? "Bearer s", "Bearer s");
    const [route] = (await it.status()).routes;
    assert.deepEqual([route?.outcomes["match"], route?.outcomes["shadow-error"]], [5, 1]);
    assert.equal(route?.reasons["expired"], 4);
    assert.deepEqual(
      new Set(await it.repairs()),
      new Set([
        // The first may have been applied twice; where others may have written since, those behind it are verified too.
        ["users/1", isShared ? "overlap" : "late-attempt"],
        // Of the four behind it: the last reason stands.
        ["users/2", "dropped"],
      ]),
    );
  });

  test(`${store}: sent: to a service that honours the idempotency key an unsafe method is sent again, with that key`, async (t) => {
    const it = await start(t, { next: "effects: suppressed\nidempotency: honoured" });
    const held = heldAnswer();
    it.next.answerWith(held.answer);
    await it.send("POST", "/users/1/reset", "{}");
    await it.next.sawAtLeast(1);
    await it.recorded();
    await it.kill();
    held.release();
    it.next.answerWith(json(200, { ok: true }));
    await it.start();
    await assertWhole(it, 1);
    assert.equal(it.next.seen.length, 2);
    assert.equal(it.next.seen[0]?.header("idempotency-key"), it.next.seen[1]?.header("idempotency-key"));
    assert.deepEqual(await it.repairs(), [["users/1", "late-attempt"]]);
  });

  test(`${store}: refused and settled: nothing is sent again, and every count survives the kill, however soon it comes`, async (t) => {
    const it = await start(t);
    let eligible = 0;
    for (let life = 0; life < 4; life++) {
      it.legacy.answerWith(json(200, { ok: true }));
      for (let n = 0; n < 20; n++, eligible++) await it.send("PUT", `/users/${n}`, "{}");
      it.legacy.answerWith(json(422, {}));
      for (let n = 0; n < 5; n++, eligible++) await it.send("PUT", `/users/${n}`, "{}");
      await eventually(() => it.next.seen.length >= 20 * (life + 1));
      await it.recorded();
      await it.kill();
      await it.start();
    }
    await assertWhole(it, eligible);
    const [route] = (await it.status()).routes;
    assert.equal(route?.reasons["not-accepted"], 20);
    assert.equal(route?.outcomes["match"], 80);
    // A copy whose answer had not come when the process died was sent again: that does no harm, and is on the repair list.
    assert.ok(it.next.seen.length >= 80);
  });

  test(`${store}: a kill under load, again and again: what the primary accepted reaches the shadow or is on the repair list, and the outcomes sum`, async (t) => {
    const it = await start(t, { next: "effects: suppressed\nidempotency: honoured" });
    const answered = new Set<string>();
    let key = 0;
    for (let life = 0; life < 4; life++) {
      let alive = true;
      const clients = Array.from({ length: 8 }, async () => {
        while (alive) {
          const path = `/users/${key++}`;
          const status = await it.send("PUT", path, "{}").catch(() => null);
          if (status === 200) answered.add(path);
        }
      });
      const before = answered.size;
      await eventually(() => answered.size > before + 200);
      await it.kill();
      alive = false;
      await Promise.all(clients);
      await it.start();
    }
    const { routes } = await it.until(({ routes: [route] }) => route?.pending === 0);
    const [route] = routes;
    assert.ok(route !== undefined);
    const [eligible, accounted] = accounts(route);
    assert.equal(accounted, eligible);
    const delivered = new Set(it.next.seen.map(({ target }) => target));
    const repaired = new Set((await it.repairs()).map(([repairKey]) => `/${repairKey}`));
    assert.deepEqual(
      [...answered].filter((path) => !delivered.has(path) && !repaired.has(path)),
      [],
    );
    await assertCovered(it);
  });
}

test("redis: a member whose folder is removed while it runs says so, and comes back as itself with everything accounted for", async (t) => {
  const redis = await redisServer(t, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const it = await startJournaled(t, { redis: redis.url });
  const self = async (): Promise<string | undefined> => {
    const { items } = await it.api<{ items: { id: string; self: boolean }[] }>("/api/v1/members");
    return items.find((member) => member.self)?.id;
  };
  const id = await self();
  await it.send("PUT", "/users/1", "{}");
  await it.settled(1);
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  for (let n = 0; n < 3; n++) assert.equal(await it.send("PUT", `/users/${n}`, "{}"), 200);
  // Out of its way first: it goes on writing, and a folder in which a file comes about cannot be removed.
  const gone = join(it.folder, "gone");
  renameSync(join(it.folder, "member"), gone);
  rmSync(gone, { recursive: true });
  const warned = await it.until(({ warnings }) => warnings.some((warning) => warning.includes("was removed at")));
  assert.ok(warned.warnings.some((warning) => warning.includes("who it is was written there again")));
  await it.kill();
  held.release();
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  assert.equal(await self(), id);
  const { items } = await it.api<{ items: { state: string }[] }>("/api/v1/members");
  assert.deepEqual(
    items.map(({ state }) => state),
    ["serving"],
  );
  // What waited is gone with the journal: a gap says so, and nothing is missing from the sum.
  assert.equal(await it.send("PUT", "/users/9", "{}"), 200);
  const route = await it.settled(2);
  const [eligible, accounted] = accounts(route);
  assert.equal(accounted, eligible);
  assert.ok((await it.gaps()).length > 0);
});
