import assert from "node:assert/strict";
import { test } from "node:test";
import { type Isolated, type IsolatedStatus, startIsolated } from "../support/isolated.ts";
import { redisServer, type RedisServer } from "../support/redis.ts";

type StoreHealth = IsolatedStatus["store"];

async function storeOnce(it: Isolated, wanted: (store: StoreHealth) => boolean): Promise<StoreHealth> {
  for (;;) {
    const { store } = await it.status();
    if (wanted(store)) return store;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Fault {
  readonly name: string;
  readonly begin: (redis: RedisServer) => Promise<unknown> | void;
  readonly end: (redis: RedisServer) => Promise<unknown> | void;
}

const FAULTS: readonly Fault[] = [
  { name: "killed", begin: (redis) => redis.kill(), end: (redis) => redis.start() },
  { name: "hanging", begin: (redis) => redis.signal("SIGSTOP"), end: (redis) => redis.signal("SIGCONT") },
  {
    name: "full",
    begin: (redis) => redis.admin.config("SET", "maxmemory", "1"),
    end: (redis) => redis.admin.config("SET", "maxmemory", "0"),
  },
];

for (const { name, begin, end } of FAULTS) {
  test(`with Redis ${name}, no answer waits for it; copies are sent, compared and counted, what is wrong is said, and nothing is lost when it is well again`, async (t) => {
    const redis = await redisServer(t, { args: ["--appendonly", "yes", "--appendfsync", "always"] });
    const it = await startIsolated(t, { store: `"${redis.url}"`, shadowAnswer: { ok: false } });
    await begin(redis);
    for (let round = 0; round < 3; round++) {
      for (let key = 0; key < 8; key++) await it.write(key);
      await it.read();
    }
    // Still sick: it is the test that makes it well, below.
    assert.equal((await it.settled(24)).outcomes["divergent"], 24);
    await storeOnce(it, ({ pendingWrites, problem }) => pendingWrites > 0 && problem !== null);

    await end(redis);
    const well = await storeOnce(it, ({ pendingWrites, problem }) => pendingWrites === 0 && problem === null);
    assert.equal(well.lostWrites, 0);
    const records = Number(await redis.admin.hlen("crossfade:{0}:records"));
    const eligible = Number(await redis.admin.hget("crossfade:{0}:eligible", "default"));
    assert.deepEqual([records, eligible], [24, 24]);
  });
}

test("two proxies on one Redis: either's divergences are listed by both, and a secret has one stand-in", async (t) => {
  const redis = await redisServer(t);
  const store = `"${redis.url}"`;
  const [one, other] = [
    await startIsolated(t, { store, shadowAnswer: { token: "secret-1" } }),
    await startIsolated(t, { store, shadowAnswer: { token: "secret-1" } }),
  ];
  await one.write(1);
  await other.write(2);
  // Each shows what both did.
  await Promise.all([one.settled(2), other.settled(2)]);
  await storeOnce(one, ({ pendingWrites }) => pendingWrites === 0);
  await storeOnce(other, ({ pendingWrites }) => pendingWrites === 0);
  const [fromOne, fromOther] = [await one.divergences(), await other.divergences()];
  assert.deepEqual(fromOne, fromOther);
  assert.deepEqual(fromOne.map(({ key }) => key).sort(), ["users/1", "users/2"]);
  const tokens = fromOne.flatMap(({ differences }) => differences.filter(({ at }) => at === "/token"));
  const standIns = new Set(tokens.map(({ shadow }) => shadow));
  assert.doesNotMatch(JSON.stringify(fromOne), /secret-1/);
  assert.deepEqual([tokens.length, standIns.size], [2, 1]);
});
