import assert from "node:assert/strict";
import { test } from "node:test";
import { surveyPair } from "../../../proxy/compare/survey.ts";
import type { ComparableAnswer } from "../../../proxy/compare/diff-answers.ts";
import type { SurveyedPlace } from "../../../proxy/evidence/places.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";
import { NOON } from "../../support/evidence.ts";

const KEY = Buffer.alloc(32, 7);

function survey(
  first: ComparableAnswer,
  second: ComparableAnswer,
  rules = compareRules(),
): ReadonlyMap<string, SurveyedPlace> {
  const found = surveyPair({ first, second, rules, now: NOON }, KEY);
  assert.ok("places" in found, JSON.stringify(found));
  return new Map(found.places.map((place) => [place.at, place]));
}

function json(first: unknown, second: unknown, rules = compareRules()): ReadonlyMap<string, SurveyedPlace> {
  return survey(jsonAnswer(JSON.stringify(first)), jsonAnswer(JSON.stringify(second)), rules);
}

function where(places: ReadonlyMap<string, SurveyedPlace>): readonly string[] {
  return [...places.values()].filter(({ differs }) => differs).map(({ at }) => at);
}

test("equal answers tell of every place that it agrees, containers and headers included", () => {
  const rules = compareRules({ headers: ["content-type", "etag"] });
  const places = json(
    { id: 1, items: [{ sku: "a" }, { sku: "b", n: null }], none: {} },
    { id: 1, items: [{ sku: "a" }, { sku: "b", n: null }], none: {} },
    rules,
  );
  assert.deepEqual(
    [...places.values()].map(({ at, sides, differs, valueClass }) => [at, sides, differs, valueClass]),
    [
      ["status", "both", false, "text"],
      ["header:content-type", "both", false, "text"],
      ["", "both", false, "object"],
      ["/id", "both", false, "number"],
      ["/items", "both", false, "array"],
      ["/items/*", "both", false, "object"],
      ["/items/*/sku", "both", false, "text"],
      ["/items/*/n", "both", false, "null"],
      ["/none", "both", false, "empty"],
    ],
  );
});

test("a place differs where the comparison says so, and agrees where a rule excuses it", () => {
  const rules = compareRules({ ignore: [{ at: "/updatedAt" }] });
  const places = json({ a: 1, updatedAt: 1, n: 1.0 }, { a: 2, updatedAt: 2, n: 1 }, rules);
  assert.deepEqual(where(places), ["/a"]);
  assert.equal(places.get("/updatedAt")?.differs, false);
});

test("one element that differs makes the place differ, once", () => {
  const items = (changed: number): unknown =>
    Array.from({ length: 50 }, (_, i) => ({ id: i, price: i === changed ? -1 : i }));
  assert.deepEqual(where(json(items(-1), items(20))), ["/*/price"]);
});

test("what one side lacks is on the other side alone", () => {
  const places = json({ meta: { build: 1 }, b: 1 }, { b: 1, extra: 2 });
  assert.deepEqual(
    ["/meta", "/meta/build", "/b", "/extra"].map((at) => [places.get(at)?.sides, places.get(at)?.differs]),
    [
      ["first", true],
      ["first", false],
      ["both", false],
      ["second", true],
    ],
  );
});

test("differences beyond those that a verdict lists are noted too", () => {
  const many = (side: string): unknown =>
    Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`m${i}x`, `${side}${i}`]));
  assert.equal(where(json(many("a"), many("b"))).length, 250);
});

test("of answers of two status classes nothing but the status is told: nothing else was compared", () => {
  const places = survey(jsonAnswer('{"a":1}', 200), jsonAnswer('{"a":2}', 404));
  assert.deepEqual([...places.keys()], ["status"]);
  assert.equal(places.get("status")?.differs, true);
});

test("hashes tell same from different at one place, and nothing between two places or two keys", () => {
  const of = (value: unknown, key = KEY, at: "a" | "b" = "a"): unknown => {
    const answer = jsonAnswer(JSON.stringify({ [at]: value }));
    const found = surveyPair({ first: answer, second: answer, rules: compareRules(), now: NOON }, key);
    return "places" in found ? found.places.find((place) => place.at === `/${at}`)?.hash : null;
  };
  assert.equal(of("x"), of("x"));
  assert.notEqual(of("x"), of("y"));
  assert.notEqual(of(1), of("1"));
  assert.notEqual(of("x"), of("x", KEY, "b"));
  assert.notEqual(of("x"), of("x", Buffer.alloc(32, 8)));
  assert.equal(of({ deep: 1 }), null);
});

test("bodies without places tell of status and headers", () => {
  const text: ComparableAnswer = {
    status: 200,
    headers: ["content-type", "text/plain"],
    body: { kind: "bytes", bytes: Buffer.from("hello") },
  };
  assert.deepEqual([...survey(text, text).keys()], ["status"]);
  assert.deepEqual([...survey(jsonAnswer("{broken"), jsonAnswer("{broken")).keys()], ["status"]);
});

test("more places or values than are looked at teach nothing, and hostile names are names", () => {
  const names = jsonAnswer(JSON.stringify(Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`n${i}x`, 0]))));
  const values = jsonAnswer(JSON.stringify(Array.from({ length: 50_001 }, () => 0)));
  const nested = jsonAnswer(`${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`);
  const other = jsonAnswer(`${'{"a":'.repeat(20_000)}2${"}".repeat(20_000)}`);
  for (const [first, second] of [
    [names, names],
    [values, values],
    [nested, other],
  ] as const)
    assert.deepEqual(surveyPair({ first, second, rules: compareRules(), now: NOON }, KEY), { why: "too-large" });
  const odd = jsonAnswer('{"__proto__":1,"constructor":{"\\ud800":2},"a/b~":3,"a/b~":4}');
  assert.deepEqual([...survey(odd, odd).keys()].slice(1), [
    "",
    "/__proto__",
    "/constructor",
    "/constructor/\ud800",
    "/a~1b~0",
  ]);
});
