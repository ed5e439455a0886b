import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type CompareEnd,
  type Comparer,
  type ComparerSettings,
  createComparer,
} from "../../../proxy/compare/comparer.ts";
import { type AnswerPair, compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import type { HeldBody, HeldPair } from "../../../proxy/compare/held-pair.ts";
import { compareCases, compareRules, jsonAnswer } from "../../support/compare-cases.ts";
import { spooled } from "../../support/spooled.ts";

const SUPPORT = new URL("../../support/", import.meta.url);
const MOODY = new URL("moody-compare-worker-child.ts", SUPPORT);
const LONG_MS = 60_000;

function comparerFor(t: TestContext, settings: Partial<ComparerSettings> = {}): Comparer {
  const comparer = createComparer({ queueBytes: 64_000_000, workers: 1, timeLimitMs: LONG_MS, ...settings });
  t.after(() => comparer.close());
  return comparer;
}

function pairOf(primary: string | Buffer, shadow: string | Buffer): AnswerPair {
  return { primary: jsonAnswer(primary), shadow: jsonAnswer(shadow), rules: compareRules(), now: 0 };
}

/** A pair that makes the moody worker do this. */
function inMood(mood: string, text = "1"): AnswerPair {
  const primary = jsonAnswer(text);
  return { ...pairOf(text, text), primary: { ...primary, headers: ["x-mood", mood] } };
}

function threadOf(end: CompareEnd): number {
  assert.ok("moreDifferences" in end, JSON.stringify(end));
  return end.moreDifferences;
}

function failureOf(end: CompareEnd): string {
  assert.ok("failed" in end, JSON.stringify(end));
  return end.failed;
}

describe("the compare worker", () => {
  test("gives the verdict that the event loop would give, in every case", async (t) => {
    const comparer = comparerFor(t);
    for (const { primary, shadow, rules, name } of compareCases()) {
      const end = await comparer.compare({ primary, shadow, rules, now: 1000 });
      assert.deepEqual(end, compareAnswers(primary, shadow, rules, 1000), name);
    }
    assert.equal(comparer.queuedBytes(), 0);
  });

  test("works by rules of every kind, and says which excused", async (t) => {
    const comparer = comparerFor(t);
    const rules = compareRules({
      ignore: [{ at: "/at", when: { type: "application/json", statusClass: 2 } }],
      normalise: [{ at: "/n", as: ["number"] }],
      tolerance: [{ at: "/score", within: { kind: "percent", percent: "1" } }],
      unordered: [{ at: "/items", by: "/sku" }],
      equivalent: [{ at: "/state", values: [["on", 1]] }],
      shapes: [{ at: "/id", as: "integer" }],
    });
    const primary = jsonAnswer('{"at":1,"n":"1.0","score":100,"items":[{"sku":1},{"sku":2}],"state":"on","id":7}');
    const shadow = jsonAnswer('{"at":2,"n":1,"score":101,"items":[{"sku":2},{"sku":1}],"state":1,"id":8}');
    const end = await comparer.compare({ primary, shadow, rules, now: 0 });
    assert.deepEqual(end, compareAnswers(primary, shadow, rules, 0));
    assert.ok("excusedBy" in end);
    assert.equal(end.outcome, "ignored");
    assert.deepEqual(
      end.excusedBy.map(({ rule, times }) => `${times} ${rule}`),
      [
        "1 ignore /at when application/json 2xx",
        "1 normalise /n as number",
        "1 tolerance /score within 1%",
        "1 unordered /items by /sku",
        "1 equivalent /state",
        "1 shapes /id as integer",
      ],
    );
  });

  test("leaves the caller's bytes alone, and looks at no more of their memory than they are", async (t) => {
    const comparer = comparerFor(t);
    const memory = Buffer.from('secret {"a":1} secret');
    const primary = memory.subarray(7, 14);
    const end = await comparer.compare(pairOf(primary, '{"a":2}'));
    assert.deepEqual("differences" in end && end.differences, [{ at: "/a", kind: "value", primary: "1", shadow: "2" }]);
    assert.equal(memory.toString(), 'secret {"a":1} secret');
  });

  test("reads what lies in the spool by itself, and leaves its file as it is", async (t) => {
    const comparer = comparerFor(t);
    const text = JSON.stringify(Array.from({ length: 40_000 }, (_, i) => ({ id: i, name: `user ${i}` })));
    const other = text.replace('"user 20000"', '"nobody"');
    const [primary, shadow] = [await spooled(t, text), await spooled(t, other)];
    assert.ok(primary.length > 1_000_000);
    const pair = pairOf(text, other);
    const held = (a: HeldBody, b: HeldBody): HeldPair => ({
      ...pair,
      primary: { ...pair.primary, body: a },
      shadow: { ...pair.shadow, body: b },
    });
    const verdict = compareAnswers(pair.primary, pair.shadow, pair.rules, 0);
    assert.equal(verdict.outcome, "divergent");
    for (let i = 0; i < 2; i += 1) {
      assert.equal(comparer.compareInline(held(primary, shadow)), null);
      assert.deepEqual(await comparer.compare(held(primary, shadow)), verdict);
      assert.deepEqual(await comparer.compare(held(primary, pair.shadow.body)), verdict);
    }
    assert.equal(comparer.queuedBytes(), 0);
  });

  test("counts what lies in the spool, and says so where it cannot be read", async (t) => {
    const comparer = comparerFor(t, { queueBytes: 10_000 });
    const pair = pairOf("1", "2");
    const held = (body: HeldBody): HeldPair => ({ ...pair, primary: { ...pair.primary, body } });
    const large = await spooled(t, "x".repeat(20_000));
    assert.deepEqual(await comparer.compare(held(large)), { overloaded: true });
    const short = await spooled(t, "12");
    assert.match(failureOf(await comparer.compare(held({ ...short, length: 3 }))), /is shorter than it was/);
    assert.match(failureOf(await comparer.compare(held({ ...short, fd: 1 << 20 }))), /EBADF/);
    assert.ok("outcome" in (await comparer.compare(held(short))), "the thread is still of use");
    assert.equal(comparer.queuedBytes(), 0);
  });

  test("leaves the event loop free during a 10 MB pair", async (t) => {
    const comparer = comparerFor(t);
    const bytes = Buffer.from(
      JSON.stringify(Array.from({ length: 300_000 }, (_, i) => ({ id: i, name: `user ${i}` }))),
    );
    assert.ok(bytes.length > 9_000_000);
    const other = Buffer.from(bytes.toString().replace('"user 150000"', '"nobody"'));
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 1);
    const end = await comparer.compare(pairOf(bytes, other));
    clearInterval(ticking);
    assert.deepEqual("differences" in end && end.differences.map(({ at }) => at), ["/150000/name"]);
    assert.ok(ticks >= 20, `the loop turned ${ticks} times`);
  });

  test("never more workers than told, and every pair has its answer", async (t) => {
    const comparer = comparerFor(t, { script: MOODY, workers: 2 });
    const ends = await Promise.all(Array.from({ length: 50 }, () => comparer.compare(pairOf("1", "2"))));
    const threads = new Set(ends.map(threadOf));
    assert.ok(threads.size <= 2, [...threads].join());
    assert.equal(comparer.queuedBytes(), 0);
  });
});

