import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { openSqliteStore } from "../../../adapters/store/sqlite/store.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { evidenceFolder } from "../../support/evidence.ts";

test("counts alone reach the store's thread at most ten times a second, and all of them do", async (t) => {
  const file = join(evidenceFolder(t), "crossfade.db");
  const store = await openSqliteStore({ file, clock: systemClock });
  const began = performance.now();
  let appended = 0;
  while (performance.now() - began < 600) {
    store.append([{ type: "count", route: "users", outcome: "match", reason: null }]);
    appended += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await store.close();
  const ms = performance.now() - began;

  const db = new Database(file, { readonly: true });
  t.after(() => db.close());
  const batches = db.prepare<[], number>("SELECT last_batch FROM life").pluck().get() ?? 0;
  // The first goes at once, and the end takes one more.
  assert.ok(batches <= ms / 100 + 2, `${batches} batches in ${ms} ms`);
  assert.equal(db.prepare<[], number>("SELECT count FROM outcome_total").pluck().get(), appended);
});
