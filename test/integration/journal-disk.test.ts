import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type RouteJson, sumOf } from "../support/crossfade.ts";
import { eventually, heldAnswer, type Journaled, SICK_JOURNAL, startJournaled } from "../support/journaled.ts";
import { json } from "../support/service.ts";

/** A process that died with `count` writes accepted and none of them sent, each of its own frame. */
async function diedWithWaiting(it: Journaled, count: number): Promise<ReturnType<typeof heldAnswer>> {
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  for (let n = 0; n < count; n++) {
    assert.equal(await it.send("PUT", "/users/1", `{"n":${n}}`), 200);
    await it.recorded();
  }
  await it.kill();
  return held;
}

function bodies(it: Journaled): number[] {
  return it.next.seen.map(({ body }) => (JSON.parse(String(body)) as { n: number }).n);
}

/** A write that is journaled in time ends its route's gap; on a busy machine it may not be the first. How many it took. */
async function gapsEnd(it: Journaled): Promise<number> {
  for (let sent = 1; ; sent++) {
    assert.equal(await it.send("PUT", "/users/1", "{}"), 200);
    if ((await it.gaps()).every(({ to }) => to !== null)) return sent;
  }
}

const lastOf = (it: Journaled): string => join(it.lanes, it.laneFiles().toSorted().at(-1) as string);
const blanket = (gaps: readonly { readonly why: string }[]): string[] => {
  return gaps.map(({ why }) => why).filter((why) => !/did not take intents in time|were not journaled/.test(why));
};

test("a frame that the process did not live to finish is cut off: what is before it is delivered, and there is no gap", async (t) => {
  const it = await startJournaled(t);
  const held = await diedWithWaiting(it, 4);
  appendFileSync(lastOf(it), Buffer.from([0x4c, 0x46, 0x52, 0x43, 200, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3]));
  held.release();
  it.next.seen.length = 0;
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  const route = await it.settled(4);
  assert.equal(sumOf(route), 4);
  assert.deepEqual(bodies(it), [0, 1, 2, 3]);
  assert.deepEqual(blanket(await it.gaps()), []);
  // The same file is no longer the last one, and must read well all the same.
  await it.kill();
  await it.start();
  assert.deepEqual(blanket(await it.gaps()), []);
});

test("damage in the middle is a gap for every route, is said, and what can be read around it is delivered", async (t) => {
  const it = await startJournaled(t);
  const held = await diedWithWaiting(it, 6);
  const file = lastOf(it);
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes.fill(0xff, middle, middle + 16);
  writeFileSync(file, bytes);
  held.release();
  it.next.seen.length = 0;
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  const { routes, warnings } = await it.until(({ routes: [route] }) => route?.pending === 0);
  const [route] = routes;
  assert.ok(route !== undefined);
  assert.equal(sumOf(route), route.eligible);
  assert.match(blanket(await it.gaps()).join(), /journal damaged: .*cannot be read from byte/);
  assert.ok(warnings.some((warning) => /gap is recorded/.test(warning)));
  const delivered = bodies(it);
  assert.deepEqual(
    delivered,
    [...delivered].sort((a, b) => a - b),
  );
  assert.ok(delivered.includes(0) && delivered.includes(5), String(delivered));
  await eventually(() => readdirSync(it.lanes).some((name) => name.endsWith(".damaged")));
});

test("one bit that flipped in the very last frame is damage, and no end that was cut off: what it held is in a gap", async (t) => {
  const it = await startJournaled(t);
  const held = await diedWithWaiting(it, 4);
  const file = lastOf(it);
  const bytes = readFileSync(file);
  const last = bytes.length - 5;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  writeFileSync(file, bytes);
  held.release();
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  const { routes } = await it.until(({ routes: [route] }) => route?.pending === 0);
  assert.equal(sumOf(routes[0] as RouteJson), routes[0]?.eligible);
  assert.match(blanket(await it.gaps()).join(), /journal damaged: .*cannot be read from byte \d+ on to byte \d+/);
  await eventually(() => readdirSync(it.lanes).some((name) => name.endsWith(".damaged")));
});

