import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareTexts, readCompare, wordsOf } from "../../../support/compare-texts.ts";
import { chances, plainValues, spell } from "../../../support/json-spelling.ts";

describe("whole elements", () => {
  const CASES: readonly (readonly [a: string, b: string, words: string])[] = [
    ["[1,2,3]", "[3,1,2]", "ignored 1"],
    ["[1,2,3]", "[1.0,2,3e0]", "match"],
    ["[1,2,3]", "[3,2]", "missing /t/0"],
    ["[1,2]", "[2,4,1]", "extra /t/1"],
    ["[1,2,2]", "[2,1,1]", "missing /t/2, extra /t/2"],
    ["[1,2]", "[3,1]", "missing /t/1, extra /t/0"],
    ['[{"a":1,"b":2},{"a":3}]', '[{"a":3},{"b":2.0,"a":1}]', "ignored 1"],
    ['[{"a":1,"b":2},{"a":3}]', '[{"a":3},{"b":9,"a":1}]', "value /t/0/b"],
    ['[{"a":1},{"a":2},{"a":3}]', '[{"a":3},{"a":8},{"a":9}]', "missing /t/0, missing /t/1, extra /t/1, extra /t/2"],
    ["[]", "[]", "match"],
    ["[]", "[1]", "extra /t/0"],
    ["[1]", "{}", "type /t"],
    ["[[1,2],[3]]", "[[3],[2,1]]", "order /t/0"],
  ];
  for (const [a, b, words] of CASES) {
    test(`${a} against ${b}: ${words}`, (t) => {
      const rules = readCompare(t, "unordered: [{ at: /t }]");
      assert.equal(wordsOf(compareTexts(rules, `{"t":${a}}`, `{"t":${b}}`)), words);
    });
  }

  test("a body that is an array, and arrays at any depth", (t) => {
    const rules = readCompare(t, 'unordered: [{ at: "/**" }]');
    assert.equal(wordsOf(compareTexts(rules, "[[1,2],[3,[4,5]]]", "[[[5,4],3],[2,1]]")), "ignored 4");
    const root = readCompare(t, 'unordered: [{ at: "" }]');
    assert.equal(wordsOf(compareTexts(root, "[1,2]", "[2,1]")), "ignored 1");
  });

  test("elements that other rules make agree are matched, and each rule is counted", (t) => {
    const rules = readCompare(
      t,
      `unordered: [{ at: /t }], ignore: [{ at: "/t/*/at", because: test }], normalise: [{ at: "/t/*/n", as: lowercase }],
       shapes: [{ at: "/t/*/id", as: integer }], equivalent: [{ at: "/t/*/s", values: [[on, 1]] }]`.replace(
        /\n\s*/g,
        " ",
      ),
    );
    const primary = '{"t":[{"n":"A","at":1,"id":1,"s":1},{"n":"b","at":2,"id":2,"s":0}]}';
    const shadow = '{"t":[{"n":"B","id":8,"s":0},{"n":"a","at":3,"id":7,"s":"on"}]}';
    const verdict = compareTexts(rules, primary, shadow);
    assert.equal(verdict.outcome, "ignored");
    assert.deepEqual(Object.fromEntries(verdict.excusedBy.map(({ rule, times }) => [rule, times])), {
      "unordered /t": 1,
      "normalise /t/*/n as lowercase": 2,
      "ignore /t/*/at": 2,
      "shapes /t/*/id as integer": 2,
      "equivalent /t/*/s": 1,
    });
  });

  test("one number that moved and changed a little is within its tolerance", (t) => {
    const rules = readCompare(t, 'unordered: [{ at: /t }], tolerance: [{ at: "/t/*", within: 0.1 }]');
    assert.equal(wordsOf(compareTexts(rules, '{"t":[1,2,3]}', '{"t":[3,2.05,1]}')), "ignored 2");
  });
});

