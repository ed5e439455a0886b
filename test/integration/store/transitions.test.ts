/** Transitions of phases in a real Redis, step by step: what takes effect when, and what never does (proxy/moves/transition.ts). */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { RedisMembers } from "../../../adapters/store/redis/members.ts";
import type { RedisMember, RedisStore } from "../../../adapters/store/redis/shared-store.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { MemberSelf } from "../../../proxy/members/members.ts";
import type { TransitionAck, TransitionView } from "../../../proxy/moves/transition.ts";
import { redisServer, type RedisServer, type RedisServerOptions } from "../../support/redis.ts";
import { openStoreAt } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

const SELF: MemberSelf = {
  report: () => ({
    ...{ name: null, version: "0.1.0", host: "here", pid: 1, startedAt: 0, state: "serving", open: 0 },
    settings: { revision: 1, digest: "0" },
  }),
  overridesKept: () => undefined,
  phasesChanged: () => undefined,
};
const READY: TransitionAck = { state: "ready", why: null, tunnels: 0 };
const DRAINED: TransitionAck = { state: "drained", why: null, tunnels: 0 };

const row = (phase: KeptPhase["phase"], epoch: number, at = "2026-11-22T12:00:00.000Z"): KeptPhase => {
  return { route: "users", phase, epoch, file: "dual-write", by: "ops", at, reason: null, behindSince: null };
};
const OLD = row("dual-write", 1);
const NEW = row("next-primary", 2, "2026-11-22T12:00:01.000Z");
const MOVES = [{ row: NEW, instead: OLD }];

/** Members that have registered; the phase is kept already. */
async function startMembers(
  t: TestContext,
  count: number,
  options: RedisServerOptions = {},
): Promise<{ redis: RedisServer; all: RedisStore[] }> {
  const redis = await redisServer(t, options);
  const all: RedisStore[] = [];
  for (let n = 0; n < count; n++) all.push(await joined(t, redis));
  assert.equal(await (all[0] as RedisStore).movePhases([{ row: OLD, instead: null }]), "done");
  return { redis, all };
}

/** With all that it had, and another replication id; members have been heard again for long enough. */
async function restarted(redis: RedisServer, all: readonly RedisStore[]): Promise<void> {
  await redis.kill();
  await redis.start();
  const known = async ({ transitions }: RedisStore): Promise<boolean> => {
    await redis.admin.hset("crossfade:{0}:members:clock", "lost", 0);
    return (await transitions.look().catch(() => null))?.isSettling === false;
  };
  for (const store of all) await until(() => known(store));
}

async function joined(t: TestContext, redis: RedisServer, member: RedisMember | null = null): Promise<RedisStore> {
  const store = await openStoreAt(t, redis.url, { member });
  await store.members.join(SELF);
  return store;
}

const stateOf = ({ transition }: TransitionView): string | undefined => transition?.state;
const phaseIn = ({ phases }: TransitionView): string | undefined => phases[0]?.phase;
const announced = { id: "01A", moves: MOVES, drains: true, forMs: 10_000 };

async function prepared(all: readonly RedisStore[], forMs = 10_000): Promise<RedisStore> {
  const [leader] = all as [RedisStore];
  await leader.transitions.announce(announced);
  for (const { transitions } of all) await transitions.acknowledge("01A", READY);
  assert.equal(stateOf(await leader.transitions.prepare("01A", forMs)), "prepared");
  return leader;
}

test("it is prepared once all are ready, and committed once all have drained: then the phase is the new one", async (t) => {
  const { all } = await startMembers(t, 3);
  const [leader, two, three] = all as [RedisStore, RedisStore, RedisStore];
  const view = await leader.transitions.announce(announced);
  assert.deepEqual(
    [stateOf(view), view.transition?.members.length, view.transition?.coordinator],
    ["announced", 3, leader.members.id],
  );
  assert.equal(stateOf(await leader.transitions.commit("01A")), "announced");
  await leader.transitions.acknowledge("01A", READY);
  await two.transitions.acknowledge("01A", READY);
  assert.equal(stateOf(await leader.transitions.prepare("01A", 10_000)), "announced");
  await three.transitions.acknowledge("01A", { state: "not-ready", why: "copies are behind", tunnels: 0 });
  assert.equal(stateOf(await leader.transitions.prepare("01A", 10_000)), "announced");
  await three.transitions.acknowledge("01A", READY);
  const begun = await leader.transitions.prepare("01A", 10_000);
  // To be ready is not to have drained.
  assert.deepEqual([stateOf(begun), begun.transition?.acks.size], ["prepared", 0]);
  assert.equal(stateOf(await leader.transitions.commit("01A")), "prepared");
  for (const { transitions } of [leader, two]) await transitions.acknowledge("01A", DRAINED);
  assert.equal(stateOf(await leader.transitions.commit("01A")), "prepared");
  await three.transitions.acknowledge("01A", { state: "failed", why: "2 writes did not end", tunnels: 0 });
  assert.equal(stateOf(await leader.transitions.commit("01A")), "prepared");
  await three.transitions.acknowledge("01A", DRAINED);
  const ended = await leader.transitions.commit("01A");
  assert.deepEqual([stateOf(ended), ended.phases], ["committed", [NEW]]);
  assert.equal(stateOf(await two.transitions.abort("01A", "too late")), "committed");
  assert.deepEqual(await three.phases(), [NEW]);
});