test("a journal that is gone after an unclean end, or that was written with another key, is a gap", async (t) => {
  const it = await startJournaled(t, { config: "journal: { key: 0123456789abcdef }" });
  (await diedWithWaiting(it, 1)).release();
  await it.start({ config: "journal: { key: fedcba9876543210 }" });
  assert.match(blanket(await it.gaps()).join(), /journal damaged: .*cannot be read with this key/);
  assert.equal((await it.settled(1)).outcomes["unknown"], 1);
  await it.send("PUT", "/users/1", "{}");
  await it.kill();
  rmSync(it.lanes, { recursive: true });
  await it.start({ config: "journal: { key: fedcba9876543210 }" });
  assert.match(blanket(await it.gaps()).join(), /unclean end while unjournaled/);
});

test("a disk that is full: clients are served, a gap says so before and after a kill, and once there is room writes are journaled again", async (t) => {
  const it = await startJournaled(t, { node: SICK_JOURNAL });
  await it.send("PUT", "/users/1", "{}");
  await it.sicken("full");
  for (let n = 0; n < 10; n++) assert.equal(await it.send("PUT", `/users/${n}`, "{}"), 200);
  const sick = await it.until(({ journal }) => journal.problem !== null);
  assert.match(sick.journal.problem ?? "", /ENOSPC/);
  await eventually(() => it.next.seen.length === 11);
  assert.equal((await it.gaps())[0]?.to, null);
  await it.kill();
  await it.start({ node: SICK_JOURNAL });
  const [gap] = await it.gaps();
  assert.notEqual(gap?.to, null);
  const { routes } = await it.until(({ routes: [route] }) => route?.pending === 0);
  assert.equal(sumOf(routes[0] as never), routes[0]?.eligible);

  await it.sicken("full");
  await it.send("PUT", "/users/1", "{}");
  await it.sicken("none");
  await it.until(({ journal }) => journal.problem === null);
  await gapsEnd(it);
  await eventually(() => it.next.seen.length >= 13);
});

test("a disk that hangs: no client waits for it, copies are sent and compared, a gap says so, and it ends when the disk is well", async (t) => {
  const it = await startJournaled(t, { node: SICK_JOURNAL, next: "effects: suppressed\nidempotency: honoured" });
  await it.send("PUT", "/users/1", "{}");
  await it.sicken("hanging");
  for (let n = 0; n < 30; n++) assert.equal(await it.send("POST", `/users/${n}`, "{}"), 200);
  assert.equal((await it.settled(31)).outcomes["match"], 31);
  assert.equal((await it.gaps())[0]?.to, null);
  assert.match((await it.status()).journal.problem ?? "", /has not been written/);
  await it.sicken("none");
  await it.recorded();
  const sent = await gapsEnd(it);
  assert.equal((await it.settled(31 + sent)).outcomes["match"], 31 + sent);
});

for (const fault of ["full", "hanging"] as const) {
  test(`what a crash would send again is not sent while the journal's disk is ${fault}, and all else is: it arrives once`, async (t) => {
    const it = await startJournaled(t, { node: SICK_JOURNAL });
    const held = heldAnswer();
    it.next.answerWith(held.answer);
    await it.send("PUT", "/users/1", `{"n":1}`);
    // Its turn comes after the one that is held up.
    await it.send("POST", "/users/1", `{"n":2}`);
    await it.recorded();
    await it.sicken(fault);
    await it.send("PUT", "/users/2", `{"n":3}`);
    await it.until(({ journal }) => journal.problem !== null);
    held.release();
    it.next.answerWith(json(200, { ok: true }));
    const others = Array.from({ length: 20 }, (_, n) => n + 4);
    for (const n of others) {
      await it.send("PUT", `/users/${n}`, `{"n":${n}}`);
      await eventually(() => bodies(it).includes(n));
    }
    assert.ok(!bodies(it).includes(2));
    await it.kill();
    await it.start({ node: [] });
    await eventually(() => bodies(it).includes(2));
    await it.until(({ routes: [route] }) => route?.pending === 0);
    assert.equal(bodies(it).filter((n) => n === 2).length, 1);
  });
}

