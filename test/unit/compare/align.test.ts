import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { alignElements } from "../../../proxy/compare/align.ts";
import type { Difference } from "../../../proxy/evidence/evidence.ts";
import { compareRules } from "../../support/compare-cases.ts";
import { compareTexts, readCompare, wordsOf } from "../../support/compare-texts.ts";
import { chances, ownMembers, type Plain, plainValues, spell } from "../../support/json-spelling.ts";

const NO_RULES = compareRules();
const none = (): number => 0;

/** The length of a longest common subsequence, by the textbook's table. */
function commonLength(a: readonly number[], b: readonly number[]): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      const row = table[i] as number[];
      const above = table[i - 1] as number[];
      row[j] =
        a[i - 1] === b[j - 1] ? (above[j - 1] as number) + 1 : Math.max(above[j] as number, row[j - 1] as number);
    }
  }
  return table[a.length]?.[b.length] ?? 0;
}

describe("alignment", () => {
  const lists = fc.array(fc.nat({ max: 4 }), { maxLength: 14 });

  test("every element stands once, pairs ascend on both sides, and no more could be equal", () => {
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const { pairs, missing, extra, cost } = alignElements(a, b, none);
        const ascending = [...pairs].sort(([i], [j]) => i - j);
        assert.deepEqual(
          ascending.map(([, j]) => j),
          ascending.map(([, j]) => j).toSorted((x, y) => x - y),
        );
        const all = (length: number): number[] => Array.from({ length }, (_, i) => i);
        assert.deepEqual(
          [...pairs.map(([i]) => i), ...missing].sort((x, y) => x - y),
          all(a.length),
        );
        assert.deepEqual(
          [...pairs.map(([, j]) => j), ...extra].sort((x, y) => x - y),
          all(b.length),
        );
        const equal = pairs.filter(([i, j]) => a[i] === b[j]).length;
        assert.equal(equal, commonLength(a, b));
        assert.equal(cost, missing.length + extra.length + pairs.length - equal);
      }),
      { numRuns: 3000 },
    );
  });

  test("beyond the bound of edits, elements that stand once hold the rest in place", () => {
    const before = Array.from({ length: 3000 }, (_, i) => i);
    const after = before.flatMap((i) => (i % 10 === 0 ? [i, 100_000 + i] : i % 10 === 5 ? [] : [i]));
    const { pairs, missing, extra } = alignElements(before, after, none);
    const equal = pairs.filter(([i, j]) => before[i] === after[j]).length;
    assert.equal(equal, 2700);
    assert.equal(missing.length, 300);
    assert.equal(extra.length, 300);
  });

  test("lengths of 200,000 without anything in common, or with everything twice, take no time to speak of", () => {
    const size = 200_000;
    const one = Array.from({ length: size }, (_, i) => i);
    assert.equal(alignElements(one, one.map((i) => i + size).slice(1), none).pairs.length, size - 1);
    const twice = one.map((i) => i >> 1);
    assert.ok(alignElements(twice, twice.toReversed().slice(1), none).pairs.length >= size - 2);
    const few = one.map((i) => (i * 7919) % 3);
    assert.ok(alignElements(few, few.map((i) => (i + 1) % 3).slice(3), none).pairs.length > 0);
  });
});

/** What the differences of one document say, done to the primary's. */
function applied(value: Plain, differences: readonly Difference[], depth = 0): Plain {
  const here = differences.find(({ at }) => at.split("/").length - 1 === depth);
  if (here !== undefined) return JSON.parse(here.shadow ?? "") as Plain;
  if (differences.length === 0 || value === null || typeof value !== "object") return value;
  const below = Map.groupBy(differences, ({ at }) => {
    return (at.split("/")[depth + 1] ?? "").replaceAll("~1", "/").replaceAll("~0", "~");
  });
  const isOwn = ({ at }: Difference): boolean => at.split("/").length - 1 === depth + 1;
  const isGone = (name: string): boolean =>
    below.get(name)?.some((each) => isOwn(each) && each.kind === "missing") ?? false;
  const extras = differences.filter((each) => isOwn(each) && each.kind === "extra");
  const inside = (name: string): Difference[] => (below.get(name) ?? []).filter((each) => !extras.includes(each));
  if (Array.isArray(value)) {
    const kept = value.flatMap((element, i) => {
      return isGone(String(i)) ? [] : [applied(element, inside(String(i)), depth + 1)];
    });
    const places = extras.map(({ at, shadow }) => [Number(at.split("/")[depth + 1]), shadow ?? ""] as const);
    for (const [i, text] of places.toSorted(([a], [b]) => a - b)) kept.splice(i, 0, JSON.parse(text) as Plain);
    return kept;
  }
  const members = Object.entries(value)
    .filter(([name]) => !isGone(name))
    .map(([name, member]) => [name, applied(member, inside(name), depth + 1)] as const);
  const added = extras.map(({ at, shadow }) => {
    const name = (at.split("/")[depth + 1] ?? "").replaceAll("~1", "/").replaceAll("~0", "~");
    return [name, JSON.parse(shadow ?? "") as Plain] as const;
  });
  return ownMembers([...members, ...added]);
}

