import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import type { GroupEvent } from "../../../proxy/evidence/evidence.ts";
import { makeRecord, recordWrite } from "../../support/evidence.ts";
import { hurryUp, redisServer } from "../../support/redis.ts";
import { countsOf, eligible, healthOnce, isWell, match, openStoreAt, repairOf } from "../../support/redis-store.ts";
import { until } from "../../support/until.ts";
import { startRelay } from "../../support/relay.ts";

const unavailable = (thrown: unknown): boolean =>
  thrown instanceof CrossfadeError && thrown.code === "store-unavailable" && thrown.source === "store";

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];

test("a batch whose answer was lost is applied once: counts, repairs, groups and their events", async (t) => {
  const redis = await redisServer(t);
  const relay = await startRelay(t, redis.port);
  const store = await openStoreAt(t, `redis://127.0.0.1:${relay.port}`, { heartbeatMs: 60_000 });
  const told: GroupEvent[] = [];
  store.onGroupEvent((event) => told.push(event));
  for (let round = 1; round <= 5; round++) {
    const lost = relay.loseAnswer();
    const record = makeRecord({ differences: [{ at: "/total", kind: "value", primary: "1", shadow: "2" }] });
    store.append([eligible, match, repairOf("users/1"), recordWrite(record)]);
    await lost;
    await healthOnce(store, isWell);
    assert.deepEqual(await countsOf(store), [round, round, 0]);
    assert.equal((await store.repairs({ limit: 10 })).items[0]?.times, round);
    assert.equal((await store.groups({ limit: 10 })).items[0]?.count, round);
  }
  assert.equal(store.health().lostWrites, 0);
  // The first one's event was in the answer that was lost: told at most once.
  assert.ok(told.length <= 1);
});

test("while Redis is gone nothing blocks; when it is back all is there that was appended meanwhile", async (t) => {
  const redis = await redisServer(t, { args: DURABLE });
  const store = await openStoreAt(t, redis.url);
  store.append([eligible, match]);
  await store.flush();
  await redis.kill();
  for (let i = 0; i < 100; i++) store.append([eligible, match, recordWrite(makeRecord())]);
  const { problem } = await healthOnce(store, ({ problem: words }) => words !== null);
  assert.match(problem ?? "", /^store redis:\/\/127\.0\.0\.1:\d+\/0\?prefix=crossfade: /);
  await healthOnce(store, ({ problem: words }) => words?.includes("nothing listens there: start it") ?? false);
  await assert.rejects(store.outcomeCounts(), unavailable);
  await redis.start();
  const well = await healthOnce(store, isWell);
  assert.equal(well.lostWrites, 0);
  assert.deepEqual(await countsOf(store), [101, 101, 0]);
  assert.equal((await store.divergences({ limit: 1000 })).items.length, 100);
  assert.deepEqual((await store.gaps({ limit: 10 })).items, []);
});

test("a Redis that hangs is said within its time, questions end, and it is found again when it goes on", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url);
  redis.signal("SIGSTOP");
  store.append([eligible, match]);
  const asked = assert.rejects(store.outcomeCounts(), unavailable);
  await healthOnce(store, ({ problem }) => problem?.includes("it does not answer") ?? false);
  await asked;
  await store.flush();
  redis.signal("SIGCONT");
  await healthOnce(store, isWell);
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
});

test("scripts that Redis was told to forget are sent again", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url);
  for (let i = 1; i <= 3; i++) {
    await redis.admin.script("FLUSH");
    store.append([eligible, match]);
    await store.flush();
    assert.deepEqual(await countsOf(store), [i, i, 0]);
  }
  assert.equal(store.health().problem, null);
});

