import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusals } from "../../../proxy/admin/refusals.ts";

function takenAt(refusals: Refusals, now: number, tries: number): number {
  return Array.from({ length: tries }, () => refusals.take(now)).filter(Boolean).length;
}

test("a hundred refusals are explained at once, then twenty a second, and never more than a hundred were saved up", () => {
  const refusals = new Refusals();
  assert.equal(takenAt(refusals, 1_000, 500), 100);
  assert.equal(takenAt(refusals, 1_500, 500), 10);
  assert.equal(takenAt(refusals, 2_500, 500), 20);
  assert.equal(takenAt(refusals, 1e9, 500), 100);
});
