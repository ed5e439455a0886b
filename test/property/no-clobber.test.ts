import assert from "node:assert/strict";
import { test } from "node:test";
import { explore, type Live, type Rule, type Scenario, THE_RULE } from "./clobber-world.ts";

const COPIED = { a: { value: 1, copied: true } };
const NOT_COPIED = { a: { value: 1, copied: false } };

/** Each in every order of its steps with the backfill's. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "an update": { rows: COPIED, live: [{ does: "put", key: "a" }] },
  "an update of a row that is not copied": { rows: NOT_COPIED, live: [{ does: "put", key: "a" }] },
  "an update that next makes a row of": { rows: NOT_COPIED, live: [{ does: "put", key: "a" }], putMakes: true },
  "a delete": { rows: COPIED, live: [{ does: "delete", key: "a" }] },
  "a delete of a row that is not copied": { rows: NOT_COPIED, live: [{ does: "delete", key: "a" }] },
  "an insert": { rows: {}, live: [{ does: "create", key: "a" }] },
  "an insert, and an update": {
    rows: {},
    live: [
      { does: "create", key: "a" },
      { does: "add", key: "a", after: 0 },
    ],
  },
  "two updates at one time": {
    rows: COPIED,
    live: [
      { does: "put", key: "a" },
      { does: "put", key: "a", after: 0 },
    ],
    oneTime: true,
  },
  "an update and a delete": {
    rows: NOT_COPIED,
    live: [
      { does: "put", key: "a" },
      { does: "delete", key: "a", after: 0 },
    ],
  },
  "a delete, and an insert anew": {
    rows: COPIED,
    live: [
      { does: "delete", key: "a" },
      { does: "create", key: "a", after: 0 },
    ],
  },
  "a relative update": { rows: NOT_COPIED, live: [{ does: "add", key: "a" }] },
  "a relative update whose key is in its body": { rows: NOT_COPIED, live: [{ does: "add", key: "a", late: true }] },
  "an update that is delivered twice": { rows: COPIED, live: [{ does: "put", key: "a", delivery: "twice" }] },
  "an update that lands late, and another": {
    rows: NOT_COPIED,
    live: [
      { does: "put", key: "a", delivery: "lands-late" },
      { does: "put", key: "a", after: 0 },
    ],
    putMakes: true,
  },
  "a write that touches another row": {
    rows: { a: { value: 1, copied: false }, b: { value: 2, copied: false } },
    live: [{ does: "put", key: "a", touches: "b" }],
  },
  "a write of which nobody knows what it changes": {
    rows: { a: { value: 1, copied: false }, b: { value: 2, copied: true } },
    live: [{ does: "add-to-all", key: "*" }],
  },
  "two rows, one after the other": {
    rows: { a: { value: 1, copied: false }, b: { value: 2, copied: true } },
    live: [
      { does: "add", key: "a" },
      { does: "delete", key: "b", after: 0 },
    ],
  },
  "a freeze that ends early": { rows: NOT_COPIED, live: [{ does: "add", key: "a" }], lapses: 2 },
  "a freeze that ends early under a delete": { rows: COPIED, live: [{ does: "delete", key: "a" }], lapses: 1 },
  "a relative update at another member": { rows: NOT_COPIED, members: 2, live: [{ does: "add", key: "a", member: 1 }] },
  "a delete at another member": { rows: COPIED, members: 2, live: [{ does: "delete", key: "a", member: 1 }] },
  "a create at another member": { rows: {}, members: 2, live: [{ does: "create", key: "a", member: 1 }] },
  "an update, and a delete at another member": {
    rows: NOT_COPIED,
    members: 2,
    live: [
      { does: "put", key: "a" },
      { does: "delete", key: "a", member: 1, after: 0 },
    ],
  },
  "a repair at another member": { rows: COPIED, members: 2, live: [{ does: "repair", key: "a", member: 1 }] },
  "a freeze that ends early at one of two members": {
    rows: NOT_COPIED,
    members: 2,
    live: [{ does: "add", key: "a", member: 1 }],
    lapses: 1,
  },
  "a repair": { rows: COPIED, live: [{ does: "repair", key: "a" }] },
  "a repair, and a write of another row that touches its row": {
    rows: COPIED,
    live: [
      { does: "repair", key: "a" },
      { does: "add", key: "b", touches: "a" },
    ],
  },
  "a repair, and a write at another member that touches its row": {
    rows: COPIED,
    members: 2,
    live: [
      { does: "repair", key: "a" },
      { does: "add", key: "b", touches: "a", member: 1 },
    ],
  },
  "a repair and an update": {
    rows: COPIED,
    live: [
      { does: "repair", key: "a" },
      { does: "put", key: "a" },
    ],
  },
};

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  test(`whatever the order, both sides end alike: ${name}`, async (t) => {
    const { divergent, schedules, states } = await explore(scenario, THE_RULE);
    t.diagnostic(`${schedules} schedules, ${states} states`);
    assert.deepEqual(divergent, []);
    assert.ok(schedules > 10n);
  });
}

const WEAKER: readonly (readonly [what: string, rule: Partial<Rule>, scenario: string])[] = [
  ["no freeze", { freeze: false }, "a relative update"],
  ["no freeze, under a delete", { freeze: false }, "a delete"],
  ["a snapshot from before the watermark", { snapshot: "before" }, "a delete"],
  ["rows that were touched are written", { drop: false }, "a relative update"],
  ["nobody waits for keys that bodies tell", { waitForKeys: false }, "a relative update whose key is in its body"],
  ["undeclared reach is no reach", { undeclared: false }, "a write of which nobody knows what it changes"],
  [
    "a repair does not look for writes that touch its row",
    { watches: false },
    "a repair, and a write of another row that touches its row",
  ],
  ["no confirmation", { confirm: false }, "a freeze that ends early"],
  ["a confirmation, and no fence", { fence: false }, "a freeze that ends early under a delete"],
  ["one member alone is asked what was touched", { looks: "one" }, "a relative update at another member"],
  ["one member alone freezes", { freezes: "one", confirms: "one" }, "a relative update at another member"],
  ["one member alone confirms", { confirms: "one" }, "a freeze that ends early at one of two members"],
];

for (const [what, rule, name] of WEAKER) {
  test(`weaker, some order leaves the sides apart: ${what}`, async (t) => {
    const { divergent, schedules } = await explore(scenarioOf(name), { ...THE_RULE, ...rule });
    t.diagnostic(`${schedules} schedules, ${divergent.length} divergent ends: ${divergent[0]?.what ?? ""}`);
    assert.ok(divergent.length > 0);
  });
}

/** The seed idea: no freeze and no windows, the row with the newer updated_at wins. */
const NEWER_WINS: Rule = { ...THE_RULE, freeze: false, drop: false, newerWins: true, confirm: false, fence: false };