describe("a compare worker that misbehaves is replaced, and only its pair fails", () => {
  for (const [mood, why] of [
    ["throw", /crashed: in a bad mood/],
    ["exit", /ended with code 7/],
    ["hang", /comparing took longer than 500 ms/],
    ["silent", /comparing took longer than 500 ms/],
  ] as const) {
    test(`where it is in the mood to ${mood}`, async (t) => {
      const comparer = comparerFor(t, { script: MOODY, timeLimitMs: 500 });
      const before = threadOf(await comparer.compare(pairOf("1", "2")));
      const [bad, next] = await Promise.all([comparer.compare(inMood(mood)), comparer.compare(pairOf("1", "2"))]);
      assert.match(failureOf(bad), why);
      assert.notEqual(threadOf(next), before);
      assert.equal(comparer.queuedBytes(), 0);
    });
  }

  test("a failure that the worker reports does not end the worker", async (t) => {
    const comparer = comparerFor(t, { script: MOODY });
    const before = threadOf(await comparer.compare(pairOf("1", "2")));
    assert.equal(failureOf(await comparer.compare(inMood("refuse"))), "not today");
    assert.equal(threadOf(await comparer.compare(pairOf("1", "2"))), before);
  });

  test("a worker that cannot start fails its pair", async (t) => {
    const comparer = comparerFor(t, { script: new URL("no-such-worker.ts", SUPPORT) });
    assert.match(failureOf(await comparer.compare(pairOf("1", "2"))), /no-such-worker/);
    assert.match(failureOf(await comparer.compare(pairOf("1", "2"))), /no-such-worker/);
  });

  test("an overlong pair is ended by the real worker's limit too", async (t) => {
    const comparer = comparerFor(t, { timeLimitMs: 20 });
    const deep = (leaf: string): string => "[".repeat(1_000_000) + leaf + "]".repeat(1_000_000);
    assert.match(failureOf(await comparer.compare(pairOf(deep("1"), deep("2")))), /longer than 20 ms/);
  });
});

describe("the compare queue", () => {
  test("holds so many bytes and no more; what does not fit is told at once and harms nothing", async (t) => {
    const comparer = comparerFor(t, { script: MOODY, queueBytes: 11_000 });
    const text = "x".repeat(2_000);
    const first = comparer.compare(inMood("silent", text));
    const second = comparer.compare(pairOf(text, text));
    assert.deepEqual(await comparer.compare(pairOf(text, text)), { overloaded: true });
    assert.ok(comparer.queuedBytes() <= 11_000);
    await comparer.close();
    assert.match(failureOf(await first), /has ended/);
    assert.match(failureOf(await second), /has ended/);
    assert.equal(comparer.queuedBytes(), 0);
  });

  test("has room again when a pair is done", async (t) => {
    const comparer = comparerFor(t, { script: MOODY, queueBytes: 6_000 });
    const text = "x".repeat(2_000);
    for (let i = 0; i < 5; i += 1) assert.equal("outcome" in (await comparer.compare(pairOf(text, text))), true);
    assert.deepEqual(await comparer.compare(pairOf(text.repeat(2), text)), { overloaded: true });
  });

  test("takes nothing after its end", async (t) => {
    const comparer = comparerFor(t);
    await comparer.close();
    assert.match(failureOf(await comparer.compare(pairOf("1", "2"))), /has ended/);
  });

  test("ends while a pair is still being copied", async (t) => {
    const comparer = comparerFor(t);
    const running = comparer.compare(pairOf(Buffer.alloc(8_000_000, 0x31), Buffer.alloc(8_000_000, 0x32)));
    await comparer.close();
    assert.match(failureOf(await running), /has ended/);
  });
});

test("a process with a pair under way stays for its verdict; one with an idle worker ends", () => {
  const script = fileURLToPath(new URL("open-comparer-child.ts", SUPPORT));
  const ended = spawnSync(process.execPath, [script], { encoding: "utf8", timeout: 30_000 });
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, "divergent\n", ""]);
});
