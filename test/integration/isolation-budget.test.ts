import assert from "node:assert/strict";
import { test } from "node:test";
import { startIsolated } from "../support/isolated.ts";
import { until } from "../support/until.ts";

const MIB = 1024 * 1024;
const PATIENT = "{ timeout: 60s, maxAge: 60s }";

test("what is held for a hanging shadow never exceeds limits.queued, in bytes; without a journal, what does not fit is dropped(queue-full) with its key on the repair list", async (t) => {
  const unjournaled = "{ survives: nothing }";
  const it = await startIsolated(t, { limits: "{ queued: 1MiB }", asShadow: PATIENT, journal: unjournaled });
  await it.shadow.become("hanging");
  const body = JSON.stringify("x".repeat(80_000));
  let over = 0;
  let sending = true;
  const sampled = (async () => {
    let samples = 0;
    for (; sending; samples++) {
      const { queue } = await it.status();
      assert.equal(queue.limitBytes, MIB);
      if (queue.bytes > MIB) over = queue.bytes;
    }
    return samples;
  })();
  for (let round = 0; round < 6; round++) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => it.write(`${round}-${n}`, body)));
  }
  sending = false;
  assert.ok((await sampled) > 0);
  assert.equal(over, 0, "sampled while it filled");

  // A copy that was dropped has its outcome a little after its client has its answer.
  const count = async () => {
    const [route] = (await it.status()).routes;
    return { dropped: route?.reasons["queue-full"] ?? 0, waiting: route?.pending ?? 0 };
  };
  await until(async () => (await count()).waiting === it.shadow.seen());
  const { dropped, waiting } = await count();
  assert.equal(dropped + waiting, 60);
  // 1 MiB holds at most 13 such bodies; fewer where concurrent uploads take room that none of them comes to use.
  assert.ok(waiting >= 1 && waiting <= 13, `${waiting} wait`);
  const repairs = await it.repairs();
  assert.equal(repairs.length, dropped);
  assert.deepEqual(new Set(repairs.map(({ reason }) => reason)), new Set(["dropped"]));

  await it.shadow.become("none");
  it.shadow.release();
  assert.equal((await it.settled(60)).outcomes["match"], waiting);
});

test("no more shadow requests are on the wire than limits.inFlight, and the rest waits for its turn", async (t) => {
  const it = await startIsolated(t, { limits: "{ inFlight: 4 }", asShadow: PATIENT });
  await it.shadow.become("hanging");
  for (let key = 0; key < 30; key++) await it.write(key);
  await until(() => it.shadow.seen() >= 4);
  // Each of these would have let a fifth out.
  for (let n = 0; n < 10; n++) await it.read();
  assert.equal(it.shadow.seen(), 4);
  assert.equal(it.shadow.openSockets(), 4);
  assert.equal((await it.status()).queue.waiting, 30);
  await it.shadow.become("none");
  it.shadow.release();
  assert.equal((await it.settled(30)).outcomes["match"], 30);
});
