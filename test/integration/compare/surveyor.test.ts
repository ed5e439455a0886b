import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { SurveyPair } from "../../../proxy/compare/survey.ts";
import { createSurveyor, type Surveyor, type SurveyorSettings } from "../../../proxy/compare/surveyor.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";
import { NOON } from "../../support/evidence.ts";

function open(t: TestContext, settings: Partial<SurveyorSettings> = {}): Surveyor {
  const surveyor = createSurveyor({ key: Buffer.alloc(32, 7), mostWaiting: 16, timeLimitMs: 30_000, ...settings });
  t.after(() => surveyor.close());
  return surveyor;
}

function pairOf(first: string, second: string): SurveyPair {
  return { first: jsonAnswer(first), second: jsonAnswer(second), rules: compareRules(), now: NOON };
}

test("pairs are surveyed in a thread, in their order, and the caller keeps its bytes", async (t) => {
  const surveyor = open(t);
  const pair = pairOf('{"a":1}', '{"a":2}');
  const found = await Promise.all([surveyor.survey(pair), surveyor.survey(pairOf('{"b":1}', '{"b":1}'))]);
  const places = found.map((survey) =>
    "places" in survey ? survey.places.map(({ at, differs }) => [at, differs]) : [],
  );
  assert.deepEqual(places, [
    [
      ["status", false],
      ["", false],
      ["/a", true],
    ],
    [
      ["status", false],
      ["", false],
      ["/b", false],
    ],
  ]);
  assert.ok(pair.first.body.kind === "bytes" && pair.first.body.bytes.length === 7);
});

test("what finds no room is not waited for, and what is too large is not taken", async (t) => {
  const surveyor = open(t, { mostWaiting: 2 });
  const pair = pairOf("{}", "{}");
  const [one, two, three, large] = await Promise.all([
    surveyor.survey(pair),
    surveyor.survey(pair),
    surveyor.survey(pair),
    surveyor.survey(pairOf(JSON.stringify("x".repeat(300_000)), "{}")),
  ]);
  assert.ok("places" in one && "places" in two);
  assert.deepEqual([three, large], [{ why: "overload" }, { why: "too-large" }]);
  assert.ok("places" in (await surveyor.survey(pair)));
});

test("a pair that takes too long is given up, and the next one is surveyed", async (t) => {
  // No thread starts within a millisecond.
  const hasty = open(t, { timeLimitMs: 1 });
  const [first, second] = await Promise.all([hasty.survey(pairOf("{}", "{}")), hasty.survey(pairOf("{}", "{}"))]);
  assert.deepEqual([first, second], [{ why: "failed" }, { why: "failed" }]);
});

test("closing ends what waits, and nothing is taken afterwards", async (t) => {
  const surveyor = open(t);
  const waiting = [surveyor.survey(pairOf("{}", "{}")), surveyor.survey(pairOf("{}", "{}"))];
  await surveyor.close();
  assert.deepEqual(await Promise.all(waiting), [{ why: "failed" }, { why: "failed" }]);
  assert.deepEqual(await surveyor.survey(pairOf("{}", "{}")), { why: "overload" });
});
