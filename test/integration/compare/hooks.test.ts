/** The thread that a user's functions run in: it may hang, end or be changed under, and every pair has its verdict. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type CompareEnd, type Comparer, createComparer } from "../../../proxy/compare/comparer.ts";
import { type AnswerPair, compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import type { HeldPair } from "../../../proxy/compare/held-pair.ts";
import type { HookFailure } from "../../../proxy/compare/hook-calls.ts";
import type { ModuleSettings } from "../../../proxy/config/compare-settings.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";
import { makeFolder } from "../../support/config-file.ts";
import { spooled } from "../../support/spooled.ts";

const HOOK_LIMIT_MS = 500;

function comparerFor(t: TestContext, queueBytes = 1 << 20): Comparer {
  const comparer = createComparer({ queueBytes, workers: 1, timeLimitMs: 60_000, hookLimitMs: HOOK_LIMIT_MS });
  t.after(() => comparer.close());
  return comparer;
}

function moduleOf(t: TestContext, text: string): ModuleSettings {
  const file = join(makeFolder(t), "hooks.mjs");
  writeFileSync(file, text);
  return { file, imports: [], sha256: hash("sha256", text, "hex"), hooks: ["normalise", "judge"] };
}

function pairWith(module: ModuleSettings | null, primary = '{"a":1}', shadow = '{"a":2}'): AnswerPair {
  const hooks = module === null ? {} : { hooks: { module } };
  return {
    primary: jsonAnswer(primary),
    shadow: jsonAnswer(shadow),
    rules: compareRules({ module }),
    now: 0,
    ...hooks,
  };
}

/** The failure, and that the verdict is that of the rules. */
function failureIn(end: CompareEnd, { primary, shadow, rules }: AnswerPair): HookFailure {
  assert.ok("outcome" in end, JSON.stringify(end));
  const { hookFailure, ...verdict } = end;
  assert.deepEqual(verdict, compareAnswers(primary, shadow, rules, 0));
  return hookFailure ?? assert.fail("no failure");
}

test("a function that hangs costs its thread, and the pair gets the verdict of the rules", async (t) => {
  const comparer = comparerFor(t);
  const module = moduleOf(t, `export function normalise({ body }) { if (body === '{"a":1}') for (;;); }`);
  const pair = pairWith(module);
  const [bad, good] = await Promise.all([comparer.compare(pair), comparer.compare(pairWith(module, "[1]"))]);
  const hang: HookFailure = { step: "normalise", why: "took longer than 500 ms", costly: true };
  assert.deepEqual(failureIn(bad, pair), hang);
  assert.ok("outcome" in good && good.hookFailure === undefined);
  // In the new thread a step that never ended is not taken for one that runs.
  assert.deepEqual(failureIn(await comparer.compare(pair), pair), hang);
  assert.equal(comparer.queuedBytes(), 0);
});

test("bodies that lie in the spool are read once more for the rules", async (t) => {
  const comparer = comparerFor(t);
  const pair = pairWith(moduleOf(t, "export function judge() { process.exit(); }"));
  const [primary, shadow] = await Promise.all([spooled(t, '{"a":1}'), spooled(t, '{"a":2}')]);
  const held: HeldPair = {
    ...pair,
    primary: { ...pair.primary, body: primary },
    shadow: { ...pair.shadow, body: shadow },
  };
  assert.equal(failureIn(await comparer.compare(held), pair).why, "ended its thread");
});

test("pairs without a module do not wait for one that hangs", async (t) => {
  const comparer = createComparer({ queueBytes: 1 << 20, workers: 1, timeLimitMs: 600_000, hookLimitMs: 600_000 });
  t.after(() => comparer.close());
  const hanging = comparer.compare(pairWith(moduleOf(t, "export function judge() { for (;;); }")));
  for (let i = 0; i < 3; i += 1) assert.ok("outcome" in (await comparer.compare(pairWith(null))));
  await comparer.close();
  assert.deepEqual(await hanging, { failed: "compare has ended" });
});

