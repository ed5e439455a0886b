import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { compareAnswers, compareCheaply, DECODED_MAX_BYTES } from "../../../proxy/compare/diff-answers.ts";
import { MAX_DIFFERENCES, type Verdict } from "../../../proxy/exchange.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";

const RULES = compareRules();
/** Far beyond what these take (about a second): a quadratic step would not end within it. */
const LINEAR = { timeout: 60_000 };

function compareTexts(primary: string | Buffer, shadow: string | Buffer, rules = RULES): Verdict {
  return compareAnswers(jsonAnswer(primary), jsonAnswer(shadow), rules, 0);
}

function kindsOf(verdict: Verdict): string[] {
  return verdict.differences.map(({ at, kind }) => `${kind} ${at}`);
}

describe("depth", LINEAR, () => {
  const DEPTH = 100_000;

  test("a leaf 100,000 deep is one difference, its pointer cut to a bound", () => {
    const nest = (leaf: string): string => "[".repeat(DEPTH) + leaf + "]".repeat(DEPTH);
    const { differences, moreDifferences } = compareTexts(nest("1"), nest("2"));
    assert.equal(differences.length + moreDifferences, 1);
    const { at = "", kind } = differences[0] ?? {};
    assert.ok(at.startsWith("/0/0/0") && at.endsWith("…") && at.length <= 1024);
    assert.equal(kind, "value");
  });

  test("objects 100,000 deep with a difference at every level stay within the bounds", () => {
    const nest = (value: number): string => `{"v":${value},"n":`.repeat(DEPTH) + "0" + "}".repeat(DEPTH);
    const verdict = compareTexts(nest(1), nest(2));
    assert.equal(verdict.differences.length, MAX_DIFFERENCES);
    assert.equal(verdict.moreDifferences, DEPTH - MAX_DIFFERENCES);
  });

  test("rules are matched at any depth", () => {
    const nest = (leaf: string): string => '{"a":'.repeat(DEPTH) + `{"at":${leaf}}` + "}".repeat(DEPTH);
    const rules = compareRules({ ignore: [{ at: "/**/at" }] });
    assert.deepEqual(compareTexts(nest("1"), nest("2"), rules), {
      outcome: "ignored",
      differences: [],
      moreDifferences: 0,
      excused: 1,
      excusedBy: [{ rule: "ignore /**/at", times: 1 }],
    });
  });

  test("arrays of other lengths, within one another, 20,000 deep", () => {
    const depth = 20_000;
    const a = "[1,".repeat(depth) + "0" + ",1]".repeat(depth);
    const b = "[1,".repeat(depth) + "0" + ",1,1]".repeat(depth);
    const verdict = compareTexts(a, b);
    assert.equal(verdict.outcome, "divergent");
    assert.ok(verdict.differences.length <= MAX_DIFFERENCES);
  });

  test("whether it is only another order is asked at each of 20,000 levels", () => {
    const depth = 20_000;
    const nest = (value: number): string => `[${value},`.repeat(depth) + "0" + `,${value}]`.repeat(depth);
    const verdict = compareTexts(nest(1), nest(2));
    assert.equal(verdict.differences.length + verdict.moreDifferences, 2 * depth);
  });
});

describe("width", LINEAR, () => {
  test("a 10 MB pair: one field among 80,000 objects", () => {
    const objects = Array.from({ length: 80_000 }, (_, i) => ({
      id: i,
      name: `user ${i}`,
      email: `user${i}@example.com`,
      tags: ["a", "b"],
      total: i / 100,
      on: true,
    }));
    const primary = JSON.stringify(objects);
    assert.ok(primary.length > 7_500_000);
    const shadow = primary.replace('"name":"user 40000"', '"name":"someone"');
    assert.deepEqual(compareTexts(primary, shadow).differences, [
      { at: "/40000/name", kind: "value", primary: '"user 40000"', shadow: '"someone"' },
    ]);
  });

  test("an element put into 100,000 is one difference", () => {
    const elements = Array.from({ length: 100_000 }, (_, i) => `{"id":${i}}`);
    const more = elements.toSpliced(50_000, 0, '{"id":"new"}');
    assert.deepEqual(kindsOf(compareTexts(`[${elements.join()}]`, `[${more.join()}]`)), ["extra /50000"]);
  });

  test("100,000 elements in reverse are one order difference", () => {
    const elements = Array.from({ length: 100_000 }, (_, i) => `[${i}]`);
    const verdict = compareTexts(`{"all":[${elements.join()}]}`, `{"all":[${elements.toReversed().join()}]}`);
    assert.deepEqual(kindsOf(verdict), ["order /all"]);
    assert.equal(verdict.moreDifferences, 0);
  });

  test("an object of 100,000 members in reverse is the same", () => {
    const members = Array.from({ length: 100_000 }, (_, i) => `"m${i}":${i}`);
    assert.equal(compareTexts(`{${members.join()}}`, `{${members.toReversed().join()}}`).outcome, "match");
  });

  test("100,000 members of one name stand n-th against n-th", () => {
    const members = Array.from({ length: 100_000 }, (_, i) => `"id":${i}`);
    const verdict = compareTexts(`{${members.join()}}`, `{"x":0,${members.join()}}`);
    assert.deepEqual(kindsOf(verdict), ["extra /x"]);
  });

  test("differences beyond the bound are counted, not listed", () => {
    const verdict = compareTexts(JSON.stringify(Array(150).fill(1)), JSON.stringify(Array(150).fill(2)));
    assert.equal(verdict.differences.length, MAX_DIFFERENCES);
    assert.equal(verdict.moreDifferences, 50);
    assert.equal(verdict.outcome, "divergent");
  });

  test("what an order difference replaces is not counted beside it, beyond the bound too", () => {
    const numbers = Array.from({ length: 150 }, (_, i) => i);
    const before = JSON.stringify({ a: Array(90).fill(1), b: numbers, c: 1 });
    const after = JSON.stringify({ a: Array(90).fill(2), b: numbers.toReversed(), c: 2 });
    const verdict = compareTexts(before, after);
    assert.deepEqual(kindsOf(verdict).slice(90), ["order /b", "value /c"]);
    assert.equal(verdict.moreDifferences, 0);
  });

  test("a value is shown up to a bound", () => {
    const { differences } = compareTexts(JSON.stringify({ a: "x".repeat(100_000) }), "{}");
    assert.equal(differences[0]?.primary?.length, 512);
  });
});

