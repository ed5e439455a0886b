import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  DIVERGENT,
  DROP_REASONS,
  dropped,
  IGNORED,
  MATCH,
  type Outcome,
  SHADOW_ERROR,
  SHADOW_TIMEOUT,
  SKIP_REASONS,
  skipped,
  UNKNOWN,
} from "../../../proxy/outcome.ts";
import { createCounters, type Tally } from "../../../proxy/record/counters.ts";

const EVERY: readonly Outcome[] = [
  MATCH,
  IGNORED,
  DIVERGENT,
  SHADOW_ERROR,
  SHADOW_TIMEOUT,
  UNKNOWN,
  ...DROP_REASONS.map(dropped),
  ...SKIP_REASONS.map(skipped),
];

const sumOf = ({ outcomes }: Tally): number => outcomes.reduce((sum, { count }) => sum + count, 0);

test("every outcome and every reason is counted under its own name", () => {
  const counters = createCounters();
  for (const outcome of EVERY) {
    counters.eligible("users", "write");
    counters.settled("users", "write", outcome);
  }
  const [users] = counters.snapshot();
  assert.deepEqual(
    users?.outcomes.map(({ outcome, reason }) => (reason === null ? { kind: outcome } : { kind: outcome, reason })),
    EVERY.toSorted((a, b) => order(a) - order(b)),
  );
  assert.ok(users?.outcomes.every(({ count }) => count === 1));
});

function order(outcome: Outcome): number {
  const kinds = ["match", "ignored", "divergent", "shadow-error", "shadow-timeout", "dropped", "skipped", "unknown"];
  return kinds.indexOf(outcome.kind);
}

test("at any moment eligible is pending and the outcomes together, for writes, reads and both", () => {
  const step = fc.record({
    route: fc.constantFrom("a", "b"),
    requestClass: fc.constantFrom("write" as const, "read" as const),
    outcome: fc.option(fc.constantFrom(...EVERY)),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const counters = createCounters();
      const pending = new Map<string, number>();
      for (const { route, requestClass, outcome } of steps) {
        const name = `${route} ${requestClass}`;
        const open = pending.get(name) ?? 0;
        if (outcome === null || open === 0) {
          counters.eligible(route, requestClass);
          pending.set(name, open + 1);
        } else {
          counters.settled(route, requestClass, outcome);
          pending.set(name, open - 1);
        }
      }
      for (const counts of counters.snapshot()) {
        for (const tally of [counts, counts.writes, counts.reads])
          assert.equal(tally.eligible, tally.pending + sumOf(tally));
        assert.equal(counts.writes.eligible + counts.reads.eligible, counts.eligible);
        assert.equal(counts.writes.pending, pending.get(`${counts.route} write`) ?? 0);
      }
      const open = [...pending.values()].reduce((sum, count) => sum + count, 0);
      assert.equal(counters.pending(), open);
    }),
  );
});

test("writes go on from the store's totals, reads begin anew", () => {
  const counters = createCounters();
  counters.restore(
    [
      { route: "users", outcome: "match", reason: null, count: 9_007_199_254 },
      { route: "users", outcome: "skipped", reason: "not-accepted", count: 3 },
    ],
    [
      { route: "users", count: 9_007_199_257 },
      { route: "orders", count: 0 },
    ],
  );
  const [users, orders] = counters.snapshot();
  assert.equal(users?.seen, false);
  assert.equal(users?.pending, 0);
  assert.equal(users?.writes.eligible, sumOf(users as Tally));
  assert.equal(users?.reads.eligible, 0);
  assert.equal(orders?.eligible, 0);
  counters.eligible("users", "write");
  counters.settled("users", "write", MATCH);
  const [after] = counters.snapshot();
  assert.equal(after?.seen, true);
  assert.equal(after?.outcomes.find(({ outcome }) => outcome === "match")?.count, 9_007_199_255);
});

test("writes that another process has under way are not this one's: what it begins with sums", () => {
  const counters = createCounters();
  counters.restore([{ route: "users", outcome: "match", reason: null, count: 3 }], [{ route: "users", count: 5 }]);
  const [users] = counters.snapshot();
  assert.deepEqual([users?.eligible, users?.pending, sumOf(users as Tally)], [3, 0, 3]);
});

test("writes that an earlier life of this process left under way are eligible, once, and settle here", () => {
  const counters = createCounters();
  counters.restore([{ route: "users", outcome: "match", reason: null, count: 3 }], [{ route: "users", count: 5 }]);
  counters.resume("users", 2);
  const [before] = counters.snapshot();
  assert.deepEqual([before?.eligible, before?.pending, sumOf(before as Tally)], [5, 2, 3]);
  counters.settled("users", "write", MATCH);
  counters.settled("users", "write", MATCH);
  const [after] = counters.snapshot();
  assert.deepEqual([after?.eligible, after?.pending, sumOf(after as Tally)], [5, 0, 5]);
});

test("how long both sides took is summed by route, beside the outcomes", () => {
  const counters = createCounters();
  counters.timed("users", 12.5, 3);
  counters.timed("users", 7.5, 1);
  counters.eligible("orders", "write");
  const latency = Object.fromEntries(counters.snapshot().map((counts) => [counts.route, counts.latency]));
  assert.deepEqual(latency, {
    users: { counted: 2, primaryMs: 20, shadowMs: 4 },
    orders: { counted: 0, primaryMs: 0, shadowMs: 0 },
  });
});
