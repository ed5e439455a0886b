import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupEvent } from "../../../proxy/evidence/evidence.ts";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { handClock, makeRecord, recordWrite } from "../../support/evidence.ts";
import { redisServer } from "../../support/redis.ts";
import { countsOf, eligible, healthOnce, isWell, match, openStoreAt, repairOf } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";

test("counts, repairs and groups of several processes add up, and each event is told by one of them", async (t) => {
  const redis = await redisServer(t);
  const stores = [await openStoreAt(t, redis.url), await openStoreAt(t, redis.url), await openStoreAt(t, redis.url)];
  const told: GroupEvent[] = [];
  for (const store of stores) store.onGroupEvent((event) => told.push(event));
  for (let i = 0; i < 200; i++) {
    for (const store of stores) store.append([eligible, match, repairOf(`users/${i % 10}`), recordWrite(makeRecord())]);
    if (i % 20 === 0) await Promise.all(stores.map((store) => store.flush()));
  }
  await Promise.all(stores.map((store) => store.flush()));
  for (const store of stores) assert.deepEqual(await countsOf(store), [600, 600, 0]);
  const [store] = stores;
  const repairs = (await store?.repairs({ limit: 100 }))?.items ?? [];
  assert.deepEqual([repairs.length, repairs.reduce((sum, { times }) => sum + times, 0)], [10, 600]);
  const [group, ...others] = (await store?.groups({ limit: 10 }))?.items ?? [];
  assert.deepEqual([group?.count, group?.samples.length, others], [600, 10, []]);
  assert.deepEqual(told, [{ event: "new", group: group?.id }]);
  await stores[1]?.decideGroup(group?.id ?? "", {
    ...{ state: "fixed", by: "ops", reason: null, until: null, build: null },
    at: new Date(0).toISOString(),
  });
  for (const one of stores) one.append([recordWrite(makeRecord())]);
  await Promise.all(stores.map((one) => one.flush()));
  assert.deepEqual(told.slice(1), [{ event: "regressed", group: group?.id }]);
});

test("together they keep no more than one may", async (t) => {
  const redis = await redisServer(t);
  const retention = { keepRecords: 50 };
  const stores = [await openStoreAt(t, redis.url, { retention }), await openStoreAt(t, redis.url, { retention })];
  for (let i = 0; i < 100; i++) {
    for (const store of stores) store.append([recordWrite(makeRecord({ group: null }))]);
    if (i % 10 === 0) await Promise.all(stores.map((store) => store.flush()));
  }
  await Promise.all(stores.map((store) => store.flush()));
  // The last commit of either saw all that there is.
  assert.equal((await stores[0]?.divergences({ limit: 1000 }))?.items.length, 50);
});

test("a process that ended without a word leaves a gap and its writes unknown, and each is counted once", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 400 };
  const gone = await openStoreAt(t, redis.url, { ...options, heartbeatMs: 60_000 });
  gone.append([
    { type: "shadow", route: "users", service: "next" },
    eligible,
    eligible,
    eligible,
    match,
    { type: "gap-opened", id: "g", route: "users", from: new Date().toISOString(), why: "x" },
  ]);
  await gone.flush();
  // Nobody else is there: its silence is not heard.
  const lives = await openStoreAt(t, redis.url, options);
  lives.append([eligible]);
  await until(async () => (await countsOf(lives))[2] === 2);
  lives.append([match]);
  await lives.flush();
  assert.deepEqual(await countsOf(lives), [4, 2, 2]);
  const gaps = (await lives.gaps({ limit: 10 })).items;
  assert.deepEqual(
    gaps.map(({ route, why, to, misses }) => [route, why, to !== null, misses]),
    [
      ["users", "unclean end while unjournaled", true, "next"],
      ["users", "x", true, null],
    ],
  );

  // It was only stopped: its writes get their outcomes after all, and the sum stays.
  gone.append([match, match]);
  await gone.flush();
  assert.deepEqual(await countsOf(lives), [4, 4, 0]);
  assert.equal((await lives.gaps({ limit: 10 })).items.length, 2);
});

