import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryPoint } from "../../../proxy/admin/history.ts";
import { latencyLines, outcomeLines, spellMost, spellNumber } from "../../../proxy/dashboard/route-lines.ts";
import { OUTCOME_KINDS, type OutcomeKind } from "../../../proxy/outcome.ts";
import { NOON } from "../../support/evidence.ts";

function point(second: number, seconds: number, outcomes: Partial<Record<OutcomeKind, number>>): HistoryPoint {
  const [from, to] = [second, second + seconds].map((at) => new Date(NOON + at * 1000).toISOString());
  assert.ok(from !== undefined && to !== undefined);
  const zero = Object.fromEntries(OUTCOME_KINDS.map((kind) => [kind, 0])) as Record<OutcomeKind, number>;
  const answered = (outcomes.match ?? 0) > 0;
  return {
    from,
    to,
    outcomes: { ...zero, ...outcomes },
    primaryMs: answered ? 12.5 : null,
    shadowMs: answered ? 3 : null,
  };
}

const POINTS = [
  point(0, 5, { match: 50, divergent: 5, "shadow-error": 1, "shadow-timeout": 1, dropped: 2, unknown: 1, skipped: 40 }),
  point(5, 10, { ignored: 20 }),
];

test("intervals of any width become exchanges a second; what could not be compared is one line, skipped is none", () => {
  const { times, lines } = outcomeLines(POINTS);
  assert.deepEqual(times, [NOON / 1000 + 5, NOON / 1000 + 15]);
  assert.deepEqual(
    lines.map(({ label, values }) => [label, ...values]),
    [
      ["match", 10, 0],
      ["excused", 0, 2],
      ["divergent", 1, 0],
      ["not compared", 1, 0],
    ],
  );
});

test("each side's time is a line of its own with holes where nothing was answered, and is told in words", () => {
  const data = latencyLines(POINTS, "legacy", "next");
  assert.deepEqual(
    data.lines.map(({ values }) => values),
    [
      [12.5, null],
      [3, null],
    ],
  );
  assert.equal(spellMost(data, "ms"), "At most, in ms: legacy (primary) 12.5, next (shadow) 3");
  assert.equal(
    spellMost(latencyLines(POINTS.slice(1), "a", "b"), "ms"),
    "At most, in ms: a (primary) none, b (shadow) none",
  );
  assert.deepEqual([0, 0.2512, 12.44, 1204.4].map(spellNumber), ["0", "0.251", "12.4", "1,204"]);
});
