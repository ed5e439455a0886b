import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openMemoryStore } from "../../../adapters/store/memory.ts";
import type { AuditedChange } from "../../../proxy/evidence/audit.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { createRowJobEnds } from "../../../proxy/rows/row-job-ends.ts";
import type { ReconcileReport } from "../../../proxy/rows/row-jobs.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: admin, match: { path: "/admin/users/**" }, entity: users }
  - { name: orders, match: { path: "/orders/**" }, touches: [{ entity: users }] }
  - { name: stock, match: { path: "/stock/**" } }
collections:
  - { name: users, route: users, source: { sqlite: ./a.db, table: users, key: id }, target: { sqlite: ./b.db, table: users, key: id } }
  - { name: orders, route: orders, source: { sqlite: ./a.db, table: orders, key: id }, target: { sqlite: ./b.db, table: orders, key: id } }
`;
const CLEAN: ReconcileReport = {
  job: "reconcile",
  sourceRows: 3,
  targetRows: 3,
  missing: 0,
  mismatched: 0,
  extra: 0,
  unmade: 0,
  around: null,
};

function setup(t: TestContext) {
  const clock = { ms: 1_000_000, now: () => clock.ms, monotonic: () => clock.ms };
  const store = openMemoryStore({ clock });
  const audited: AuditedChange[] = [];
  const leanings: unknown[] = [];
  const { settings } = settingsOf(t, CONFIG);
  const ends = createRowJobEnds({
    store,
    snapshot: () => ({ revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() }),
    clock,
    audit: (change) => void audited.push(change),
    leaning: { lean: (...leaned) => void leanings.push(leaned) },
  });
  const iso = (): string => new Date(clock.ms).toISOString();
  const gap = (route: string, isOver = true): void => {
    const opened: StoreWrite = { type: "gap-opened", id: `gap of ${route}`, route, from: iso(), why: "a test" };
    store.append(isOver ? [opened, { type: "gap-closed", id: opened.id, to: iso() }] : [opened]);
    clock.ms += 1_000;
  };
  const mark = (route: string, key: string | null): void => {
    const about = { exchangeId: "A", at: iso(), notBefore: null, place: null };
    store.append([{ type: "repair", route, key, reason: "keys-not-followed", ...about }]);
    clock.ms += 1_000;
  };
  const gaps = async () => (await store.gaps({ limit: 100 })).items.map(({ route }) => route).toSorted();
  const repairs = async () => (await store.repairs({ limit: 100 })).items.map(({ key }) => key).toSorted();
  const begin = async (name: string): Promise<string> => {
    const id = await ends.begin(name);
    clock.ms += 1_000;
    assert.ok(id !== null);
    return id;
  };
  return { ends, gap, mark, gaps, repairs, begin, audited, leanings, store };
}

test("a comparison that finds nothing ends gaps of its routes that were over when it began, and repairs of whole collections", async (t) => {
  const { ends, gap, mark, gaps, repairs, begin, audited } = setup(t);
  gap("users");
  gap("admin");
  gap("stock");
  mark("users", null);
  mark("users", "users:*");
  mark("users", "users/42");
  const id = await begin("users");
  assert.deepEqual(await ends.end(id, CLEAN, "ops"), { gapsEnded: 2, repairsEnded: 2 });
  assert.deepEqual([await gaps(), await repairs()], [["stock"], ["users/42"]]);
  assert.deepEqual(
    audited.map(({ action, subject, by }) => [action, subject, by]),
    [["reconcile", "users", "ops"]],
  );
  assert.equal(await ends.end(id, CLEAN, "ops"), null);
  assert.equal(await ends.begin("nobody"), null);
});

test("what is open, was marked again, or came after it began stays, and so does everything where something differs", async (t) => {
  const { ends, gap, mark, gaps, repairs, begin } = setup(t);
  gap("users", false);
  mark("users", null);
  const early = await begin("users");
  gap("admin");
  mark("users", null);
  assert.deepEqual(await ends.end(early, CLEAN, "ops"), { gapsEnded: 0, repairsEnded: 0 });
  assert.deepEqual([await gaps(), await repairs()], [["admin", "users"], [null]]);
  for (const differs of [{ missing: 1 }, { mismatched: 1 }, { extra: 1 }, { extra: null }, { unmade: 1 }]) {
    const id = await begin("users");
    assert.deepEqual(await ends.end(id, { ...CLEAN, ...differs }, "ops"), { gapsEnded: 0, repairsEnded: 0 });
  }
  const clean = await begin("users");
  assert.deepEqual(await ends.end(clean, CLEAN, "ops"), { gapsEnded: 1, repairsEnded: 1 });
});

test("a gap of a route that touches other rows ends when those were found equal too", async (t) => {
  const { ends, gap, gaps, begin } = setup(t);
  gap("orders");
  assert.deepEqual(await ends.end(await begin("orders"), CLEAN, "ops"), { gapsEnded: 0, repairsEnded: 0 });
  assert.deepEqual(await ends.end(await begin("users"), CLEAN, "ops"), { gapsEnded: 1, repairsEnded: 0 });
  assert.deepEqual(await gaps(), []);
});

test("changes that went around the proxy in legacy lean on it, until a comparison finds none", async (t) => {
  const { ends, begin, leanings } = setup(t);
  const found = async (around: ReconcileReport["around"]) =>
    await ends.end(await begin("orders"), { ...CLEAN, around }, "ops");
  await found({ legacy: 7, next: 2 });
  await found({ legacy: 0, next: 2 });
  await found(null);
  assert.deepEqual(leanings, [["orders", "direct-write", 7]]);
});

test("of a backfill and of a comparison the last end is kept, with the tables that it was about", async (t) => {
  const { ends, begin, store } = setup(t);
  const report = { job: "backfill", read: 3, written: 2, setAside: 1, conflicts: 0 } as const;
  await ends.end(await begin("users"), report, "ops");
  await ends.end(await begin("users"), { ...CLEAN, missing: 2 }, "ops");
  await ends.end(await begin("users"), CLEAN, "ops");
  const kept = await store.rowJobs();
  assert.deepEqual(
    kept.map(({ job, collection }) => [job, collection]),
    [
      ["backfill", "users"],
      ["reconcile", "users"],
    ],
  );
  assert.ok(kept.every(({ tables, begunAt, endedAt }) => tables.length === 16 && begunAt < endedAt));
});
