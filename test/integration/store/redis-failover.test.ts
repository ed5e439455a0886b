import assert from "node:assert/strict";
import { test } from "node:test";
import { baseOf, partitionOf } from "../../../adapters/store/redis/keys.ts";
import type { RepairWork } from "../../../proxy/evidence/evidence.ts";
import { makeRecord, recordWrite } from "../../support/evidence.ts";
import { moveSlot, redisCluster, redisSentinel, redisServer } from "../../support/redis.ts";
import {
  countsOf,
  eligible,
  healthOnce,
  isWell,
  match,
  openStoreAt,
  repairOf,
  writeOf,
} from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";
import { startRelay } from "../../support/relay.ts";

/** Its replicas have told that they have all of it. (WAIT would only speak of what its own connection wrote.) */
const isReplicated = async (master: { info(section: "replication"): Promise<string> }): Promise<boolean> => {
  const told = await master.info("replication");
  const sent = Number(/^master_repl_offset:(\d+)/m.exec(told)?.[1]);
  const had = [...told.matchAll(/^slave\d+:.*offset=(\d+)/gm)].map(([, offset]) => Number(offset));
  return had.length > 0 && had.every((offset) => offset >= sent);
};

const isSynced = async (replica: { info(section: "replication"): Promise<string> }): Promise<boolean> =>
  (await replica.info("replication")).includes("master_link_status:up");

test("a failover that loses nothing is taken as such: no gap, and all counts", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  await until(() => isSynced(replica.admin));
  const relay = await startRelay(t, master.port);
  const url = `redis://127.0.0.1:${relay.port}`;
  const store = await openStoreAt(t, url);
  store.append([eligible, match, repairOf("users/1")]);
  await store.flush();
  await until(() => isReplicated(master.admin));
  await master.kill();
  store.append([eligible, match]);
  await healthOnce(store, ({ problem }) => problem !== null);
  await replica.admin.replicaof("NO", "ONE");
  relay.leadTo(replica.port);
  const { lostWrites } = await healthOnce(store, isWell);
  assert.equal(lostWrites, 0);
  assert.deepEqual(await countsOf(store), [2, 2, 0]);
  assert.equal((await store.repairs({ limit: 10 })).items.length, 1);
  assert.deepEqual((await store.gaps({ limit: 10 })).items, []);
  // And the next opening knows that somebody looked.
  await store.close();
  assert.deepEqual((await (await openStoreAt(t, url)).gaps({ limit: 10 })).items, []);
});

test("a failover that loses confirmed writes leaves a gap from just before them; counts, repairs and gaps are told again", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  await until(() => isSynced(replica.admin));
  const relay = await startRelay(t, master.port);
  const store = await openStoreAt(t, `redis://127.0.0.1:${relay.port}`);
  store.append([eligible, match, repairOf("users/1")]);
  await store.flush();
  await until(() => isReplicated(master.admin));
  const before = Date.now();
  // From here on the replica hears nothing.
  await replica.admin.replicaof("NO", "ONE");
  const lostGap = { id: "told-again", route: "users", from: new Date(before - 60_000).toISOString(), why: "of before" };
  store.append([
    ...[eligible, match, eligible, repairOf("users/2"), recordWrite(makeRecord())],
    ...[repairOf("users/1"), repairOf("users/1")],
    { type: "gap-opened", ...lostGap },
  ]);
  await store.flush();
  const [work] = await store.repairWork({ after: 0, dueAt: null, limit: 1 });
  await master.kill();
  relay.leadTo(replica.port);
  await healthOnce(store, ({ problem, pendingWrites }) => pendingWrites === 0 && /had confirmed/.test(problem ?? ""));
  // A move that asks whether all is kept is not refused for what is over.
  assert.equal(store.health().isKeeping, true);
  assert.deepEqual(await countsOf(store), [3, 2, 0]);
  const [gap, ...more] = (await store.gaps({ limit: 10 })).items;
  assert.deepEqual(
    [gap?.route, more.map(({ id, from, why }) => ({ id, route: "users", from, why }))],
    ["users", [lostGap]],
  );
  const from = Date.parse(gap?.from ?? "");
  assert.ok(from >= before - 5_000 && from <= Date.now(), gap?.from);
  assert.deepEqual(
    (await store.repairs({ limit: 10 })).items.map(({ key }) => key),
    ["users/1", "users/2"],
  );
  // What was read of the list before stands for no mark that came after.
  store.append([repairOf("users/1")]);
  assert.equal(await store.endRepair(work as RepairWork, { kind: "equal" }), "changed");
  store.append([match]);
  await store.flush();
  assert.deepEqual(await countsOf(store), [3, 3, 0]);
});

