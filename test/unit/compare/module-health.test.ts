import assert from "node:assert/strict";
import { test } from "node:test";
import type { HookFailure } from "../../../proxy/compare/hook-calls.ts";
import { createModuleHealth } from "../../../proxy/compare/module-health.ts";
import type { CompareSettings } from "../../../proxy/config/compare-settings.ts";
import { compareRules } from "../../support/compare-cases.ts";

const MODULE = { file: "/hooks.mjs", imports: [], sha256: "00", hooks: ["judge"] } as const;
const HANG: HookFailure = { step: "judge", why: "took longer than 1000 ms", costly: true };
const THROW: HookFailure = { step: "judge", why: "threw an Error", costly: false };

function rulesWithModule(): CompareSettings {
  return compareRules({ module: MODULE });
}

test("five hangs in a row switch a module off, four do not", () => {
  const health = createModuleHealth();
  const rules = rulesWithModule();
  for (let i = 0; i < 4; i += 1) health.ran(rules, HANG, i);
  assert.equal(health.moduleOf(rules), MODULE);
  health.ran(rules, HANG, 4);
  assert.equal(health.moduleOf(rules), null);
  assert.deepEqual(health.of(rules), {
    file: "/hooks.mjs",
    hooks: ["judge"],
    failures: [{ step: "module judge", times: 5, last: HANG.why, lastAt: 4 }],
    isOff: true,
  });
});

test("one hang in a hundred pairs never switches it off, one in ten does", () => {
  for (const [every, isOff] of [
    [100, false],
    [10, true],
  ] as const) {
    const health = createModuleHealth();
    const rules = rulesWithModule();
    for (let i = 1; i <= 5_000; i += 1) health.ran(rules, i % every === 0 ? HANG : null, i);
    assert.equal(health.of(rules)?.isOff, isOff, `one in ${every}`);
  }
});

test("what throws is counted and stays in use, and other settings are counted apart", () => {
  const health = createModuleHealth();
  const [rules, reloaded] = [rulesWithModule(), rulesWithModule()];
  for (let i = 0; i < 100; i += 1) health.ran(rules, THROW, i);
  health.ran(rules, { ...THROW, step: "normalise", why: "returned null" }, 100);
  assert.equal(health.moduleOf(rules), MODULE);
  assert.deepEqual(health.of(rules)?.failures, [
    { step: "module judge", times: 100, last: "threw an Error", lastAt: 99 },
    { step: "module normalise", times: 1, last: "returned null", lastAt: 100 },
  ]);
  assert.deepEqual(health.of(reloaded)?.failures, []);
});

test("settings without a module have nothing to report", () => {
  const health = createModuleHealth();
  assert.equal(health.moduleOf(compareRules()), null);
  assert.equal(health.of(compareRules()), null);
});
