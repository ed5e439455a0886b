import assert from "node:assert/strict";
import { test } from "node:test";
import { SHADOW_FAULTS } from "../support/faults.ts";
import { startIsolated } from "../support/isolated.ts";
import { until } from "../support/until.ts";

const KEYS = [0, 1, 2, 3, 4, 5, 6, 7];

for (const fault of SHADOW_FAULTS) {
  test(`with the shadow ${fault}, every client gets exactly the primary's answer; each copy is accounted for, its key is on the repair list, and nothing stays held`, async (t) => {
    const it = await startIsolated(t);
    await it.shadow.become(fault);
    for (let round = 0; round < 3; round++) await Promise.all([...KEYS.map((key) => it.write(key)), it.read()]);
    assert.equal(it.legacy.seen.length, 27, "each request reached the primary once");

    const route = await it.settled(24);
    assert.equal(route.outcomes["match"], 0);
    assert.equal(route.outcomes["ignored"], 0);
    const repairs = await it.repairs();
    assert.deepEqual(
      new Set(repairs.map(({ key }) => key)),
      new Set(KEYS.map((key) => `users/${key}`)),
      "every key whose state in the shadow is not known",
    );
    if (fault !== "failing")
      assert.equal(route.outcomes["divergent"], 0, "an answer that did not come is no difference");
  });
}

test("a client is answered while its copy hangs in the shadow, and the copy still settles when the shadow answers", async (t) => {
  const it = await startIsolated(t, { asShadow: "{ timeout: 60s, maxAge: 60s }" });
  await it.shadow.become("hanging");
  for (let i = 0; i < 20; i++) await it.write(i);
  await until(() => it.shadow.seen() >= 20);
  const [before] = (await it.status()).routes;
  assert.equal(before?.pending, 20, "all clients have their answers and no copy has");
  await it.shadow.become("none");
  it.shadow.release();
  const route = await it.settled(20);
  assert.equal(route.outcomes["match"], 20);
  assert.deepEqual(await it.repairs(), []);
});

test("a shadow that was away and is well again gets the writes that come then", async (t) => {
  const it = await startIsolated(t);
  await it.shadow.become("refusing");
  for (const key of KEYS) await it.write(key);
  await it.settled(KEYS.length);
  await it.shadow.become("none");
  // The breaker tries again once a second, and this copy waits for it.
  await it.write("new");
  assert.equal((await it.settled(KEYS.length + 1)).outcomes["match"], 1);
});
