import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AnswerCall } from "../../../proxy/members/member-calls.ts";
import { ChangeLog } from "../../../proxy/mirror/change-log.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { createTouchWatches, type TouchOrder, type TouchWatch } from "../../../proxy/life/touch-watch.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: transfers, match: { path: /transfers }, touches: [{ entity: users, at: "body:/to" }] }
`;
const TRANSFER = { keys: ["users/1"], lateOf: [], anyOf: ["transfers"] };

/** Members that ask one another from hand to hand; of one that is `deaf` no answer comes. */
function membersOf(t: TestContext) {
  const { settings } = settingsOf(t, CONFIG);
  const snapshot = { revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() };
  const all = new Map<string, AnswerCall>();
  const deaf = new Set<string>();
  const member = (life: string) => {
    const now = { waiting: 0, asked: 0 };
    const changes = new ChangeLog(() => now.waiting);
    const calls = {
      async ask(_about: string, question: string) {
        now.asked += 1;
        const answers = new Map<string, string>();
        for (const [other, answer] of all) {
          if (other !== life && !deaf.has(other)) answers.set(other, await answer(question, 0));
        }
        return { answers, missing: deaf.size === 0 ? null : "one has not answered" };
      },
    };
    const watches = createTouchWatches({
      snapshot: () => snapshot,
      changes,
      clock: { now: () => 1_000_000 },
      members: { calls, life },
    });
    all.set(life, (text) => Promise.resolve(JSON.stringify(watches.answer(JSON.parse(text) as TouchOrder))));
    const begin = async (key = "users/1"): Promise<TouchWatch> => {
      const begun = watches.begin(key, "repair 1");
      assert.ok(begun !== null);
      return await begun;
    };
    return { changes, now, watches, begin };
  };
  return { all, deaf, member, one: member("life-1"), other: member("life-2") };
}

test("what another member has under way when a watch begins, or does until it is asked, crosses it; what was over before does not", async (t) => {
  const { one, other } = membersOf(t);
  other.changes.began("before", "transfers", TRANSFER);
  other.changes.ended("before", null);
  const watch = await one.begin();
  assert.equal(await watch.crossed(), false);
  other.changes.began("within", "transfers", TRANSFER);
  other.changes.ended("within", null);
  assert.equal(await watch.crossed(), true);
  assert.equal(await (await one.begin("users/2")).crossed(), false);
  other.changes.began("open", "transfers", TRANSFER);
  assert.equal(await (await one.begin("users/01")).crossed(), true);
});

test("so does what this one has under way, a write that has yet to tell what it touches, and one that may touch any; its own repair does not", async (t) => {
  const { one } = membersOf(t);
  one.changes.began("repair 1", "users", { keys: ["users/1"], lateOf: [], anyOf: [] });
  assert.equal(await (await one.begin()).crossed(), false);
  for (const reach of [
    TRANSFER,
    { ...TRANSFER, keys: [], lateOf: ["users"] },
    { ...TRANSFER, keys: [], anyOf: ["users"] },
  ]) {
    one.changes.began("live", "transfers", reach);
    assert.equal(await (await one.begin()).crossed(), true);
    one.changes.ended("live", null);
  }
});

test("a member that does not answer, came, went, or has writes in its journal alone may have done anything", async (t) => {
  const { one, other, all, deaf, member } = membersOf(t);
  const watch = await one.begin();
  other.now.waiting = 1;
  assert.equal(await watch.crossed(), true);
  other.now.waiting = 0;
  assert.equal(await watch.crossed(), false);
  deaf.add("life-2");
  assert.equal(await watch.crossed(), true);
  deaf.clear();
  member("life-3");
  assert.equal(await watch.crossed(), true);
  all.delete("life-3");
  all.delete("life-2");
  assert.equal(await watch.crossed(), true);
});

test("many watches share one question, and entities that nothing touches ask nobody", async (t) => {
  const { one } = membersOf(t);
  assert.equal(one.watches.begin("transfers/1", "repair 1"), null);
  const watches = await Promise.all(Array.from({ length: 20 }, () => one.begin()));
  assert.deepEqual(
    await Promise.all(watches.map((watch) => watch.crossed())),
    watches.map(() => false),
  );
  // The first of each goes alone, and all that came meanwhile together.
  assert.equal(one.now.asked, 4);
});
