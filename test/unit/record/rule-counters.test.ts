import assert from "node:assert/strict";
import { test } from "node:test";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import { createRuleCounters, type RuleCounters } from "../../../proxy/record/rule-counters.ts";
import { sampleSettings } from "../../support/admin-parts.ts";
import { compareRules } from "../../support/compare-cases.ts";

function routeWith(rules: Parameters<typeof compareRules>[0]): RouteSettings {
  const [route] = sampleSettings().routes;
  assert.ok(route !== undefined);
  return { ...route, compare: compareRules(rules) };
}

function compareTimes(counters: RuleCounters, route: RouteSettings, revision: number, times: number): void {
  for (let i = 0; i < times; i += 1) counters.compared(route, revision, [], i);
}

test("what a rule excused is counted by its name, with the time of the last", () => {
  const counters = createRuleCounters();
  const route = routeWith({ ignore: [{ at: "/a" }, { at: "/b", because: "clock", until: 99 }] });
  counters.compared(route, 1, [{ rule: "ignore /b", times: 2 }], 10);
  counters.compared(route, 1, [{ rule: "ignore /b", times: 1 }], 20);
  assert.deepEqual(counters.of(route), [
    { rule: "ignore /a", because: "test", until: null, excused: 0, lastExcusedAt: null, stale: false },
    { rule: "ignore /b", because: "clock", until: 99, excused: 3, lastExcusedAt: 20, stale: false },
  ]);
});

test("a rule that excused nothing in a thousand comparisons is stale, not one sooner", () => {
  const counters = createRuleCounters();
  const route = routeWith({ ignore: [{ at: "/a" }, { at: "/b" }] });
  const stale = (): boolean[] => counters.of(route).map((rule) => rule.stale);
  counters.compared(route, 1, [{ rule: "ignore /b", times: 1 }], 0);
  compareTimes(counters, route, 1, 998);
  assert.deepEqual(stale(), [false, false]);
  compareTimes(counters, route, 1, 1);
  assert.deepEqual(stale(), [true, false]);
});

test("routes are counted apart, and one that compared nothing has no stale rule", () => {
  const counters = createRuleCounters();
  const route = routeWith({ ignore: [{ at: "/a" }] });
  compareTimes(counters, route, 1, 2000);
  assert.equal(counters.of({ ...route, name: "other" })[0]?.stale, false);
});

test("over a reload, rules that stay keep their counts and new ones begin at nothing", () => {
  const counters = createRuleCounters();
  const before = routeWith({ ignore: [{ at: "/a" }, { at: "/gone" }] });
  counters.compared(before, 1, [{ rule: "ignore /a", times: 5 }], 7);
  compareTimes(counters, before, 1, 1999);
  const after = routeWith({ ignore: [{ at: "/new" }, { at: "/a" }] });
  const seen = (): unknown[] => counters.of(after).map(({ rule, excused, stale }) => [rule, excused, stale]);
  assert.deepEqual(seen(), [
    ["ignore /new", 0, false],
    ["ignore /a", 5, false],
  ]);
  compareTimes(counters, after, 2, 999);
  // One that was on its way under the old file.
  counters.compared(
    before,
    1,
    [
      { rule: "ignore /gone", times: 1 },
      { rule: "ignore /a", times: 1 },
    ],
    8,
  );
  assert.deepEqual(seen(), [
    ["ignore /new", 0, true],
    ["ignore /a", 6, false],
  ]);
});

test("what a module excused is counted beside the rules, by the functions that it has", () => {
  const counters = createRuleCounters();
  const module = { file: "/hooks.mjs", imports: [], sha256: "00", hooks: ["judge"] } as const;
  const route = routeWith({ ignore: [{ at: "/a" }], module });
  counters.compared(route, 1, [{ rule: "module judge", times: 3 }], 10);
  assert.deepEqual(
    counters.of(route).map(({ rule, excused }) => [rule, excused]),
    [
      ["ignore /a", 0],
      ["module judge", 3],
    ],
  );
});
