import assert from "node:assert/strict";
import { test } from "node:test";
import { FIRST_STEP_MS, History, MOST_LOOKS } from "../../../proxy/admin/history.ts";
import type { RouteState } from "../../../proxy/admin/parts.ts";
import { NOON } from "../../support/evidence.ts";

type Counted = Pick<RouteState, "name" | "outcomes" | "latency">;

function counted(name: string, match: number, divergent = 0, counts = match): Counted {
  return {
    name,
    outcomes: [
      { outcome: "match", reason: null, count: match },
      { outcome: "divergent", reason: null, count: divergent },
    ],
    latency: { counted: counts, primaryMs: counts * 12, shadowMs: counts * 3 },
  };
}

test("a point holds what was counted between two looks, and the mean of both sides", () => {
  const history = new History();
  history.look(NOON, [counted("users", 10)]);
  history.look(NOON + FIRST_STEP_MS, [counted("users", 14, 1, 15)]);
  history.look(NOON + 2 * FIRST_STEP_MS, [counted("users", 14, 1, 15)]);
  const { points } = history.of("users");
  assert.deepEqual(
    points.map(({ outcomes, primaryMs, shadowMs }) => [outcomes.match, outcomes.divergent, primaryMs, shadowMs]),
    [
      [4, 1, 12, 3],
      [0, 0, null, null],
    ],
  );
  assert.deepEqual([points[0]?.from, points[1]?.to], ["2026-11-22T12:00:00.000Z", "2026-11-22T12:00:10.000Z"]);
  assert.deepEqual(
    history.of("nobody").points.map(({ outcomes }) => outcomes.match),
    [0, 0],
  );
});

test("it spans the whole life, never grows beyond its places, and loses no count", () => {
  const history = new History();
  let now = NOON;
  let total = 0;
  history.look(now, [counted("users", 0)]);
  while (now < NOON + 30 * 24 * 60 * 60 * 1000) {
    now += history.stepMs;
    total += 7;
    history.look(now, [counted("users", total)]);
    assert.ok(history.of("users").points.length < MOST_LOOKS);
  }
  const { points } = history.of("users");
  assert.ok(points.length >= MOST_LOOKS / 2 - 1, `${points.length} points`);
  assert.equal(points[0]?.from, new Date(NOON).toISOString());
  assert.equal(points.at(-1)?.to, new Date(now).toISOString());
  assert.equal(
    points.reduce((sum, { outcomes }) => sum + outcomes.match, 0),
    total,
  );
  for (const [i, { from }] of points.entries()) if (i > 0) assert.equal(from, points[i - 1]?.to);
});

test("looks that come too early are none, counts that went back are no negative ones, and a clock set back begins anew", () => {
  const history = new History();
  history.look(NOON, [counted("users", 10)]);
  history.look(NOON + 1, [counted("users", 11)]);
  assert.equal(history.of("users").points.length, 0);
  history.look(NOON + FIRST_STEP_MS, [counted("users", 4)]);
  assert.equal(history.of("users").points[0]?.outcomes.match, 0);
  history.look(NOON - 60_000, [counted("users", 20)]);
  assert.equal(history.of("users").points.length, 0);
  history.look(NOON - 60_000 + FIRST_STEP_MS, [counted("users", 21)]);
  assert.deepEqual(
    history.of("users").points.map(({ outcomes }) => outcomes.match),
    [1],
  );
});