test("a row with a newer updated_at wins: deletes are undone, and so are writes of one millisecond", async (t) => {
  const deletes = await explore(scenarioOf("a delete"), NEWER_WINS);
  t.diagnostic(`a delete: ${deletes.divergent[0]?.path.join("; ") ?? ""}`);
  assert.ok(deletes.divergent.length > 0);
  const live: readonly Live[] = [
    { does: "add", key: "a" },
    { does: "add", key: "a", after: 0 },
  ];
  const equal = await explore({ rows: NOT_COPIED, live, oneTime: true }, NEWER_WINS);
  assert.ok(equal.divergent.length > 0);
});

const VERSIONED: Rule = { ...THE_RULE, newerWins: true, tombstones: true };

for (const name of [
  "an update",
  "a delete",
  "a delete of a row that is not copied",
  "a relative update",
  "an update that is delivered twice",
  "a freeze that ends early under a delete",
]) {
  test(`with versions and tombstones beside the rule both sides end alike: ${name}`, async (t) => {
    const { divergent, schedules } = await explore(scenarioOf(name), VERSIONED);
    t.diagnostic(`${schedules} schedules`);
    assert.deepEqual(divergent, []);
  });
}

test("of rows that next has, versions and tombstones alone keep what is written or deleted as a whole, and no relative write", async (t) => {
  const alone: Rule = { ...NEWER_WINS, tombstones: true };
  for (const name of ["a delete", "an update", "a delete, and an insert anew"]) {
    const { divergent, schedules } = await explore(scenarioOf(name), alone);
    t.diagnostic(`${name}: ${schedules} schedules`);
    assert.deepEqual(divergent, [], name);
  }
  for (const name of ["a relative update", "a delete of a row that is not copied"])
    assert.ok((await explore(scenarioOf(name), alone)).divergent.length > 0, name);
});

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS[name];
  if (found === undefined) throw new TypeError(`there is no scenario ${name}`);
  return found;
}
