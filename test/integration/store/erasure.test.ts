import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore, type SqliteStore } from "../../../adapters/store/sqlite/store.ts";
import { evidenceFolder, handClock, makeRecord, NOON, recordWrite } from "../../support/evidence.ts";

const SECRET = "users/NL91-ABNA-0417164300";

/** Files of the folder that hold the secret's bytes. */
function holders(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(SECRET));
}

async function fill(store: SqliteStore, count: number, key: (i: number) => string): Promise<void> {
  for (let i = 0; i < count; i++) {
    // Sizes that differ widely: some rows take overflow pages, and pages are split and merged.
    const primary = JSON.stringify("x".repeat((i * 977) % 9_000));
    const differences = [{ at: `/d${i % 7}`, kind: "value" as const, primary, shadow: null }];
    store.append([recordWrite(makeRecord({ key: key(i), path: `/${key(i)}`, differences }))]);
    if (i % 50 === 0) await store.flush();
  }
  await store.flush();
}

test("what is erased is in no byte of the file and its log, evicted copies of it included", async (t) => {
  const folder = evidenceFolder(t);
  const clock = handClock(NOON);
  // Half of what comes is evicted again, the secret's records among it.
  const retention = { keepRecords: 150, keepGroups: 4 };
  const store = await openSqliteStore({ file: join(folder, "crossfade.db"), clock, retention });
  t.after(() => store.close());
  await fill(store, 400, (i) => (i % 3 === 0 ? SECRET : `users/${i}`));
  assert.deepEqual(holders(folder).includes("crossfade.db-wal"), true, "nothing to prove");

  const { records, samples } = await store.eraseDivergences({ isKey: (key) => key === SECRET, dryRun: false });
  assert.ok(records > 20 && samples > 0, `${records} records, ${samples} samples`);
  assert.deepEqual(holders(folder), []);
  assert.deepEqual(
    (await store.divergences({ limit: 1000 })).items.filter(({ key }) => key === SECRET),
    [],
  );

  await fill(store, 50, (i) => `users/${i}`);
  assert.equal(store.health().problem, null);
  await store.close();
  assert.deepEqual(holders(folder), []);

  const again = await openSqliteStore({ file: join(folder, "crossfade.db"), clock, retention });
  assert.equal(again.opened.previousEnd, "clean");
  assert.ok((await again.divergences({ limit: 1000 })).items.length > 100);
  await again.close();
});

test("records are kept while others are erased, in thousands", async (t) => {
  const folder = evidenceFolder(t);
  const store = await openSqliteStore({ file: join(folder, "crossfade.db"), clock: handClock(NOON) });
  t.after(() => store.close());
  const write = (key: string) => recordWrite(makeRecord({ key, group: null }));
  store.append(Array.from({ length: 3_000 }, (_, i) => write(i % 2 === 0 ? SECRET : "users/1")));
  const erasing = store.eraseDivergences({ isKey: (key) => key === SECRET, dryRun: false });
  let appended = 0;
  let done = false;
  const stop = erasing.finally(() => (done = true));
  while (!done) {
    store.append([write("users/2")]);
    appended += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal((await stop).records, 1_500);
  await store.flush();
  let kept = 0;
  let cursor: string | null = "";
  while (cursor !== null) {
    const page = await store.divergences({ limit: 1000, ...(cursor === "" ? {} : { cursor }) });
    assert.ok(page.items.every(({ key }) => key !== SECRET));
    kept += page.items.length;
    cursor = page.next;
  }
  assert.equal(kept, 1_500 + appended);
  assert.deepEqual([store.health().problem, store.health().lostWrites], [null, 0]);
});

test("a damaged file that was set aside is named: nobody erases what it holds", async (t) => {
  const folder = evidenceFolder(t);
  const aside = join(folder, "crossfade.db.corrupt-2026-11-20T00-00-00.000Z");
  writeFileSync(aside, SECRET);
  const store = await openSqliteStore({ file: join(folder, "crossfade.db"), clock: handClock(NOON) });
  t.after(() => store.close());
  const { setAside } = await store.eraseDivergences({ isKey: () => true, dryRun: true });
  assert.deepEqual(setAside, [aside]);
});

test("a store that is closed says so and erases nothing", async (t) => {
  const folder = evidenceFolder(t);
  const store = await openSqliteStore({ file: join(folder, "crossfade.db"), clock: handClock(NOON) });
  await store.close();
  await assert.rejects(store.eraseDivergences({ isKey: () => true, dryRun: false }), { code: "store-unavailable" });
});