describe("by a key", () => {
  const rulesOf = (t: Parameters<typeof readCompare>[0], more = "") =>
    readCompare(t, `unordered: [{ at: /t, by: /k }]${more}`);
  const CASES: readonly (readonly [a: string, b: string, words: string])[] = [
    ['[{"k":1,"v":1},{"k":2,"v":2}]', '[{"v":2,"k":2.0},{"k":1,"v":1}]', "ignored 1"],
    ['[{"k":1,"v":1},{"k":2,"v":2}]', '[{"k":2,"v":9},{"k":1,"v":1}]', "value /t/1/v"],
    ['[{"k":1},{"k":2}]', '[{"k":2}]', "missing /t/0"],
    ['[{"k":1}]', '[{"k":7},{"k":1}]', "extra /t/0"],
    ['[{"k":1,"v":1},{"k":1,"v":2}]', '[{"k":1,"v":2},{"k":1,"v":1}]', "ignored 1"],
    ['[{"k":1,"v":1},{"k":1,"v":2}]', '[{"k":1,"v":2},{"k":1,"v":9}]', "value /t/0/v"],
    ['[{"v":1},2]', '[2,{"v":1}]', "ignored 1"],
    ['[{"v":1}]', '[{"v":2}]', "missing /t/0, extra /t/0"],
    ['[{"k":{"a":1,"b":2},"v":1}]', '[{"k":{"b":2,"a":1},"v":2}]', "value /t/0/v"],
  ];
  for (const [a, b, words] of CASES) {
    test(`${a} against ${b}: ${words}`, (t) => {
      assert.equal(wordsOf(compareTexts(rulesOf(t), `{"t":${a}}`, `{"t":${b}}`)), words);
    });
  }

  test("what is moved and differs is told at the primary's index", (t) => {
    const verdict = compareTexts(
      rulesOf(t),
      '{"t":[{"k":"a","n":[1]},{"k":"b","n":[2]}]}',
      '{"t":[{"k":"b","n":[2,3]},{"k":"c"},{"k":"a","n":[1]}]}',
    );
    assert.equal(wordsOf(verdict), "extra /t/1/n/1, extra /t/1");
  });

  test("keys agree under the rules of their place; tolerances work within", (t) => {
    const rules = rulesOf(
      t,
      ', normalise: [{ at: "/t/*/k", as: lowercase }], tolerance: [{ at: "/t/*/v", within: 1 }]',
    );
    const verdict = compareTexts(
      rules,
      '{"t":[{"k":"A","v":1},{"k":"B","v":5}]}',
      '{"t":[{"k":"b","v":6},{"k":"a","v":1}]}',
    );
    assert.equal(wordsOf(verdict), "ignored 4");
  });

  test("a key deep within", (t) => {
    const rules = readCompare(t, "unordered: [{ at: /t, by: /p/0/id }]");
    const verdict = compareTexts(
      rules,
      '{"t":[{"p":[{"id":1}],"v":1},{"p":[{"id":2}]}]}',
      '{"t":[{"p":[{"id":2}]},{"p":[{"id":1}],"v":2}]}',
    );
    assert.equal(wordsOf(verdict), "value /t/0/v");
  });
});

test("any shuffle of any values is excused, and one value more is one difference", (t) => {
  const rules = readCompare(t, "unordered: [{ at: /t }]");
  fc.assert(
    fc.property(fc.array(plainValues, { maxLength: 6 }), fc.integer(), plainValues, (elements, seed, more) => {
      const chance = chances(seed);
      const shuffled = elements.map((element) => [chance(), element] as const).sort(([a], [b]) => a - b);
      const text = (list: readonly unknown[]): string => spell({ t: list as [] }, chance);
      const moved = shuffled.map(([, element]) => element);
      assert.notEqual(compareTexts(rules, text(elements), text(moved)).outcome, "divergent");
      const verdict = compareTexts(rules, text(elements), text([...moved, more]));
      assert.equal(verdict.differences.length, 1);
      assert.equal(verdict.differences[0]?.kind, "extra");
      assert.equal(compareTexts(rules, text([more, ...moved]), text(elements)).differences[0]?.kind, "missing");
    }),
    { numRuns: 1000 },
  );
});