test("a full Redis loses evidence beyond the backlog, counts it and says so; counts and repairs come when there is room", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url, { backlog: { maxRecords: 20 } });
  await redis.admin.config("SET", "maxmemory", "1");
  for (let i = 0; i < 50; i++) store.append([eligible, match, repairOf(`users/${i}`), recordWrite(makeRecord())]);
  const full = await healthOnce(store, ({ problem, lostWrites }) => problem !== null && lostWrites > 0);
  assert.match(full.problem ?? "", /it is full: raise its maxmemory/);
  await redis.admin.config("SET", "maxmemory", "0");
  const well = await healthOnce(store, isWell);
  assert.deepEqual(await countsOf(store), [50, 50, 0]);
  assert.equal((await store.repairs({ limit: 100 })).items.length, 50);
  assert.equal((await store.divergences({ limit: 100 })).items.length, 50 - well.lostWrites);
});

test("a server that became a replica takes nothing: it is said, and all is kept until there is a master again", async (t) => {
  const [redis, other] = [await redisServer(t), await redisServer(t)];
  const store = await openStoreAt(t, redis.url);
  await redis.admin.replicaof("127.0.0.1", other.port);
  store.append([eligible, match]);
  await healthOnce(store, ({ problem }) => /is a replica/.test(problem ?? ""));
  await redis.admin.replicaof("NO", "ONE");
  await until(() => isWell(store.health()) || /lost/.test(store.health().problem ?? ""));
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
});

test("a Redis that is reading its data is waited for", async (t) => {
  const redis = await redisServer(t, { args: DURABLE });
  // It looks at its connections after each 1,024 commands that it has read.
  const patient = { patienceMs: 60_000, silentMs: 10_000 };
  const store = await openStoreAt(t, redis.url, patient);
  for (let i = 0; i < 20; i++) store.append(Array.from({ length: 100 }, () => recordWrite(makeRecord())));
  store.append([eligible, match]);
  await store.flush();
  await redis.kill();
  // Until it has been seen at it.
  const slow = ["--key-load-delay", "1000"];
  await redis.start({ wait: false, args: [...DURABLE, ...slow] });
  await healthOnce(store, ({ problem }) => problem?.includes("reading its data") ?? false);
  const second = openStoreAt(t, redis.url, patient);
  await hurryUp(redis.port);
  await healthOnce(store, isWell);
  assert.equal((await second).generation, store.generation + 1);
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
  // Hooks end Redis first, and what is under way then would be waited for as long as their patience says.
  await Promise.all([store.close(), (await second).close()]);
});

test("a Redis that is told to evict while it is in use is said to be none to trust, until it is put right", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url);
  await redis.admin.config("SET", "maxmemory-policy", "allkeys-lru");
  await healthOnce(store, ({ problem }) => problem?.includes("maxmemory-policy allkeys-lru") ?? false);
  store.append([eligible, match]);
  await store.flush();
  assert.deepEqual(await countsOf(store), [1, 1, 0]);
  await redis.admin.config("SET", "maxmemory-policy", "noeviction");
  await healthOnce(store, isWell);
});

test("a Redis that comes back empty: what it had confirmed is lost, that is said, and a gap stands for it", async (t) => {
  const redis = await redisServer(t);
  const store = await openStoreAt(t, redis.url);
  store.append([eligible, eligible, match, repairOf("users/1")]);
  await store.flush();
  const key = store.secretKey;
  await redis.kill();
  await redis.start();
  store.append([match]);
  const { problem } = await healthOnce(
    store,
    ({ problem: words, pendingWrites }) => pendingWrites === 0 && /Redis lost what it had confirmed/.test(words ?? ""),
  );
  assert.match(problem ?? "", /a gap is recorded/);
  // Its own counts are told again, so that they still sum, and so is what it remembers of the repair list.
  assert.deepEqual(await countsOf(store), [2, 2, 0]);
  assert.deepEqual(
    (await store.repairs({ limit: 10 })).items.map(({ key }) => key),
    ["users/1"],
  );
  const [gap, ...more] = (await store.gaps({ limit: 10 })).items;
  assert.deepEqual(more, []);
  assert.equal(gap?.route, "users");
  assert.match(gap?.why ?? "", /^store lost: Redis lost writes that it had confirmed/);
  assert.ok(gap?.to !== null);
  const next = await openStoreAt(t, redis.url);
  assert.ok(next.generation > store.generation);
  assert.deepEqual(next.secretKey, key);
});