test("the differences, done to the primary's answer, make the shadow's", () => {
  const small = fc.letrec<{ value: Plain }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Plain>(0, 1, 2, "a", null, true),
      fc.array(tie("value"), { maxLength: 6 }),
      fc
        .uniqueArray(fc.tuple(fc.constantFrom("a", "b/c", "__proto__"), tie("value")), { selector: ([name]) => name })
        .map(ownMembers),
    ),
  })).value;
  fc.assert(
    fc.property(small, small, (a, b) => {
      const [textA, textB] = [JSON.stringify(a), JSON.stringify(b)];
      const { differences, moreDifferences } = compareTexts(NO_RULES, textA, textB);
      fc.pre(moreDifferences === 0 && differences.every(({ shadow }) => (shadow?.length ?? 0) < 512));
      assert.deepEqual(applied(a, differences), b, JSON.stringify([a, b, differences]));
    }),
    { numRuns: 6000 },
  );
});

test("rules at places that are not there change nothing", () => {
  const idle = compareRules({
    ignore: [{ at: "/none/**" }, { at: "/**/none" }],
    unordered: [{ at: "/**/none", by: "/x" }],
    normalise: [{ at: "/none", as: ["trim"] }],
  });
  fc.assert(
    fc.property(plainValues, plainValues, fc.integer(), (a, b, seed) => {
      const [textA, textB] = [spell(a, chances(seed)), spell(b, chances(seed + 1))];
      assert.deepEqual(compareTexts(idle, textA, textB), compareTexts(NO_RULES, textA, textB));
    }),
    { numRuns: 1000 },
  );
});

describe("arrays whose order counts", () => {
  const CASES: readonly (readonly [name: string, a: string, b: string, words: string])[] = [
    [
      "one put in, and another that changed elsewhere",
      '[{"id":1,"n":"a"},{"id":2,"n":"b"},{"id":3,"n":"c"},{"id":4,"n":"d"}]',
      '[{"id":1,"n":"a"},{"id":9,"n":"x"},{"id":2,"n":"b"},{"id":3,"n":"C"},{"id":4,"n":"d"}]',
      "value /2/n, extra /1",
    ],
    [
      "one put in right before one that changed",
      '[{"id":1,"n":"a"},{"id":2,"n":"b"}]',
      '[{"id":9,"n":"x"},{"id":1,"n":"A"},{"id":2,"n":"b"}]',
      "value /0/n, extra /0",
    ],
    [
      "one taken out right after one that changed",
      '[{"id":1,"n":"a"},{"id":2,"n":"b"},{"id":3,"n":"c"}]',
      '[{"id":1,"n":"A"},{"id":3,"n":"c"}]',
      "value /0/n, missing /1",
    ],
    [
      "one taken out and one put in, the length the same",
      "[1,2,3,4,5,6,7,8]",
      "[9,1,2,3,4,5,6,7]",
      "missing /7, extra /0",
    ],
    ["the same in the middle of more", "[0,1,2,3,4,5,9]", "[0,2,3,4,5,6,9]", "missing /1, extra /5"],
    ["two at different places", "[1,2,3,4,5,6]", "[1,7,2,3,4,8,5,6]", "extra /1, extra /5"],
    ["changed in place", "[1,2,3,4]", "[1,5,6,4]", "value /1, value /2"],
    ["nothing in common", "[1,2]", "[3,4,5]", "value /0, value /1, extra /2"],
    ["arrays within", "[[1],[2,3,4],[5]]", "[[1],[0],[2,4],[5]]", "missing /1/1, extra /1"],
  ];
  for (const [name, a, b, words] of CASES) {
    test(name, () => assert.equal(wordsOf(compareTexts(NO_RULES, a, b)), words));
  }

  test("elements that differ only in what rules excuse are the same ones", (t) => {
    const rules = readCompare(t, 'ignore: [{ at: "/*/at", because: test }]');
    const list = (from: number, to: number, at: number): unknown[] =>
      Array.from({ length: to - from }, (_, i) => ({ id: from + i, at }));
    const verdict = compareTexts(
      rules,
      JSON.stringify(list(0, 8, 1)),
      JSON.stringify([{ id: 99, at: 2 }, ...list(0, 7, 2)]),
    );
    assert.equal(wordsOf(verdict), "missing /7, extra /0");
    assert.equal(verdict.excused, 7);
    const swapped = compareTexts(rules, JSON.stringify(list(0, 3, 1)), JSON.stringify(list(0, 3, 2).reverse()));
    assert.equal(wordsOf(swapped), "order ");
  });

  test("what is put into, taken out of and changed in a list makes no more differences than that", () => {
    const rows = fc.uniqueArray(fc.nat({ max: 10_000 }), { minLength: 3, maxLength: 30 });
    const edits = fc.array(fc.tuple(fc.constantFrom("in", "out", "change"), fc.nat()), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(rows, edits, (ids, changes) => {
        const before = ids.map((id) => ({ id, v: id % 7, w: { x: id } }));
        let after = before;
        for (const [n, [kind, where]] of changes.entries()) {
          const at = where % Math.max(1, after.length);
          if (kind === "in") after = after.toSpliced(at, 0, { id: 20_000 + n, v: -1, w: { x: -1 } });
          else if (kind === "out" && after.length > 0) after = after.toSpliced(at, 1);
          else if (after.length > 0) after = after.with(at, { ...(after[at] as (typeof before)[number]), v: 100 + n });
        }
        const { differences, moreDifferences } = compareTexts(NO_RULES, JSON.stringify(before), JSON.stringify(after));
        // An element that is put in beside others that went may be told member by member: three of them.
        assert.ok(differences.length + moreDifferences <= changes.length * 3, JSON.stringify(differences));
        const onlyIns = changes.every(([kind]) => kind === "in");
        if (onlyIns)
          assert.deepEqual(
            differences.map(({ kind }) => kind),
            changes.map(() => "extra"),
          );
      }),
      { numRuns: 1000 },
    );
  });
});
