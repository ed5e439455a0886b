import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ComparableAnswer, compareAnswers, compareCheaply } from "../../proxy/compare/diff-answers.ts";
import type { CompareSettings } from "../../proxy/config/compare-settings.ts";
import type { Difference } from "../../proxy/evidence/evidence.ts";
import type { Verdict } from "../../proxy/exchange.ts";
import { COMPARED_AT, readPairs } from "./pairs.ts";

const MIN_PAIRS = 600;

const files = readPairs();

/** As the proxy compares: on the event loop where that is cheap, else in full; the two must agree. */
function compare(primary: ComparableAnswer, shadow: ComparableAnswer, rules: CompareSettings): Verdict {
  const verdict = compareAnswers(primary, shadow, rules, COMPARED_AT);
  const inline = compareCheaply({ primary, shadow, rules, now: COMPARED_AT });
  if (inline !== null) assert.deepEqual(inline, verdict, "the verdict on the event loop is the worker's");
  return verdict;
}

/** A text that is expected to hold a piece (`~piece`) and does is replaced by what was expected of it. */
function asExpected(found: Difference, expected: Difference | undefined): Difference {
  const piece = (side: "primary" | "shadow"): string | null => {
    const wanted = expected?.[side];
    return wanted?.startsWith("~") === true && found[side]?.includes(wanted.slice(1)) === true ? wanted : found[side];
  };
  return { at: found.at, kind: found.kind, primary: piece("primary"), shadow: piece("shadow") };
}

for (const [file, pairs] of files) {
  describe(file, () => {
    for (const { name, primary, shadow, rules, ...expected } of pairs) {
      test(name, () => {
        const { outcome, differences, moreDifferences, excused } = compare(primary, shadow, rules);
        const found = differences.map((each, i) => asExpected(each, expected.differences[i]));
        assert.deepEqual({ outcome, differences: found, excused }, expected);
        assert.equal(moreDifferences, 0);
        assert.equal(compare(shadow, primary, rules).outcome, outcome, "the outcome is the same from the other side");
        assert.equal(compare(primary, primary, rules).outcome, "match");
        assert.equal(compare(shadow, shadow, rules).outcome, "match");
      });
    }
  });
}

test(`at least ${MIN_PAIRS} pairs, each of its own name`, (t) => {
  const all = [...files].flatMap(([file, pairs]) => pairs.map(({ name }) => `${file}: ${name}`));
  t.diagnostic(`${all.length} pairs in ${files.size} files`);
  assert.ok(all.length >= MIN_PAIRS, `${all.length} pairs`);
  assert.equal(new Set(all).size, all.length, "no two pairs of a file have one name");
});