test("sentinels lead to the new master when the old one is killed", async (t) => {
  const [master, replica] = [await redisServer(t), await redisServer(t)];
  await replica.admin.replicaof("127.0.0.1", master.port);
  await until(() => isSynced(replica.admin));
  const sentinel = await redisSentinel(t, master.port);
  const store = await openStoreAt(t, `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster`, { patienceMs: 10_000 });
  store.append([eligible, match, repairOf("users/1")]);
  await store.flush();
  await until(() => isReplicated(master.admin));
  await master.kill();
  for (let i = 0; i < 50; i++) store.append([eligible, match]);
  await healthOnce(store, ({ problem }) => problem !== null);
  const { lostWrites } = await healthOnce(store, isWell);
  assert.equal(lostWrites, 0);
  assert.deepEqual(await countsOf(store), [51, 51, 0]);
  assert.deepEqual((await store.gaps({ limit: 10 })).items, []);
});

test("no sentinel, and sentinels that know no such master, are told in words", async (t) => {
  const master = await redisServer(t);
  const sentinel = await redisSentinel(t, master.port);
  await assert.rejects(
    openStoreAt(t, `redis+sentinel://127.0.0.1:${sentinel.port}/other`, { patienceMs: 1_000 }),
    /no sentinel tells of a master by that name/,
  );
});

const ROUTES = Array.from({ length: 40 }, (_, i) => `route-${i}`);

test("a cluster whose master is killed goes on with its replica: the other slots meanwhile, and nothing twice", async (t) => {
  const { url, nodes } = await redisCluster(t, 3, 3);
  const store = await openStoreAt(t, url, { silentMs: 2_000, patienceMs: 15_000, routes: ROUTES });
  const writes = (): void => {
    for (const route of ROUTES) store.append([...writeOf(route), repairOf("1", route)]);
  };
  writes();
  await store.flush();
  for (const node of nodes.slice(0, 3)) await until(() => isReplicated(node.admin));
  await nodes[0]?.kill();
  for (let i = 0; i < 20; i++) writes();
  await healthOnce(store, ({ problem }) => problem !== null);
  await healthOnce(store, isWell);
  assert.deepEqual(await countsOf(store), [21 * 40, 21 * 40, 0]);
  const { items } = await store.repairs({ limit: 100 });
  assert.deepEqual([items.length, items.every(({ times }) => times === 21)], [40, true]);
  assert.deepEqual((await store.gaps({ limit: 10 })).items, []);
});

test("a slot that moves to another node while writes go on takes its partition with it", async (t) => {
  const cluster = await redisCluster(t, 3);
  const store = await openStoreAt(t, cluster.url, { patienceMs: 10_000 });
  const base = baseOf("crossfade", partitionOf("users", 16));
  let sent = 0;
  const traffic = setInterval(() => {
    store.append([eligible, match, repairOf("users/1")]);
    sent += 1;
  }, 2);
  t.after(() => clearInterval(traffic));
  await until(() => sent > 20);
  const slot = Number(await cluster.nodes[0]?.admin.cluster("KEYSLOT", base));
  const target = await moveSlot(cluster, slot);
  const atMove = sent;
  await until(() => sent > atMove + 20);
  clearInterval(traffic);
  await healthOnce(store, isWell);
  assert.deepEqual(await countsOf(store), [sent, sent, 0]);
  assert.equal((await store.repairs({ limit: 10 })).items[0]?.times, sent);
  assert.ok((await target.admin.exists(`${base}repairs`)) === 1);
});