test("what is late can only be aborted, by any member, and an aborted one is never committed", async (t) => {
  const { all } = await startMembers(t, 2);
  const leader = await prepared(all, 30);
  for (const { transitions } of all) await transitions.acknowledge("01A", DRAINED);
  await wait(40);
  assert.equal(stateOf(await leader.transitions.commit("01A")), "prepared");
  const view = await (all[1] as RedisStore).transitions.abort("01A", "its time was over");
  assert.deepEqual(
    [stateOf(view), view.transition?.why, phaseIn(view)],
    ["aborted", "its time was over", "dual-write"],
  );
  assert.equal(stateOf(await leader.transitions.commit("01A")), "aborted");
  // The next one finds the way free.
  const next = await leader.transitions.announce({ ...announced, id: "01B" });
  assert.deepEqual([next.transition?.id, next.transition?.acks.size], ["01B", 0]);
});

test("whoever slept over aborted moves finds them told with the next one, over one that was committed too", async (t) => {
  const { all } = await startMembers(t, 1);
  const [{ transitions }] = all as [RedisStore];
  const told: (readonly string[] | undefined)[] = [];
  for (const id of ["01A", "01B"]) {
    told.push((await transitions.announce({ ...announced, id })).transition?.givenUp);
    await transitions.abort(id, "a test");
  }
  told.push((await transitions.announce({ ...announced, id: "01C" })).transition?.givenUp);
  await transitions.acknowledge("01C", READY);
  await transitions.prepare("01C", 10_000);
  await transitions.acknowledge("01C", DRAINED);
  assert.equal(stateOf(await transitions.commit("01C")), "committed");
  const back = { row: row("dual-write", 3), instead: NEW };
  told.push((await transitions.announce({ ...announced, id: "01D", moves: [back] })).transition?.givenUp);
  assert.deepEqual(told, [[], ["01A"], ["01A", "01B"], ["01A", "01B"]]);
});

test("one at a time: neither another transition nor a phase by itself comes between", async (t) => {
  const { all } = await startMembers(t, 2);
  const [one, two] = all as [RedisStore, RedisStore];
  await one.transitions.announce(announced);
  assert.equal((await two.transitions.announce({ ...announced, id: "01B" })).transition?.id, "01A");
  await assert.rejects(two.movePhases([{ row: NEW, instead: OLD }]), /another move is under way/);
  await one.transitions.abort("01A", "a test");
  assert.equal(await two.movePhases([{ row: row("legacy-only", 1, NEW.at), instead: OLD }]), "done");
  // Decided on what is not so any more.
  const stale = await one.transitions.announce({ ...announced, id: "01C" });
  assert.deepEqual([stale.transition?.id, stateOf(stale)], ["01A", "aborted"]);
});

test("whoever joins gives it up, and so does a member that is started again: nobody holds back what its earlier life did", async (t) => {
  const { redis, all } = await startMembers(t, 2);
  const leader = await prepared(all);
  for (const { transitions } of all) await transitions.acknowledge("01A", DRAINED);
  await joined(t, redis);
  const view = await leader.transitions.commit("01A");
  assert.deepEqual(
    [stateOf(view), view.transition?.why, phaseIn(view)],
    ["aborted", "a member started meanwhile", "dual-write"],
  );
});

test("a process that was followed by another one of its member has no say", async (t) => {
  const { redis, all } = await startMembers(t, 1);
  const member: RedisMember = {
    ...{ run: "01MEMBER", hasRun: false, place: "here:/member" },
    journal: () => {
      return Promise.resolve({ coversGeneration: 1, damage: null, upTo: 0, uncounted: [], open: [], unjournaled: [] });
    },
    problem: () => null,
    ended: () => undefined,
  };
  const before = await joined(t, redis, member);
  const after = await joined(t, redis, { ...member, hasRun: true });
  const [leader] = all as [RedisStore];
  await leader.transitions.announce(announced);
  await leader.transitions.acknowledge("01A", READY);
  await before.transitions.acknowledge("01A", READY);
  assert.equal(stateOf(await leader.transitions.prepare("01A", 10_000)), "announced");
  await after.transitions.acknowledge("01A", READY);
  assert.equal(stateOf(await leader.transitions.prepare("01A", 10_000)), "prepared");
});

test("a member that has left is not waited for, one that has said nothing is", async (t) => {
  const { all } = await startMembers(t, 3);
  const [leader, leaves, last] = all as [RedisStore, RedisStore, RedisStore];
  await prepared(all);
  for (const { transitions } of [leader, last]) await transitions.acknowledge("01A", DRAINED);
  assert.equal(stateOf(await leader.transitions.commit("01A")), "prepared");
  await leaves.members.leave();
  assert.equal(stateOf(await leader.transitions.commit("01A")), "committed");
});

