import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditedChange } from "../../../proxy/evidence/audit.ts";
import { createBackfills } from "../../../proxy/rows/backfills.ts";
import { FREEZE_MOST_MS, FREEZE_MS, type OfBackfill } from "../../../proxy/rows/backfill-window.ts";
import { ChangeLog } from "../../../proxy/mirror/change-log.ts";
import { Freezes } from "../../../proxy/mirror/freezes.ts";
import { OpenWrites } from "../../../proxy/phase/open-writes.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { settingsOf } from "../../support/config-file.ts";
import type { TestContext } from "node:test";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: users, match: { path: "/users/**" }, phase: PHASE }]
collections:
  - { name: users, route: users, source: { sqlite: ./a.db, table: users, key: id }, target: { sqlite: ./b.db, table: users, key: id } }
`;

function backfills(t: TestContext) {
  const now = {
    epoch: 1_000_000,
    monotonic: 0,
    phase: "backfilling",
    breaker: "closed" as "closed" | "open",
    waiting: 0,
    holds: false,
  };
  const audited: AuditedChange[] = [];
  const openWrites = new OpenWrites();
  const freezes = new Freezes();
  const changes = new ChangeLog();
  t.after(() => freezes.liftAll());
  const made = createBackfills({
    snapshot: () => {
      const { settings } = settingsOf(t, CONFIG.replace("PHASE", now.phase));
      return { revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() };
    },
    changes,
    freezes,
    gate: () => ({ state: () => now.breaker }),
    journal: { waiting: () => now.waiting },
    hold: { holds: () => now.holds },
    openWrites,
    leaveToRepair: () => undefined,
    clock: { now: () => now.epoch, monotonic: () => now.monotonic },
    audit: (change) => void audited.push(change),
    touching: { answer: () => assert.fail("nobody shares the store") },
    memberHolds: { answer: () => assert.fail("nobody is brought over") },
    members: null,
  });
  const opening = made.open("users", "ops");
  assert.equal(opening.end, "opened");
  const { id } = opening.opened;
  return { now, audited, openWrites, changes, made, id };
}

async function freeze({ made, id }: ReturnType<typeof backfills>) {
  const since = await answerOf(made.window(id));
  const read = await answerOf(made.mark(id));
  return await answerOf(made.freeze(id, { since, read, ids: ["1"] }));
}

async function answerOf<T>(asked: OfBackfill<Promise<T>>): Promise<T> {
  assert.ok(asked !== null && asked !== "replaced");
  return await asked.answer;
}

test("a freeze is confirmed for as long as it has held, and not beyond its bound, however often it is asked", async (t) => {
  const setup = backfills(t);
  const frozen = await freeze(setup);
  assert.equal(frozen.end, "frozen");
  assert.equal(setup.openWrites.count(["users"]), 1);
  const confirm = async (): Promise<boolean> => await answerOf(setup.made.confirm(setup.id, frozen.freeze));
  for (let at = 0; at <= FREEZE_MOST_MS - FREEZE_MS; at += FREEZE_MS) {
    setup.now.monotonic = at;
    assert.equal(await confirm(), true);
  }
  setup.now.monotonic = FREEZE_MOST_MS - FREEZE_MS + 1;
  assert.equal(await confirm(), false);
  await answerOf(setup.made.thaw(setup.id, frozen.freeze));
  assert.equal(await confirm(), false);
  assert.equal(setup.openWrites.count(["users"]), 0);
});

test("nothing is frozen while the shadow is down, writes wait in the journal, or a route changes its source of truth", async (t) => {
  const setup = backfills(t);
  const { now } = setup;
  now.breaker = "open";
  assert.deepEqual(await freeze(setup), { end: "later", why: "next does not answer, and its breaker is open" });
  now.breaker = "closed";
  now.waiting = 1;
  assert.deepEqual(await freeze(setup), { end: "later", why: "accepted writes wait in the journal" });
  now.waiting = 0;
  now.holds = true;
  assert.deepEqual(await freeze(setup), { end: "later", why: "the source of truth of users is being changed" });
  now.holds = false;
  assert.equal((await freeze(setup)).end, "frozen");
});

test("a window is opened once no write is under way of which nobody knows what it changes, or after a second", async (t) => {
  const setup = backfills(t);
  const { now, changes, made, id } = setup;
  const opens = async (): Promise<boolean> => {
    let isOpen = false;
    const opened = answerOf(made.window(id)).then(() => (isOpen = true));
    await sleep(50);
    const waited = !isOpen;
    changes.ended("raise", null);
    await opened;
    return waited;
  };
  changes.began("raise", "users", { keys: [], lateOf: [], anyOf: ["orders"] });
  assert.equal(await opens(), false, "of other rows");
  changes.began("raise", "users", { keys: [], lateOf: [], anyOf: ["users"] });
  assert.equal(await opens(), true);
  assert.equal((await freeze(setup)).end, "frozen");
  changes.began("raise", "users", { keys: [], lateOf: [], anyOf: ["users"] });
  const opened = answerOf(made.window(id));
  await sleep(50);
  now.monotonic = 1_001;
  await opened;
  const read = await answerOf(made.mark(id));
  const { end } = await answerOf(made.freeze(id, { since: await opened, read, ids: ["1"] }));
  assert.equal(end, "dirty", "it is under way still");
});

test("a job that ends while its window waits to be opened leaves no window behind", async (t) => {
  const { now, changes, made, id } = backfills(t);
  changes.began("raise", "users", { keys: [], lateOf: [], anyOf: ["users"] });
  const opened = answerOf(made.window(id));
  await answerOf(made.end(id, "stopped"));
  changes.ended("raise", null);
  const since = await opened;
  changes.began("later", "users", { keys: ["users/1"], lateOf: [], anyOf: [] });
  changes.ended("later", null);
  const looked = changes.look({ entity: "users", since, read: changes.mark() }, new Set(["2"]), now.epoch);
  assert.equal(looked.kind, "dirty", "what ends is remembered for nobody");
});

test("it is over where the route has left the phases in which rows are brought over", async (t) => {
  const setup = backfills(t);
  setup.now.phase = "legacy-only";
  const over = await freeze(setup);
  assert.equal(over.end, "over");
  assert.match("why" in over ? over.why : "", /^route users is in legacy-only/);
});

test("a job that says nothing is warned of, and after ten minutes rows are no longer taken to be on their way", async (t) => {
  const { now, made, id, audited } = backfills(t);
  assert.deepEqual([made.isCopying("users"), made.isCopying("orders"), made.isCopying(null)], [true, false, false]);
  assert.deepEqual(made.warnings(), []);
  now.epoch += 3 * 60_000;
  assert.match(made.warnings().join(), /^the backfill of users was heard of last 3 min ago; the same command goes on/);
  now.epoch += 8 * 60_000;
  assert.deepEqual([made.isCopying("users"), made.warnings()], [false, []]);
  await answerOf(made.end(id, "stopped"));
  assert.equal(made.window(id), null);
  assert.deepEqual(
    audited.map(({ by, what }) => [by, what]),
    [
      ["ops", "backfill beside live writes begun"],
      ["ops", "backfill stopped"],
    ],
  );
});
