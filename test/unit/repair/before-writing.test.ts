import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import { keepBeforeWriting } from "../../../proxy/repair/before-writing.ts";
import { NOON } from "../../support/evidence.ts";

test("of two that have read the same entry one makes it, and who reads it later knows that it may be there", async (t) => {
  const store = openMemoryStore({ clock: { now: () => NOON, monotonic: () => 0 } });
  t.after(() => store.close());
  const mark = (): void => {
    store.append([
      {
        type: "repair",
        route: "users",
        key: "users/1",
        reason: "dropped",
        exchangeId: "01JAXK8Q1V9ZC3T6M2F4S7D5EW",
        at: new Date(NOON).toISOString(),
        notBefore: null,
        place: { sealed: "one", part: false, uncreated: true },
      },
    ]);
  };
  const read = async () => {
    const [work] = await store.repairWork({ after: 0, dueAt: null, limit: 1 });
    assert.ok(work !== undefined);
    return work;
  };
  mark();
  const [one, other] = [await read(), await read()];
  assert.equal(await keepBeforeWriting(store, one, NOON + 50), true);
  assert.equal(await keepBeforeWriting(store, other, NOON + 70), false);
  const later = await read();
  assert.equal(later.notBefore, new Date(NOON + 50).toISOString());
  // Looked up in vain, whoever read that may make it.
  assert.equal(await keepBeforeWriting(store, later, NOON + 90), true);

  const seen = await read();
  mark();
  assert.equal(await keepBeforeWriting(store, seen, NOON + 99), false, "marked again");
  assert.equal(await store.endRepair(await read(), { kind: "equal" }), "done");
  assert.equal(await keepBeforeWriting(store, seen, NOON + 99), false, "off the list");
});
