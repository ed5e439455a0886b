import assert from "node:assert/strict";
import { test } from "node:test";
import { startIsolated } from "../support/isolated.ts";
import { until } from "../support/until.ts";

test("no client waits for a comparison: while the comparing thread is held, exchanges go on, and their copies settle when it goes on", async (t) => {
  // Large enough to be compared in the thread.
  const items = Array.from({ length: 20_000 }, (_, n) => ({ n, name: "x".repeat(20) }));
  const shadowAnswer = items.with(-1, { n: -1, name: "other" });
  const it = await startIsolated(t, { answer: items, shadowAnswer, asShadow: "{ timeout: 60s, maxAge: 60s }" });
  await it.sicken({ compare: "held" });
  for (let key = 0; key < 6; key++) {
    await it.write(key);
    await it.read();
  }
  await until(() => it.shadow.seen() >= 6);
  assert.equal((await it.status()).routes[0]?.pending, 6, "all clients have their answers and no copy its outcome");
  await it.write("last");
  await it.sicken({ compare: "none" });
  assert.equal((await it.settled(7)).outcomes["divergent"], 7);
});
