import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupDecision, GroupState } from "../../../proxy/evidence/evidence.ts";
import { isQuiet, stateNow, stateWhenSeen } from "../../../proxy/evidence/group-states.ts";

const DECIDED = Date.parse("2026-11-22T12:00:00.000Z");

function decision(state: GroupDecision["state"], more: Partial<GroupDecision> = {}): GroupDecision {
  return { state, by: "ops", at: new Date(DECIDED).toISOString(), reason: "known", until: null, build: null, ...more };
}

test("what is seen moves a group as the table says", () => {
  const untilOne = decision("acknowledged", { until: "2026-11-22T13:00:00.000Z" });
  const onlyBuild = decision("acknowledged", { build: "9f3c" });
  const table: [
    shown: GroupState,
    decision: GroupDecision | null,
    minutes: number,
    build: string | null,
    to: GroupState,
  ][] = [
    ["new", null, 5, null, "new"],
    ["new", decision("new"), 5, "a001", "new"],
    ["regressed", null, 5, null, "regressed"],
    ["regressed", decision("acknowledged"), 5, null, "regressed"],
    ["acknowledged", decision("acknowledged"), 100_000, "a001", "acknowledged"],
    ["acknowledged", untilOne, 60, null, "acknowledged"],
    ["acknowledged", untilOne, 61, null, "regressed"],
    ["acknowledged", onlyBuild, 5, "9f3c", "acknowledged"],
    ["acknowledged", onlyBuild, 5, null, "acknowledged"],
    ["acknowledged", onlyBuild, 5, "a001", "regressed"],
    ["fixed", null, 5, null, "regressed"],
    ["fixed", decision("fixed"), 5, null, "regressed"],
    ["fixed", decision("fixed"), 0, null, "fixed"],
    ["fixed", decision("fixed"), -5, null, "fixed"],
    // It was opened again, then went quiet: the old word says nothing about what comes now.
    ["fixed", decision("new"), -5, null, "regressed"],
  ];
  for (const [shown, said, minutes, build, to] of table) {
    const at = DECIDED + minutes * 60_000;
    assert.equal(stateWhenSeen(shown, said, { at, build }), to, JSON.stringify([shown, said, minutes, build]));
  }
});

test("not being seen fixes what is open, and takes back no acknowledgement", () => {
  const quiet = { count: 11, compared: 3_000, comparedAtFirst: 0, comparedAtLast: 1_000 };
  const table: [GroupState, GroupState][] = [
    ["new", "fixed"],
    ["regressed", "fixed"],
    ["acknowledged", "acknowledged"],
    ["fixed", "fixed"],
  ];
  for (const [state, shown] of table) {
    assert.equal(stateNow(state, quiet), shown);
    assert.equal(stateNow(state, { ...quiet, compared: 1_500 }), state);
  }
});

test("how long is quiet depends on how rare the group was, and is a thousand at least", () => {
  const after = (count: number, span: number, more: number): boolean =>
    isQuiet({ count, comparedAtFirst: 7_000_000, comparedAtLast: 7_000_000 + span, compared: 7_000_000 + span + more });
  assert.equal(after(501, 1_000, 999), false);
  assert.equal(after(501, 1_000, 1_000), true);
  assert.equal(after(3, 10_000, 99_999), false);
  assert.equal(after(3, 10_000, 100_000), true);
  // Seen once: whether it is rare is not known.
  assert.equal(after(1, 0, 9_999), false);
  assert.equal(after(1, 0, 10_000), true);
  // A store whose counts were lost: nothing is divided by zero, nothing is fixed by less than was seen.
  assert.equal(after(0, 0, 9_999), false);
  assert.equal(isQuiet({ count: 5, comparedAtFirst: 0, comparedAtLast: 5_000, compared: 10 }), false);
});