describe("bombs and giants", LINEAR, () => {
  const bomb = (): Buffer => gzipSync(Buffer.alloc(DECODED_MAX_BYTES + 1, 0x20), { level: 1 });

  test("a body that decodes beyond the bound is compared undecoded, and that is said", () => {
    const primary = { ...jsonAnswer(bomb()), headers: ["content-encoding", "gzip"] };
    const { differences } = compareAnswers(primary, jsonAnswer("{}"), RULES, 0);
    assert.equal(differences.length, 1);
    assert.equal(differences[0]?.kind, "body");
    assert.match(differences[0].primary ?? "", /compared undecoded: gzip gives more than 33554432 bytes$/);
  });

  test("JSON beyond the bound is compared as bytes, and that is said", () => {
    const giant = Buffer.alloc(DECODED_MAX_BYTES + 2, 0x20);
    giant.write("1");
    const { differences } = compareTexts(giant, "1");
    assert.match(differences[0]?.primary ?? "", /more than 33554432 bytes are not read as JSON, sha256 [0-9a-f]{16}…$/);
  });

  test("a small bomb is not undone on the event loop", () => {
    const small = gzipSync(JSON.stringify(Array(100_000).fill(1)));
    const other = gzipSync(JSON.stringify(Array(100_000).fill(2)));
    assert.ok(small.length < 4096);
    const headers = ["content-type", "application/json", "content-encoding", "gzip"];
    const pair = {
      primary: { ...jsonAnswer(small), headers },
      shadow: { ...jsonAnswer(other), headers },
      rules: RULES,
      now: 0,
    };
    assert.equal(compareCheaply(pair), null);
  });
});

describe("what is cheap enough for the event loop", () => {
  const pairOf = (primary: string, shadow: string) => ({
    primary: jsonAnswer(primary),
    shadow: jsonAnswer(shadow),
    rules: RULES,
    now: 0,
  });
  const padded = (value: number, size: number): string => `{"v":${value},"pad":"${"x".repeat(size)}"}`;

  test("small bodies", () => {
    assert.equal(compareCheaply(pairOf(padded(1, 5_000), padded(2, 5_000)))?.differences.length, 1);
  });

  test("large bodies with equal bytes", () => {
    assert.equal(compareCheaply(pairOf(padded(1, 1_000_000), padded(1, 1_000_000)))?.outcome, "match");
  });

  test("large bodies behind statuses of different classes", () => {
    const pair = pairOf(padded(1, 1_000_000), padded(2, 1_000_000));
    assert.equal(compareCheaply({ ...pair, shadow: { ...pair.shadow, status: 500 } })?.differences.length, 1);
  });

  test("not large bodies that differ, nor small ones that differ all over", () => {
    assert.equal(compareCheaply(pairOf(padded(1, 1_000_000), padded(2, 1_000_000))), null);
    assert.equal(
      compareCheaply(pairOf(JSON.stringify(Array(1000).fill(1)), JSON.stringify(Array(1000).fill(2)))),
      null,
    );
  });

  test("digests, but not the digest of a body yet to be read", () => {
    const digest = { ...jsonAnswer(""), body: { kind: "digest", sha256: "ab", length: 5 } } as const;
    assert.equal(compareCheaply({ primary: digest, shadow: digest, rules: RULES, now: 0 })?.outcome, "match");
    assert.equal(compareCheaply({ primary: digest, shadow: jsonAnswer("[1,2]"), rules: RULES, now: 0 }), null);
  });
});