test("rows that were set after what the store has are told again, others are not", async (t) => {
  const { redis, all } = await startMembers(t, 1);
  const [{ transitions }] = all as [RedisStore];
  assert.equal(
    phaseIn(await transitions.tellAgain([{ ...row("legacy-only", 1), at: "2026-11-22T13:00:00.000Z" }])),
    "dual-write",
  );
  // Of one epoch too.
  const off = { ...row("legacy-only", 1), changes: 1 };
  assert.equal(phaseIn(await transitions.tellAgain([off])), "legacy-only");
  assert.equal(phaseIn(await transitions.tellAgain([row("dual-write", 1)])), "legacy-only");
  assert.equal(phaseIn(await transitions.tellAgain([NEW])), "next-primary");
  await redis.admin.flushall();
  assert.deepEqual((await transitions.tellAgain([NEW])).phases, [NEW]);
});

const underWay = { id: "01B", moves: MOVES, drains: true, forMs: 10_000 };

test("a member that Redis has lost announces nothing, nor does one that is back before all may be heard again", async (t) => {
  const { redis, all } = await startMembers(t, 2);
  const [one, two] = all as [RedisStore, RedisStore];
  await redis.admin.flushall();
  // It alone would be waited for.
  assert.equal(
    (await one.transitions.announce({ ...underWay, moves: [{ row: NEW, instead: null }] })).transition,
    null,
  );
  await until(async () => (await two.transitions.look()).registered.includes(one.members.id));
  assert.equal(await one.movePhases([{ row: OLD, instead: null }]), "done");
  const refused = await one.transitions.announce(underWay);
  assert.deepEqual([refused.transition, refused.isSettling], [null, true]);
});

test("what may have been committed before Redis failed over, no new move ends: also late, and one that finds other phases", async (t) => {
  const { redis, all } = await startMembers(t, 2, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const leader = await prepared(all, 30);
  for (const { transitions } of all) await transitions.acknowledge("01A", DRAINED);
  await restarted(redis, all);
  await wait(40);
  // Whoever has read the commit has another row than Redis.
  const again = await leader.transitions.announce({ ...underWay, moves: [{ row: OLD, instead: NEW }] });
  assert.deepEqual([again.transition?.id, stateOf(again), again.isUncertain], ["01A", "prepared", true]);
  assert.equal(stateOf(await leader.transitions.announce(underWay)), "prepared");
  assert.equal(stateOf(await leader.transitions.abort("01A", "its time was over")), "prepared");
  assert.equal(stateOf(await leader.transitions.deny("01A", "it has not agreed")), "aborted");
});

test("one that is announced is in doubt too after a failover: that it was prepared and committed may be lost", async (t) => {
  const { redis, all } = await startMembers(t, 2, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const [leader] = all as [RedisStore];
  await leader.transitions.announce(announced);
  for (const { transitions } of all) await transitions.acknowledge("01A", READY);
  await restarted(redis, all);
  for (const view of [await leader.transitions.prepare("01A", 1_000), await leader.transitions.abort("01A", "a test")])
    assert.deepEqual([stateOf(view), view.isUncertain], ["announced", true]);
  assert.deepEqual(
    [stateOf(await leader.transitions.tellAgain([NEW])), (await leader.phases())[0]?.phase],
    ["committed", "next-primary"],
  );
});

test("one that Redis has lost and a move in doubt waits for is not forgotten before it may have been heard: it may be alive", async (t) => {
  const { redis, all } = await startMembers(t, 2, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const [leader, lost] = all as [RedisStore, RedisStore];
  await prepared(all);
  (lost.members as RedisMembers).stop();
  for (const name of ["members", "members:life", "members:heard"])
    await redis.admin.hdel(`crossfade:{0}:${name}`, lost.members.id);
  await redis.kill();
  await redis.start();
  await until(async () => (await leader.transitions.look().catch(() => null)) !== null);
  assert.equal(await leader.members.forget(lost.members.id), "settling");
  await restarted(redis, [leader]);
  assert.equal(await leader.members.forget(lost.members.id), "forgotten");
  assert.equal(await leader.members.forget(leader.members.id), "alive");
});

test("a member without a folder that has left is not asked what it knew of a move that Redis has lost in part", async (t) => {
  const { redis, all } = await startMembers(t, 3, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const [leader, two, leaves] = all as [RedisStore, RedisStore, RedisStore];
  await prepared(all);
  const { transition } = await leader.transitions.look();
  assert.ok(transition !== null);
  await leaves.members.leave();
  await restarted(redis, [leader, two]);
  assert.equal(stateOf(await leader.transitions.witness(transition)), "prepared");
  assert.equal(stateOf(await two.transitions.witness(transition)), "aborted");
});

test("a Redis that has lost the phases, and has counted their changes to the same number again, is looked at all the same", async (t) => {
  const { redis } = await startMembers(t, 1);
  let changes = 0;
  const store = await openStoreAt(t, redis.url);
  await store.members.join({ ...SELF, phasesChanged: () => void changes++ });
  const before = changes;
  await redis.admin.multi().flushall().hset("crossfade:{0}:clock", "phases", 1).exec();
  await until(() => Promise.resolve(changes > before));
});
