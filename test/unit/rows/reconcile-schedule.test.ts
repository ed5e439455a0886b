import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";
import type { CollectionSettings } from "../../../proxy/config/collection-settings.ts";
import { createReconcileSchedules, dueAt, type ReconcileSchedules } from "../../../proxy/rows/reconcile-schedule.ts";
import { type RowJobEnd, tablesDigest } from "../../../proxy/rows/row-jobs.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const place = (file: string) => ({
  database: { kind: "sqlite", file } as const,
  table: "users",
  key: ["id"],
  version: null,
  tombstone: null,
});
const USERS: CollectionSettings = {
  name: "users",
  route: "users",
  source: place("legacy.db"),
  target: place("next.db"),
  entityId: null,
  transform: null,
  columns: [],
  values: { learn: [], apply: [] },
  marks: null,
  changedAt: null,
  reconcile: { everyMs: 10 * MINUTE, sample: null },
  compare: DEFAULT_ROUTE.compare,
};

function endOf(begunAt: number, job: "reconcile" | "sample" = "reconcile"): RowJobEnd {
  const counts = { missing: 0, mismatched: 0, unmade: 0 };
  const at = new Date(begunAt).toISOString();
  const of = { collection: "users", tables: tablesDigest(USERS), begunAt: at, endedAt: at };
  return job === "sample"
    ? { job, legacy: { drawn: 1, differing: 0, shareAtMost: 1 }, next: null, ...counts, ...of }
    : { job, sourceRows: 1, targetRows: 1, extra: 0, around: null, ...counts, ...of };
}

test("it is due from when the last one began; a comparison of all rows is as good as the sample", () => {
  const all = { everyMs: MINUTE, sample: null };
  const some = { everyMs: MINUTE, sample: 10 };
  assert.equal(dueAt(USERS, all, []), Number.NEGATIVE_INFINITY);
  assert.equal(dueAt(USERS, all, [endOf(5_000)]), 65_000);
  assert.equal(dueAt(USERS, all, [endOf(5_000, "sample")]), Number.NEGATIVE_INFINITY);
  assert.equal(dueAt(USERS, some, [endOf(5_000, "sample"), endOf(3_000)]), 65_000);
  assert.equal(dueAt(USERS, some, [endOf(5_000, "sample"), endOf(7_000)]), 67_000);
  const others = { ...endOf(5_000), tables: "of other tables" };
  assert.equal(dueAt(USERS, all, [others]), Number.NEGATIVE_INFINITY);
});

/** Members that share a store, on a clock of the test's own. */
function members(t: TestContext, lives: readonly string[]) {
  mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_000_000_000 });
  t.after(() => mock.timers.reset());
  const ends: RowJobEnd[] = [];
  const runs: { readonly life: string; end(problem: string | null): void }[] = [];
  let claim: { readonly life: string; readonly until: number } | null = null;
  const dead = new Set<string>();
  const all = new Map<string, ReconcileSchedules>();
  for (const life of lives) {
    const schedules = createReconcileSchedules({
      collections: () => [USERS],
      store: { rowJobs: () => Promise.resolve([...ends]) },
      claim(_, forMs) {
        if (dead.has(life)) return Promise.reject(new Error("dead"));
        if (claim !== null && claim.life !== life && claim.until > Date.now()) return Promise.resolve(false);
        claim = { life, until: Date.now() + forMs };
        return Promise.resolve(true);
      },
      run: (_, __, signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve(null));
          const begunAt = Date.now();
          runs.push({
            life,
            end(problem) {
              if (problem === null) ends.splice(0, 1, endOf(begunAt));
              resolve(problem);
            },
          });
        }),
      clock: { now: () => Date.now() },
      caught: (_, error) => assert.fail(String(error)),
    });
    schedules.begin("http://127.0.0.1:1");
    all.set(life, schedules);
  }
  return {
    runs,
    of: (life: string) => all.get(life)?.of("users") ?? assert.fail(),
    kill: (life: string) => void dead.add(life),
    stop: async () => await Promise.all([...all.values()].map((each) => each.stop())),
    async pass(seconds: number) {
      for (let i = 0; i < seconds; i += 1) {
        mock.timers.tick(SECOND);
        // What a look asks for is answered.
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

test("of several members one runs it, and the next one is due for all of them", async (t) => {
  const site = members(t, ["a", "b", "c"]);
  await site.pass(120);
  assert.deepEqual(
    site.runs.map(({ life }) => life),
    ["a"],
  );
  assert.equal(site.of("a").runningSince, 1_000_001_000);
  site.runs[0]?.end(null);
  await site.pass(400);
  assert.equal(site.runs.length, 1, "ten minutes from its begin have not gone by");
  assert.deepEqual([site.of("a").nextAt, site.of("b").nextAt], [1_000_601_000, 1_000_601_000]);
  await site.pass(81);
  assert.equal(site.runs.length, 2);
  await site.stop();
});

test("whoever was killed while it ran is followed by another member", async (t) => {
  const site = members(t, ["a", "b"]);
  await site.pass(25);
  site.kill("a");
  await site.pass(45);
  assert.deepEqual(
    site.runs.map(({ life }) => life),
    ["a", "b"],
  );
  await site.stop();
});

test("a run that came to nothing is told, and tried again after five minutes", async (t) => {
  const site = members(t, ["a"]);
  await site.pass(1);
  site.runs[0]?.end("no such table");
  await site.pass(298);
  assert.deepEqual([site.runs.length, site.of("a").problem], [1, "no such table"]);
  await site.pass(3);
  assert.equal(site.runs.length, 2);
  site.runs[1]?.end(null);
  await site.pass(1);
  assert.equal(site.of("a").problem, null);
  await site.stop();
});
