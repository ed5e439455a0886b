import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createMemberHolds, type HoldOrder, type MemberHolds } from "../../../proxy/life/member-holds.ts";
import { KeyHolds } from "../../../proxy/mirror/key-holds.ts";
import type { MemberAnswers } from "../../../proxy/members/member-calls.ts";

const OF_KEY = { keys: ["users/7"], lateOf: [], anyOf: [] };
const HOLD_MS = 5_000;

interface Stage {
  readonly asker: MemberHolds;
  readonly other: MemberHolds;
  /** The other's. */
  readonly holds: KeyHolds;
  readonly asked: HoldOrder[];
  readonly change: { isUnderWay: boolean; settings: string; missing: string | null; ageMs: number; now: number };
}

function stage(t: TestContext): Stage {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const change = { isUnderWay: false, settings: "same", missing: null as string | null, ageMs: 0, now: 0 };
  const asked: HoldOrder[] = [];
  const holds = new KeyHolds();
  const clock = { monotonic: () => change.now };
  const members = (life: string, settings: () => string, ask: (text: string) => Promise<MemberAnswers>) => ({
    ...{ life, settings },
    calls: { ask: (_about: string, question: string) => ask(question) },
  });
  const nobody = (): Promise<MemberAnswers> => Promise.resolve({ answers: new Map(), missing: null });
  const other = createMemberHolds({
    ...{ clock, keyHolds: holds },
    // It is looked at every 10 ms: time goes on with that.
    changes: { mayChange: () => (change.now += 50) > 0 && change.isUnderWay },
    members: members("other", () => change.settings, nobody),
  });
  const asker = createMemberHolds({
    ...{ clock, keyHolds: new KeyHolds(), changes: { mayChange: () => false } },
    members: members(
      "asker",
      () => "same",
      async (text) => {
        const order = JSON.parse(text) as HoldOrder;
        asked.push(order);
        if (change.missing !== null) return { answers: new Map(), missing: change.missing };
        const reply = await other.answer(order, change.ageMs);
        return { answers: new Map([["other", JSON.stringify(reply)]]), missing: null };
      },
    ),
  });
  return { asker, other, holds, asked, change };
}

test("others' clients are held back from when all have said so until it is over", async (t) => {
  const { asker, holds } = stage(t);
  const held = asker.hold("users/7", "one");
  assert.ok(held !== null);
  assert.equal(held.standsFor(0), false);
  assert.equal(await held.begin(), true);
  assert.equal(held.standsFor(1_000), true);
  assert.notEqual(holds.held(OF_KEY), null);
  assert.equal(holds.held({ ...OF_KEY, keys: ["users/8"] }), null);
  held.lift();
  assert.equal(holds.held(OF_KEY), null);
});

test("a member that does not answer, runs other settings, or has a write under way says no", async (t) => {
  const { asker, change } = stage(t);
  const begin = async (): Promise<boolean | undefined> => {
    const held = asker.hold("users/7", "one");
    const isHeld = await held?.begin();
    assert.equal(held?.standsFor(0), isHeld);
    held?.lift();
    return isHeld;
  };
  assert.equal(await begin(), true);
  change.missing = "member other is silent";
  assert.equal(await begin(), false);
  change.missing = null;
  change.settings = "others";
  assert.equal(await begin(), false);
  change.settings = "same";
  change.isUnderWay = true;
  let said: boolean | undefined;
  void begin().then((isHeld) => (said = isHeld));
  while (said === undefined) {
    await new Promise(setImmediate);
    t.mock.timers.tick(10);
  }
  assert.equal(said, false);
});

test("a hold of which nothing more is heard lifts itself, and who asked knows by then that it does not stand", async (t) => {
  const { asker, holds, change } = stage(t);
  const held = asker.hold("users/7", "one");
  assert.equal(await held?.begin(), true);
  t.mock.timers.tick(HOLD_MS - 1);
  assert.notEqual(holds.held(OF_KEY), null);
  change.now = HOLD_MS + 100;
  assert.equal(held?.standsFor(0), false);
  t.mock.timers.tick(1);
  assert.equal(holds.held(OF_KEY), null);
});

test("who hears late of it holds for what is left, and of one that is over by then nothing", async (t) => {
  const { other, holds } = stage(t);
  const order = { what: "hold", asker: "a", id: "one", key: "users/7", of: "all" } as const;
  assert.deepEqual(await other.answer(order, 4_000), { settings: "same", isQuiet: true });
  t.mock.timers.tick(1_000);
  assert.equal(holds.held(OF_KEY), null);
  assert.equal((await other.answer({ ...order, id: "two" }, HOLD_MS)).isQuiet, false);
  assert.equal(holds.held(OF_KEY), null);
});

test("the next one of the same asker ends the one before, whether its end was heard or not", async (t) => {
  const { other, holds } = stage(t);
  const order = { what: "hold", asker: "a", id: "one", key: "users/7", of: "all" } as const;
  await other.answer(order, 0);
  await other.answer({ ...order, id: "two", key: "users/8" }, 0);
  assert.equal(holds.held(OF_KEY), null);
  assert.notEqual(holds.held({ ...OF_KEY, keys: ["users/8"] }), null);
});

test("while what was sent may land yet it is asked for again and again, of writes that are known to be of the key alone", async (t) => {
  const { asker, holds, asked } = stage(t);
  const held = asker.hold("users/7", "one");
  await held?.begin();
  held?.narrow();
  for (let second = 0; second < 12; second++) {
    t.mock.timers.tick(1_000);
    await new Promise(setImmediate);
  }
  assert.notEqual(holds.held(OF_KEY), null);
  assert.ok(asked.filter(({ of }) => of === "known").length >= 12);
  assert.equal(await holds.held({ keys: [], lateOf: ["users"], anyOf: [] }), null);
  held?.lift();
  assert.equal(holds.held(OF_KEY), null);
});