test("what the version before this one marks and records is not said to miss at one side", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url);
  const missed = (key: string): StoreWrite => ({ ...repairOf(key), misses: "next" }) as StoreWrite;
  store.append([missed("users/1"), missed("users/2")]);
  await store.flush();
  const [member = ""] = await redis.admin.zrange("crossfade:{0}:repairs", "0", "0");
  await redis.admin.hset("crossfade:{0}:repair:last", member, JSON.stringify(["unknown", "A"]));
  await redis.admin.hset("crossfade:{0}:gap", "g", JSON.stringify(["users", "1000", "x", "run"]));
  await redis.admin.zadd("crossfade:{0}:gaps", "1", "g");
  await redis.admin.hincrby("crossfade:{0}:gaps:count", "users", "1");
  assert.deepEqual(
    (await store.repairs({ limit: 10 })).items.map(({ misses }) => misses),
    [null, "next"],
  );
  assert.deepEqual(
    (await store.gaps({ limit: 10 })).items.map(({ misses }) => misses),
    [null],
  );
  assert.deepEqual((await store.openWork())[0]?.legacyMisses, { repairs: 1, gaps: 1 });
});

test("a clean end leaves no gap; what had no outcome then is unknown", async (t) => {
  const redis = await redisServer(t);
  const options = { runSilentMs: 200 };
  const first = await openStoreAt(t, redis.url, options);
  first.append([eligible, eligible, match]);
  await first.close();
  const second = await openStoreAt(t, redis.url, options);
  assert.deepEqual(await countsOf(second), [2, 1, 1]);
  await until(async () => (await redis.admin.zcard("crossfade:{0}:runs")) === 1);
  assert.deepEqual((await second.gaps({ limit: 10 })).items, []);
});

test("a process that starts and is killed again and again leaves one gap", async (t) => {
  const redis = await redisServer(t);
  for (let i = 0; i < 4; i++) {
    const killed = await openStoreAt(t, redis.url, { heartbeatMs: 60_000 });
    killed.append([eligible, match]);
    await killed.flush();
  }
  const lives = await openStoreAt(t, redis.url, { runSilentMs: 300 });
  await until(async () => (await redis.admin.zcard("crossfade:{0}:runs")) === 1);
  const [gap, ...more] = (await lives.gaps({ limit: 10 })).items;
  assert.deepEqual([gap?.route, more], ["users", []]);
});

test("what is erased is in no key and, with an append-only file, in no file any more", async (t) => {
  const redis = await redisServer(t, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
  const store = await openStoreAt(t, redis.url, { silentMs: 5_000 });
  const secret = "a-very-private-value";
  store.append([
    recordWrite(makeRecord({ key: "users/1", error: secret })),
    recordWrite(makeRecord({ key: "users/2", error: "another" })),
  ]);
  await store.flush();
  assert.ok(redis.bytesOnDisk().includes(secret));
  await store.eraseDivergences({ isKey: (key) => key === "users/1", dryRun: false });
  assert.ok(!redis.bytesOnDisk().includes(secret));
  assert.ok(redis.bytesOnDisk().includes("another"));
  for (const key of await redis.admin.keys("*")) {
    assert.ok(!String(await redis.admin.dumpBuffer(key)).includes(secret), key);
  }
  assert.equal((await store.divergences({ limit: 10 })).items.length, 1);
});

test("a clock that is set back does not bring records out of their order", async (t) => {
  const redis = await redisServer(t);
  const clock = handClock();
  const store = await openStoreAt(t, redis.url, { clock });
  const ids: string[] = [];
  for (const step of [0, -3_600_000, 0, 7_200_000, -10_000]) {
    clock.move(step);
    const record = makeRecord({ group: null, time: new Date(clock.now()).toISOString() });
    ids.unshift(record.id);
    store.append([recordWrite(record)]);
    await store.flush();
  }
  const first = await store.divergences({ limit: 2 });
  const rest = await store.divergences({ limit: 10, cursor: first.next ?? "" });
  assert.deepEqual(
    [...first.items, ...rest.items].map(({ id }) => id),
    ids,
  );
  await healthOnce(store, isWell);
});
