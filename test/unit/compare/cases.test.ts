import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareAnswers, compareCheaply } from "../../../proxy/compare/diff-answers.ts";
import { compareCases } from "../../support/compare-cases.ts";

const NOW = 1000;
const cases = compareCases();

for (const file of new Set(cases.map((each) => each.file))) {
  describe(file, () => {
    for (const each of cases.filter((candidate) => candidate.file === file)) {
      test(each.name, () => {
        const { primary, shadow, rules, differences, excused, more } = each;
        const outcome = differences.length > 0 ? "divergent" : excused > 0 ? "ignored" : "match";
        const expected = { outcome, differences, moreDifferences: more, excused };
        const { excusedBy, ...found } = compareAnswers(primary, shadow, rules, NOW);
        assert.deepEqual(found, expected);
        const inline = compareCheaply({ primary, shadow, rules, now: NOW });
        if (inline !== null)
          assert.deepEqual(inline, { ...expected, excusedBy }, "the verdict on the event loop is the worker's");
      });
    }
  });
}
