/** Cases of faults.ts as tests: some of those that `npm run cutover -- --faults` goes through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENTRY } from "../support/entry.ts";
import { type FaultCase, runFault, spellCase } from "./faults.ts";

export const [READY, PREPARE, DRAINED, COMMIT, ABORT_BY_LEADER, ABORT_BY_OTHER] = [1, 2, 3, 4, 5, 6] as const;

/** `phase`: the one that it has to be afterwards, where only one of both is right. */
export function tryFaults(some: readonly (FaultCase & { readonly phase?: string })[]): void {
  for (const { phase, ...one } of some) {
    test(`${spellCase(one)}: fully old or fully new, and no write is lost or on a wrong side`, async (t) => {
      const result = await runFault(ENTRY, one);
      t.diagnostic(JSON.stringify(result));
      assert.deepEqual(result.violations, []);
      assert.ok(result.acknowledged > 0);
      if (phase !== undefined) assert.equal(result.phase, phase);
    });
  }
}
