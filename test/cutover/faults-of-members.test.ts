/** Members that are killed, stopped and joined by others at steps of a move. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "./faults.ts";
import { COMMIT, DRAINED, PREPARE, tryFaults } from "./try-faults.ts";

tryFaults([
  { fault: "kill other", step: PREPARE, moment: "after", phase: "dual-write" },
  { fault: "kill leader", step: DRAINED, moment: "after" },
  { fault: "stop other", step: DRAINED, moment: "after" },
  { fault: "kill leader", step: COMMIT, moment: "before", phase: "dual-write" },
  { fault: "kill leader", step: COMMIT, moment: "after", phase: "next-primary" },
  { fault: "join", step: COMMIT, moment: "before" },
  { fault: "restart all", step: COMMIT, moment: "after" },
]);

test("the cases of the long form are all that there are", () => {
  assert.deepEqual([CASES.length, new Set(CASES.map(({ fault }) => fault)).size], [186, 19]);
});
