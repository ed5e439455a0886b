import assert from "node:assert/strict";
import { test } from "node:test";
import { type Isolated, type IsolatedStatus, startIsolated } from "../support/isolated.ts";
import { STORE_FAULTS } from "../support/sick-threads.ts";
import { until } from "../support/until.ts";

/** A busy machine must not be taken for a sick shadow. */
const PATIENT = "{ timeout: 60s, maxAge: 60s }";

type StoreHealth = IsolatedStatus["store"];

async function storeOnce(it: Isolated, wanted: (store: StoreHealth) => boolean): Promise<StoreHealth> {
  for (;;) {
    const { store } = await it.status();
    if (wanted(store)) return store;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const fault of STORE_FAULTS) {
  test(`with the store ${fault}, no answer waits for it; copies are sent, compared and counted, the store says what is wrong, and nothing is lost when it is well again`, async (t) => {
    const it = await startIsolated(t, { asShadow: PATIENT });
    await it.sicken({ store: fault });
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 8; key++) await it.write(key);
      await it.read();
    }
    // Still sick: it is the test that makes it well, below.
    assert.equal((await it.settled(24)).outcomes["match"], 24);
    await storeOnce(it, ({ pendingWrites }) => pendingWrites > 0);
    if (fault !== "slow") await storeOnce(it, ({ problem }) => problem !== null);

    await it.sicken({ store: "none" });
    const well = await storeOnce(it, ({ pendingWrites, problem }) => pendingWrites === 0 && problem === null);
    assert.equal(well.lostWrites, 0);
    assert.deepEqual(await it.repairs(), []);
  });
}

test("with shadow and store hanging at once, every client is answered; once both are well again every copy has its one outcome", async (t) => {
  const it = await startIsolated(t, { asShadow: PATIENT });
  await it.sicken({ store: "hanging" });
  await it.shadow.become("hanging");
  for (let key = 0; key < 20; key++) await it.write(key);
  assert.equal((await it.status()).routes[0]?.pending, 20);
  await it.shadow.become("none");
  await until(() => it.shadow.seen() >= 20);
  it.shadow.release();
  assert.equal((await it.settled(20)).outcomes["match"], 20);
  await it.sicken({ store: "none" });
  const well = await storeOnce(it, ({ pendingWrites }) => pendingWrites === 0);
  assert.equal(well.lostWrites, 0);
});
