import assert from "node:assert/strict";
import { test } from "node:test";
import { explore, type Scenario, THE_RULE } from "./clobber-world.ts";

/** A repair of a row, and a write of another one that adds to it: in every order with each other and with the backfill. */
const HERE: Scenario = {
  rows: { a: { value: 1, copied: true } },
  live: [
    { does: "repair", key: "a" },
    { does: "add", key: "b", touches: "a" },
  ],
};
const ELSEWHERE: Scenario = {
  ...HERE,
  members: 2,
  live: [
    { does: "repair", key: "a" },
    { does: "add", key: "b", touches: "a", member: 1 },
  ],
};

for (const [where, scenario] of [
  ["at the same member", HERE],
  ["at another member", ELSEWHERE],
] as const) {
  test(`whatever the order, both sides end alike: a repair, and a write ${where} that touches its row`, async (t) => {
    const { divergent, schedules, states } = await explore(scenario, THE_RULE);
    t.diagnostic(`${schedules} schedules, ${states} states`);
    assert.deepEqual(divergent, []);
    assert.ok(schedules > 10n);
  });
}

test("weaker, some order leaves the sides apart: a repair does not look for writes that touch its row", async (t) => {
  const { divergent } = await explore(HERE, { ...THE_RULE, watches: false });
  t.diagnostic(divergent[0]?.what ?? "");
  assert.ok(divergent.length > 0);
});
