import assert from "node:assert/strict";
import { test } from "node:test";
import { drain } from "../../../proxy/life/drain.ts";

/** `pending` is asked a few times each round; every look at the clock takes half a second. */
function partsWith(pending: () => number): Parameters<typeof drain>[0] {
  let now = 0;
  const resolved = (): Promise<void> => Promise.resolve();
  return {
    listener: { address: { path: "" }, useCertificate() {}, close: resolved, closeAllConnections() {} },
    pipeline: {
      queued: () => 0,
      whenIdle: resolved,
      abandon() {},
      leaveJournal() {},
    },
    repaired: resolved(),
    pending,
    left: () => 0,
    closeGates() {},
    closeShadows: resolved,
    monotonic: () => (now += 500),
  };
}

test("outcomes are waited for as long as they come", async () => {
  let asked = 0;
  const pending = (): number => Math.max(0, 40 - Math.floor(asked++ / 10));
  const { tookMs } = await drain(partsWith(pending), 1_000);
  assert.equal(pending(), 0);
  assert.ok(tookMs > 10_000);
});

test("an outcome that does not come is not waited for without end", async () => {
  await drain(
    partsWith(() => 1),
    1_000,
  );
});