test("a write that could not be told of is sent as soon as the journal's disk is well", async (t) => {
  const it = await startJournaled(t, { node: SICK_JOURNAL });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  await it.send("PUT", "/users/1", `{"n":1}`);
  await it.send("POST", "/users/1", `{"n":2}`);
  await it.recorded();
  await it.sicken("full");
  await it.send("PUT", "/users/2", `{"n":3}`);
  await it.until(({ journal }) => journal.problem !== null);
  held.release();
  await eventually(() => bodies(it).includes(3));
  await it.sicken("none");
  const route = await it.settled(3);
  assert.deepEqual([sumOf(route), route.outcomes["match"]], [3, 3]);
  assert.deepEqual(bodies(it).toSorted(), [1, 2, 3]);
});

test("limits.journal is never much exceeded: what does not fit is forwarded unjournaled inside a gap, which ends when there is room", async (t) => {
  const limits = "limits: { journal: 1MiB }";
  const it = await startJournaled(t, { config: limits });
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  const body = JSON.stringify("x".repeat(100_000));
  for (let n = 0; n < 15; n++) assert.equal(await it.send("PUT", `/users/${n}`, body), 200);
  const { journal } = await it.until(({ journal: { problem } }) => problem !== null);
  assert.match(journal.problem ?? "", /limits\.journal/);
  assert.ok(journal.bytes < 1.3 * 1024 * 1024, String(journal.bytes));
  assert.equal((await it.gaps())[0]?.to, null);
  held.release();
  assert.equal((await it.settled(15)).outcomes["match"], 15);
  await it.until(({ journal: { problem } }) => problem === null);
  await gapsEnd(it);
});

test("delivery data is sealed while it waits, and is gone from the disk soon after it has settled", async (t) => {
  const it = await startJournaled(t);
  const held = heldAnswer();
  it.next.answerWith(held.answer);
  it.legacy.answerWith(json(200, { token: "answer-secret-1" }));
  for (let n = 0; n < 20; n++) {
    await it.send("PUT", `/users/${n}`, `{"password":"body-secret-1"}`, { authorization: "Bearer head-secret-1" });
  }
  await it.recorded();
  const entries = readdirSync(it.lanes, { withFileTypes: true, recursive: true });
  const modeOf = ({ parentPath, name }: (typeof entries)[number]): number =>
    statSync(join(parentPath, name)).mode & 0o777;
  const files = entries.filter((entry) => entry.isFile());
  const read = (): string => files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1")).join();
  assert.doesNotMatch(read(), /secret-1|users|Bearer/);
  assert.equal(statSync(it.lanes).mode & 0o777, 0o700);
  for (const entry of entries) assert.equal(modeOf(entry), entry.isFile() ? 0o600 : 0o700, entry.name);
  const before = new Set(it.laneFiles());
  held.release();
  await it.settled(20);
  await eventually(() => it.laneFiles().every((name) => !before.has(name)));
  assert.equal((await it.status()).journal.depth, 0);
  const left = it.laneFiles().reduce((sum, name) => sum + statSync(join(it.lanes, name)).size, 0);
  assert.ok(left < 1_000, `${left} bytes are left`);
});

test("journal.survives: power delivers after a kill what was accepted", async (t) => {
  const it = await startJournaled(t, { config: "journal: { survives: power }" });
  (await diedWithWaiting(it, 3)).release();
  it.next.seen.length = 0;
  it.next.answerWith(json(200, { ok: true }));
  await it.start();
  await it.settled(3);
  assert.deepEqual(bodies(it), [0, 1, 2]);
});
