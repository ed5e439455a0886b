import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import { keepAfterAnswer, keepBeforeWriting } from "../../../proxy/repair/before-writing.ts";
import { NOON } from "../../support/evidence.ts";

const at = (ms: number): string => new Date(NOON + ms).toISOString();

function listed(t: TestContext) {
  const store = openMemoryStore({ clock: { now: () => NOON, monotonic: () => 0 } });
  t.after(() => store.close());
  return {
    store,
    mark(notBefore: string | null = null): void {
      store.append([
        {
          type: "repair",
          route: "users",
          key: "users/1",
          reason: "dropped",
          exchangeId: "01JAXK8Q1V9ZC3T6M2F4S7D5EW",
          at: at(0),
          notBefore,
          place: { sealed: "one", part: false, uncreated: true },
        },
      ]);
    },
    async read() {
      const [work] = await store.repairWork({ after: 0, dueAt: null, limit: 1 });
      assert.ok(work !== undefined);
      return work;
    },
  };
}

test("what was answered lands no more: an entry that was marked again meanwhile waits for what marked it, and no longer", async (t) => {
  const { read, mark, store } = listed(t);
  mark();
  const work = await read();
  assert.equal(await keepBeforeWriting(store, work, NOON + 90_000), true);
  mark();
  assert.equal((await read()).notBefore, at(90_000), "a mark keeps the later of two times");
  await keepAfterAnswer(store, work, NOON + 90_000, NOON + 2_000);
  assert.equal((await read()).notBefore, at(2_000));

  // Of another's, or of a later mark's, nothing is taken away; and nothing is put off.
  await keepAfterAnswer(store, work, NOON + 90_000, NOON + 1_000);
  await keepAfterAnswer(store, work, NOON + 2_000, NOON + 3_000);
  assert.equal((await read()).notBefore, at(2_000));
  mark(at(5_000));
  await keepAfterAnswer(store, work, NOON + 2_000, NOON + 1_000);
  assert.equal((await read()).notBefore, at(5_000));
});

test("of two that have read the same entry one makes it, and who reads it later knows that it may be there", async (t) => {
  const { read, mark, store } = listed(t);
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