test("pairs with a module fill half of the queue, and one that is larger alone", async (t) => {
  const comparer = comparerFor(t, 20_000);
  const module = moduleOf(t, "export function judge() { for (;;); }");
  const text = JSON.stringify("x".repeat(3_000));
  const other = JSON.stringify("y".repeat(3_000));
  const first = comparer.compare(pairWith(module, text, other));
  assert.deepEqual(await comparer.compare(pairWith(module, text, other)), { overloaded: true });
  assert.ok("outcome" in (await comparer.compare(pairWith(null, text, other))));
  await first;
  const large = [JSON.stringify("x".repeat(8_000)), JSON.stringify("y".repeat(8_000))] as const;
  assert.ok("outcome" in (await comparer.compare(pairWith(module, ...large))));
  assert.equal(comparer.queuedBytes(), 0);
});

test("a module that has changed since the config was loaded is not used", async (t) => {
  const comparer = comparerFor(t);
  const module = moduleOf(t, `export function judge() { return "excuse"; }`);
  writeFileSync(module.file, `export function judge() { return "keep"; }`);
  const pair = pairWith(module);
  const failure: HookFailure = { step: "import", why: "has changed since the config was loaded", costly: false };
  assert.deepEqual(failureIn(await comparer.compare(pair), pair), failure);
});

test("a changed module is another one in the same thread", async (t) => {
  const comparer = comparerFor(t);
  const module = moduleOf(t, `export function judge() { return "excuse"; }`);
  const outcome = async (use: ModuleSettings): Promise<string> => {
    const end = await comparer.compare(pairWith(use));
    return "outcome" in end && end.hookFailure === undefined ? end.outcome : JSON.stringify(end);
  };
  assert.equal(await outcome(module), "ignored");
  const changed = `export function judge() { return "keep"; }`;
  writeFileSync(module.file, changed);
  assert.equal(await outcome({ ...module, sha256: hash("sha256", changed, "hex") }), "divergent");
  // Exchanges that arrived before the reload keep theirs.
  assert.equal(await outcome(module), "ignored");
});

test("what a function leaves behind does not end the thread of other pairs", async (t) => {
  const comparer = comparerFor(t);
  const module = moduleOf(
    t,
    `let calls = 0;
     export function judge() {
       calls += 1;
       Promise.reject(new Error("left"));
       setImmediate(() => { throw new Error("left"); });
       return calls > 2 ? "excuse" : "keep";
     }`,
  );
  const outcomes: unknown[] = [];
  for (let i = 0; i < 4; i += 1) {
    const end = await comparer.compare(pairWith(module));
    outcomes.push("outcome" in end && end.hookFailure === undefined ? end.outcome : end);
  }
  // The thread is the same one: it has counted.
  assert.deepEqual(outcomes, ["divergent", "divergent", "ignored", "ignored"]);
});

test("a function that fills the memory costs its thread, and the pair gets the verdict of the rules", async (t) => {
  // It gives way to all else, and on a busy machine may take its time.
  const comparer = createComparer({ queueBytes: 1 << 20, workers: 1, timeLimitMs: 150_000, hookLimitMs: 150_000 });
  t.after(() => comparer.close());
  const pair = pairWith(
    moduleOf(t, "export function judge() { const all = []; for (;;) all.push(new Array(1e6).fill({})); }"),
  );
  const failure: HookFailure = { step: "judge", why: "ended its thread: out of memory", costly: true };
  assert.deepEqual(failureIn(await comparer.compare(pair), pair), failure);
});

test("closing does not wait for a function that hangs", async (t) => {
  const comparer = comparerFor(t);
  const module = moduleOf(t, "export function judge() { for (;;); }");
  const ends = [comparer.compare(pairWith(module)), comparer.compare(pairWith(module))];
  await new Promise((resolve) => setTimeout(resolve, 150));
  await comparer.close();
  for (const end of await Promise.all(ends)) assert.deepEqual(end, { failed: "compare has ended" });
});
