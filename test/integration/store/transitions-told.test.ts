/** Steps of a transition as members are told of them: at once, on one channel, whatever Redis is (adapters/store/redis/told.ts). */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Redis } from "ioredis";
import type { RedisStore } from "../../../adapters/store/redis/shared-store.ts";
import type { KeptPhase } from "../../../proxy/moves/kept-phase.ts";
import type { TransitionAck } from "../../../proxy/moves/transition.ts";
import { redisCluster, redisSentinel, redisServer } from "../../support/redis.ts";
import { openStoreAt } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

const CHANNEL = "crossfade:{0}:moves";
const NEW: KeptPhase = {
  ...{ route: "users", phase: "next-primary", epoch: 2, file: "dual-write", by: "ops" },
  ...{ at: "2026-11-22T12:00:01.000Z", reason: null, behindSince: null },
};
const READY: TransitionAck = { state: "ready", why: null, tunnels: 0 };
const DRAINED: TransitionAck = { state: "drained", why: null, tunnels: 0 };
const FAILED: TransitionAck = { state: "failed", why: "it is slow", tunnels: 0 };

/** `told`: how often it was told that phases changed. */
interface TestMember {
  readonly store: RedisStore;
  told: number;
}

async function joined(t: TestContext, url: string): Promise<TestMember> {
  const member: TestMember = { store: await openStoreAt(t, url, { patienceMs: 10_000 }), told: 0 };
  await member.store.members.join({
    report: () => ({
      ...{ name: null, version: "0.1.0", host: "here", pid: 1, startedAt: 0, state: "serving", open: 0 },
      settings: { revision: 1, digest: "0" },
    }),
    overridesKept: () => undefined,
    phasesChanged: () => member.told++,
  });
  return member;
}

/** The store itself says when it is told. */
async function untilTold({ store: { transitions } }: TestMember): Promise<void> {
  await until(() => Promise.resolve(transitions.lookAgainMs > 3));
}

async function listenTo(t: TestContext, admin: Redis): Promise<readonly string[]> {
  const heard: string[] = [];
  const client = admin.duplicate();
  t.after(() => client.disconnect());
  client.on("error", () => undefined);
  client.on("message", (_, message: string) => void heard.push(message));
  await client.subscribe(CHANNEL);
  return heard;
}

test("each step is told, and to the one that leads the last word that it waits for", async (t) => {
  const redis = await redisServer(t);
  const [leader, other] = [await joined(t, redis.url), await joined(t, redis.url)];
  const heard = await listenTo(t, redis.admin);
  const [lead, part] = [leader.store.transitions, other.store.transitions];
  const id = leader.store.members.id;
  await lead.announce({ id: "01A", moves: [{ row: NEW, instead: null }], drains: true, forMs: 10_000 });
  await part.acknowledge("01A", { ...READY, state: "not-ready", why: "copies are behind" });
  for (const each of [lead, part]) await each.acknowledge("01A", READY);
  await lead.prepare("01A", 10_000);
  for (const each of [part, lead]) await each.acknowledge("01A", DRAINED);
  await lead.commit("01A");
  const first = ["01A announced", `01A ready ${id}`, "01A prepared", `01A drained ${id}`, "01A committed"];
  await until(() => Promise.resolve(heard.length >= first.length));
  assert.deepEqual(heard, first);
  const back = { ...NEW, phase: "dual-write" as const, epoch: 3 };
  await lead.announce({ id: "01B", moves: [{ row: back, instead: NEW }], drains: true, forMs: 10_000 });
  for (const each of [lead, part]) await each.acknowledge("01B", READY);
  await lead.prepare("01B", 10_000);
  await part.acknowledge("01B", FAILED);
  await lead.abort("01B", "it is slow");
  const second = ["01B announced", `01B ready ${id}`, "01B prepared", `01B failed ${id}`, "01B aborted"];
  await until(() => Promise.resolve(heard.length >= first.length + second.length));
  assert.deepEqual(heard.slice(first.length), second);
});

const TOPOLOGIES: Record<string, (t: TestContext) => Promise<{ readonly url: string; readonly admin: Redis }>> = {
  "one server": redisServer,
  "what sentinels name": async (t) => {
    const { port, admin } = await redisServer(t);
    const sentinel = await redisSentinel(t, port);
    return { url: `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`, admin };
  },
  "a cluster": async (t) => {
    const { url, nodes } = await redisCluster(t);
    return { url, admin: (nodes[2] as (typeof nodes)[number]).admin };
  },
};

for (const [name, start] of Object.entries(TOPOLOGIES))
  test(`on ${name}: who is told looks, without waiting for its next look; what is for another one it leaves alone`, async (t) => {
    const { url, admin } = await start(t);
    const member = await joined(t, url);
    await untilTold(member);
    const other = await joined(t, url);
    await untilTold(other);
    // Nothing has changed: whoever only looks sees nothing in it.
    const before = [member.told, other.told];
    await admin.publish(CHANNEL, `01A drained ${member.store.members.id}`);
    await until(() => Promise.resolve(member.told > (before[0] ?? 0)));
    await admin.publish(CHANNEL, "01A committed");
    // They hear of it over connections of their own, in a cluster through different nodes.
    await until(() => Promise.resolve(member.told > (before[0] ?? 0) + 1 && other.told > (before[1] ?? 0)));
    assert.deepEqual([member.told, other.told], [(before[0] ?? 0) + 2, (before[1] ?? 0) + 1]);
  });

test("a user that may not subscribe looks as often as it needs, and moves all the same", async (t) => {
  const redis = await redisServer(t);
  await redis.admin.acl("SETUSER", "quiet", "on", ">secret", "~crossfade:*", "+@all", "resetchannels");
  const member = await joined(t, redis.url.replace("redis://", "redis://quiet:secret@"));
  const { transitions } = member.store;
  await transitions.announce({ id: "01A", moves: [{ row: NEW, instead: null }], drains: true, forMs: 10_000 });
  await transitions.acknowledge("01A", READY);
  await transitions.prepare("01A", 10_000);
  await transitions.acknowledge("01A", DRAINED);
  assert.equal((await transitions.commit("01A")).transition?.state, "committed");
  assert.equal(transitions.lookAgainMs, 3);
});
