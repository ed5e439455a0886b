import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RepairWork } from "../../../proxy/evidence/evidence.ts";
import { systemClock } from "../../../proxy/process/system-clock.ts";
import { walkRepairs } from "../../../proxy/repair/walk.ts";

const ENTRIES = 100;

/** How many were under way at once at the most, where none ends before so many are, and a while has gone by. */
async function mostAtOnce(ratePerSecond: number, expected: number): Promise<number> {
  const full = Promise.withResolvers<void>();
  const works = Array.from({ length: ENTRIES }, (_, i) => ({ id: i + 1, route: "users", since: "2026-11-01" }));
  let [running, most, told] = [0, 0, 0];
  await walkRepairs(
    {
      store: {
        repairWork: ({ after, limit }) =>
          Promise.resolve(works.filter(({ id }) => id > after).slice(0, limit) as unknown as RepairWork[]),
      },
      clock: systemClock,
    },
    {
      query: { dueAt: null },
      rateOf: () => ratePerSecond,
      rounds: 0,
      signal: new AbortController().signal,
      async repair({ route }) {
        most = Math.max(most, ++running);
        if (running === expected) void sleep(200).then(full.resolve);
        await full.promise;
        running -= 1;
        return { route, key: null, result: "equal", would: null, why: null, differences: [] };
      },
      told: () => (told += 1),
    },
  );
  assert.equal(told, ENTRIES);
  return most;
}

test("so many are repaired at once as a tenth of the rate, eight at least and 64 at most", async () => {
  const [slow, quick, most] = await Promise.all([mostAtOnce(60, 8), mostAtOnce(300, 30), mostAtOnce(10_000, 64)]);
  assert.deepEqual([slow, quick, most], [8, 30, 64]);
});
