import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createBackfills } from "../../../proxy/rows/backfills.ts";
import type { OfBackfill } from "../../../proxy/rows/backfill-window.ts";
import type { AnswerCall } from "../../../proxy/members/member-calls.ts";
import { ChangeLog } from "../../../proxy/mirror/change-log.ts";
import { Freezes } from "../../../proxy/mirror/freezes.ts";
import { OpenWrites } from "../../../proxy/phase/open-writes.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { createTouchWatches } from "../../../proxy/life/touch-watch.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: users, match: { path: "/users/**" }, phase: backfilling }]
collections:
  - { name: users, route: users, source: { sqlite: ./a.db, table: users, key: id }, target: { sqlite: ./b.db, table: users, key: id } }
`;

/** What members ask one another goes from hand to hand. */
class Wire {
  readonly members = new Map<string, AnswerCall>();
  /** Lives that hear nothing. */
  readonly deaf = new Set<string>();

  callsOf(life: string) {
    return {
      ask: async (_about: string, question: string) => {
        const answers = new Map<string, string>();
        for (const [other, answer] of this.members) {
          if (other !== life && !this.deaf.has(other)) answers.set(other, await answer(question, 0));
        }
        const missing = [...this.deaf].map((other) => `member ${other} has not answered in time`).join("; ");
        return { answers, missing: missing === "" ? null : missing };
      },
      serve: (answer: AnswerCall) => {
        this.members.set(life, answer);
        return Promise.resolve();
      },
    };
  }
}

async function member(t: TestContext, wire: Wire, life: string) {
  const now = { epoch: 1_000_000, monotonic: 0, settings: "same", waiting: 0 };
  const [changes, freezes, openWrites] = [new ChangeLog(() => now.waiting), new Freezes(), new OpenWrites()];
  t.after(() => freezes.liftAll());
  const { settings } = settingsOf(t, CONFIG);
  const made = createBackfills({
    snapshot: () => ({ revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() }),
    changes,
    freezes,
    gate: () => ({ state: () => "closed" }),
    journal: { waiting: () => now.waiting },
    hold: { holds: () => false },
    openWrites,
    leaveToRepair: () => undefined,
    clock: { now: () => now.epoch, monotonic: () => (now.monotonic += 500) },
    audit: () => undefined,
    memberHolds: { answer: () => assert.fail("nobody is brought over") },
    touching: createTouchWatches({
      snapshot: () => ({ revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() }),
      changes,
      clock: { now: () => now.epoch },
      members: { calls: wire.callsOf(life), life },
    }),
    members: { calls: wire.callsOf(life), life, settings: () => now.settings },
  });
  await made.attend();
  const isHeld = (key: string): boolean => freezes.held({ keys: [key], lateOf: [], anyOf: [] }) !== null;
  return { now, changes, made, isHeld, openWrites };
}

async function answerOf<T>(asked: OfBackfill<Promise<T>>): Promise<T> {
  assert.ok(asked !== null && asked !== "replaced");
  return await asked.answer;
}

async function three(t: TestContext) {
  const wire = new Wire();
  const [asked, second, third] = [
    await member(t, wire, "life-1"),
    await member(t, wire, "life-2"),
    await member(t, wire, "life-3"),
  ];
  const opening = asked.made.open("users", "ops");
  assert.equal(opening.end, "opened");
  const { id } = opening.opened;
  const { made } = asked;
  const window = (): Promise<number> => answerOf(made.window(id));
  const mark = (): Promise<number> => answerOf(made.mark(id));
  const freeze = async (ids: readonly string[], between: () => unknown = () => undefined) => {
    const since = await window();
    await between();
    return await answerOf(made.freeze(id, { since, read: await mark(), ids }));
  };
  const confirm = (number: number): Promise<boolean> => answerOf(made.confirm(id, number));
  const thaw = (number: number): Promise<void> => answerOf(made.thaw(id, number));
  return { t, wire, id, made, asked, second, third, freeze, confirm, thaw };
}

const WRITE = { keys: ["users/1"], lateOf: [], anyOf: [] };

test("what any member has under way since the window is touched; the others are held back at every member until the thaw", async (t) => {
  const { second, third, asked, freeze, confirm, thaw, id } = await three(t);
  second.changes.began("before", "users", { ...WRITE, keys: ["users/2"] });
  const frozen = await freeze(["1", "2", "3", "4"], () => {
    third.changes.began("within", "users", WRITE);
    third.changes.ended("within", null);
  });
  assert.equal(frozen.end, "frozen");
  assert.deepEqual(frozen.touched.toSorted(), ["1", "2"]);
  for (const { isHeld, openWrites } of [asked, second, third]) {
    assert.deepEqual([isHeld("users/3"), isHeld("users/9"), openWrites.count(["users"])], [true, false, 1]);
  }
  assert.equal(await confirm(frozen.freeze), true);
  await thaw(frozen.freeze);
  for (const { isHeld, openWrites } of [asked, second, third]) {
    assert.deepEqual([isHeld("users/3"), openWrites.count(["users"])], [false, 0]);
  }
  assert.equal(await confirm(frozen.freeze), false);
  assert.ok(
    [asked, second, third].every(({ made }) => made.isCopying("users")),
    id,
  );
});

test("one member whose window is dirty, whose journal waits or that does not answer keeps every row from being written, and none is held back", async (t) => {
  const { wire, second, third, asked, freeze } = await three(t);
  const noneHeld = (): void => assert.ok([asked, second, third].every(({ isHeld }) => !isHeld("users/3")));
  const dirty = await freeze(["3"], () =>
    second.changes.began("raise", "raise", { ...WRITE, keys: [], anyOf: ["users"] }),
  );
  assert.deepEqual(dirty, { end: "dirty", why: "nothing says what a write of raise changes" });
  noneHeld();
  second.changes.ended("raise", null);
  third.now.waiting = 1;
  assert.deepEqual(await freeze(["3"]), { end: "later", why: "accepted writes wait in the journal" });
  noneHeld();
  third.now.waiting = 0;
  second.now.settings = "other";
  const other = await freeze(["3"]);
  assert.match("why" in other ? other.why : "", /^members run different settings/);
  second.now.settings = "same";
  wire.deaf.add("life-3");
  assert.deepEqual(await freeze(["3"]), { end: "later", why: "member life-3 has not answered in time" });
  wire.deaf.clear();
  assert.equal((await freeze(["3"])).end, "frozen");
});

test("a member that started or ended since the window: the rows are read again", async (t) => {
  const { wire, freeze } = await three(t);
  const started = await freeze(["3"], async () => void (await member(t, wire, "life-4")));
  assert.equal(started.end, "later");
  const ended = await freeze(["3"], () => wire.members.delete("life-4"));
  assert.equal(ended.end, "later");
  assert.equal((await freeze(["3"])).end, "frozen");
});

test("a member that starts while rows are frozen holds back all of the entity, and the freeze is not confirmed", async (t) => {
  const { wire, freeze, confirm, thaw } = await three(t);
  const frozen = await freeze(["3"]);
  assert.equal(frozen.end, "frozen");
  const fourth = await member(t, wire, "life-4");
  assert.equal(await confirm(frozen.freeze), false);
  assert.ok(fourth.isHeld("users/9"));
  await thaw(frozen.freeze);
  assert.ok(!fourth.isHeld("users/9"));
});

test("a member whose freeze has lapsed, or that does not answer, lets nothing be committed", async (t) => {
  const { wire, freeze, confirm, second } = await three(t);
  const frozen = await freeze(["3"]);
  assert.equal(frozen.end, "frozen");
  wire.deaf.add("life-2");
  assert.equal(await confirm(frozen.freeze), false);
  wire.deaf.clear();
  second.now.monotonic += 60_000;
  assert.equal(await confirm(frozen.freeze), false);
});

test("a job that begins at another member takes the collection over, and no row is frozen for it before the earlier freeze has ended", async (t) => {
  const { made, id, freeze, second } = await three(t);
  assert.equal((await freeze(["3"])).end, "frozen");
  // ULIDs of one millisecond are in no order.
  second.now.epoch += 1;
  const opening = second.made.open("users", "ops");
  assert.equal(opening.end, "opened");
  const job = opening.opened.id;
  const since = await answerOf(second.made.window(job));
  const read = await answerOf(second.made.mark(job));
  assert.equal(made.window(id), "replaced");
  const later = await answerOf(second.made.freeze(job, { since, read, ids: ["3"] }));
  assert.deepEqual(later, { end: "later", why: "an earlier freeze has yet to end" });
});
