/** The short form of `npm run cutover`, and what it is judged by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./check.ts";
import { percentile, runCutovers } from "./cutover.ts";
import type { Applied } from "./service.ts";
import { ENTRY } from "../support/entry.ts";

/** How long a pause is tells nothing on a machine that runs other tests: the long form prints it. */
const SITES = {
  "one process": { members: 0, workers: 0, rounds: 6, writesPerSecond: 300 },
  "one process with two workers": { members: 0, workers: 2, rounds: 4, writesPerSecond: 300 },
  // Seven processes beside another test file, on two cores: copies must not fall behind for good.
  "three members on Redis": { members: 3, workers: 0, rounds: 6, writesPerSecond: 120 },
};

for (const [site, { rounds, writesPerSecond, ...processes }] of Object.entries(SITES))
  test(`${site}: cutovers and rollbacks in a row under load: no client error, no write lost, split, doubled or out of order`, async (t) => {
    const plan = {
      cli: ENTRY,
      ...processes,
      rounds,
      writesPerSecond,
      clients: 12,
      betweenMs: 50,
    };
    const result = await runCutovers(plan, () => undefined);
    const { held, slowest, undisturbed, words, parts, ...counts } = result;
    t.diagnostic(
      `${JSON.stringify(counts)}; held ${percentile(held, 0.5)} ms, slowest ${percentile(slowest, 1).toFixed(0)} ms`,
    );
    assert.deepEqual(words, []);
    assert.deepEqual([counts.clientErrors, counts.moves], [0, 2 * rounds]);
    if (processes.members === 0) assert.equal(counts.doubted, 0, "one process knows what was before");
    assert.ok(counts.writes > 100 && undisturbed.length > 0);
    // Each step of a move over several members was told.
    assert.equal(parts.length, processes.members === 0 ? 0 : counts.moves);
    assert.ok(counts.costs.proxyMicros > 0);
    assert.ok(counts.costs.machineShare > 0 && counts.costs.machineShare <= 1);
  });

const applied = (n: number, copy = false): Applied => ({ seq: n, n, copy, epoch: null });
const KEYS = [{ key: "a", acknowledged: 2, isDoubted: false }];

test("the checker finds each violation", () => {
  const whole = { legacy: { a: [applied(1), applied(2, true)] }, next: { a: [applied(1, true), applied(2)] } };
  const sums = (accounts: Parameters<typeof check>[0], moves = 1, keys = KEYS) => {
    const { words: _, writes: __, ...counts } = check(accounts, keys, moves);
    return counts;
  };
  const none = { lost: 0, twice: 0, reordered: 0, reorderedInDoubt: 0, split: 0, wrongSide: 0 };
  assert.deepEqual(sums(whole), none);
  assert.deepEqual(sums(whole, 0), { ...none, wrongSide: 1 });
  assert.deepEqual(sums({ ...whole, next: { a: [applied(2)] } }), { ...none, lost: 1 });
  assert.deepEqual(sums({ ...whole, next: { a: [applied(1, true), applied(2), applied(2)] } }), { ...none, twice: 1 });
  const swapped = { ...whole, next: { a: [applied(2), applied(1, true)] } };
  assert.deepEqual(sums(swapped), { ...none, reordered: 1 });
  assert.deepEqual(sums(swapped, 1, [{ key: "a", acknowledged: 2, isDoubted: true }]), {
    ...none,
    reorderedInDoubt: 1,
  });
  assert.deepEqual(sums({ ...whole, next: { a: [applied(1), applied(2)] } }), { ...none, split: 1 });
});
