/** Hostile bodies under rules: what takes long without bound would not end within the time limit. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareAnswers, compareCheaply } from "../../../../proxy/compare/diff-answers.ts";
import { MAX_DIFFERENCES } from "../../../../proxy/exchange.ts";
import { compareRules, jsonAnswer } from "../../../support/compare-cases.ts";

const LINEAR = { timeout: 60_000 };
const EVERYTHING = compareRules({
  normalise: [{ at: "/**", as: ["trim", "unicode", "html-entities", "url", "uuid", "number", "instant"] }],
  tolerance: [{ at: "/**", within: { kind: "absolute", by: "0.5" } }],
  unordered: [{ at: "/**" }],
  equivalent: [{ at: "/**", values: [["on", 1]] }],
  shapes: [{ at: "/**", as: "uuid" }],
});

function compareTexts(rules: typeof EVERYTHING, a: string, b: string) {
  return compareAnswers(jsonAnswer(a), jsonAnswer(b), rules, 0);
}

describe("under rules that reach everything", LINEAR, () => {
  test("arrays 50,000 deep, unordered at every level", () => {
    const nest = (leaf: string): string => "[1,".repeat(50_000) + leaf + "]".repeat(50_000);
    assert.equal(compareTexts(EVERYTHING, nest('"a"'), nest('"a "')).outcome, "ignored");
    assert.equal(compareTexts(EVERYTHING, nest('"a"'), nest('"b"')).outcome, "divergent");
  });

  test("objects 100,000 deep that differ at every level", () => {
    const nest = (text: string): string => `{"v":"${text}","n":`.repeat(100_000) + "0" + "}".repeat(100_000);
    assert.equal(compareTexts(EVERYTHING, nest("a"), nest("a ")).excused, 100_000);
    const { differences, moreDifferences } = compareTexts(EVERYTHING, nest("a"), nest("b"));
    assert.equal(differences.length + moreDifferences, 100_000);
  });

  test("many patterns with many stars, at any depth", () => {
    const ignore = Array.from({ length: 200 }, (_, i) => ({ at: `/**/a/**/b${i}/**/c/**/d` }));
    const nest = (n: number): string => `{"a":{"b1":{"x":${n},"c":`.repeat(10_000) + "0" + "}}}".repeat(10_000);
    const verdict = compareTexts(compareRules({ ignore }), nest(1), nest(2));
    assert.equal(verdict.differences.length, MAX_DIFFERENCES);
  });

  test("100,000 elements in reverse, each a little different; keys that are all alike", () => {
    const list = (pad: string) => Array.from({ length: 100_000 }, (_, i) => ({ k: i, v: `v${i}${pad}` }));
    const [a, b] = [JSON.stringify({ t: list("") }), JSON.stringify({ t: list(" ").reverse() })];
    assert.equal(compareTexts(EVERYTHING, a, b).outcome, "ignored");
    const keyed = compareRules({ unordered: [{ at: "/t", by: "/k" }] });
    assert.equal(compareTexts(keyed, a, b).differences[0]?.at, "/t/0/v");
    const alike = (n: number): string =>
      JSON.stringify({ t: Array.from({ length: 100_000 }, (_, i) => ({ k: 1, v: n + i })) });
    assert.equal(compareTexts(keyed, alike(0), alike(200_000)).differences.length, MAX_DIFFERENCES);
  });

  test("an element put in amid 100,000 that all differ in what is excused", () => {
    const rules = compareRules({ ignore: [{ at: "/*/at" }] });
    const list = (at: number) => Array.from({ length: 100_000 }, (_, id) => ({ id, at }));
    const verdict = compareTexts(
      rules,
      JSON.stringify(list(1)),
      JSON.stringify(list(2).toSpliced(50_000, 0, { id: -1, at: 2 })),
    );
    assert.deepEqual(
      verdict.differences.map(({ at, kind }) => `${kind} ${at}`),
      ["extra /50000"],
    );
    assert.equal(verdict.excused, 100_000);
  });

  const TEXTS: Readonly<Record<string, string>> = {
    "combining marks": `a${"\u0315\u0300".repeat(500_000)}`,
    digits: "1".repeat(1_000_000),
    "digits and no number": `${"1".repeat(1_000_000)}x`,
    exponents: `1e${"9".repeat(1_000_000)}`,
    spaces: " ".repeat(1_000_000),
    ampersands: "&#x".repeat(300_000),
    "percent signs": `http://h/${"%4".repeat(500_000)}`,
    "a scheme": `${"a".repeat(1_000_000)}://`,
    commas: "a,".repeat(500_000),
    quotes: `W/"${'a"'.repeat(300_000)}`,
    hex: "ab".repeat(500_000),
    dots: `eyJ${"a.".repeat(500_000)}`,
  };
  for (const [name, text] of Object.entries(TEXTS)) {
    test(`a megabyte of ${name} is read in linear time by every rule`, () => {
      for (const as of ["uuid", "ulid", "instant", "jwt", "etag", "hash", "integer", "id"] as const) {
        const rules = compareRules({ shapes: [{ at: "/v", as }] });
        compareTexts(rules, JSON.stringify({ v: text }), JSON.stringify({ v: `${text}!` }));
      }
      const verdict = compareTexts(EVERYTHING, JSON.stringify({ v: text }), JSON.stringify({ v: `${text}!` }));
      assert.equal(verdict.outcome, "divergent");
      const everyHeader = compareRules({
        headers: ["x"],
        normalise: [{ at: "header:x", as: ["trim", "number", "instant", "url", "sorted-set"] }],
        tolerance: [{ at: "header:x", within: { kind: "time", ms: 1 } }],
      });
      const answer = (value: string) => ({ ...jsonAnswer(""), headers: ["x", value] });
      assert.equal(compareAnswers(answer(text), answer(`${text}!`), everyHeader, 0).outcome, "divergent");
    });
  }

  test("numbers of many digits and huge exponents are no reason to calculate for long", () => {
    const numbers = (digit: string): string =>
      `[${Array.from({ length: 2000 }, () => `${digit.repeat(1001)}e-${digit.repeat(3)}`).join()}]`;
    const rules = compareRules({ tolerance: [{ at: "/*", within: { kind: "absolute", by: "1" } }] });
    assert.equal(compareTexts(rules, numbers("1"), numbers("2")).outcome, "divergent");
  });
});

test("on the event loop, small bodies under rules are compared, and given up where that takes long", () => {
  const pair = (a: unknown, b: unknown) => ({
    primary: jsonAnswer(JSON.stringify(a)),
    shadow: jsonAnswer(JSON.stringify(b)),
    rules: EVERYTHING,
    now: 0,
  });
  assert.equal(compareCheaply(pair({ a: " x", t: [1, 2] }, { a: "x", t: [2, 1] }))?.excused, 2);
  const many = Array.from({ length: 3000 }, (_, i) => i);
  assert.equal(compareCheaply(pair(many, many.toReversed())), null);
  assert.equal(
    compareAnswers(jsonAnswer(JSON.stringify(many)), jsonAnswer(JSON.stringify(many.toReversed())), EVERYTHING, 0)
      .excused,
    1,
  );
});
