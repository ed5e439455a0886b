import assert from "node:assert/strict";
import { test } from "node:test";
import { baseOf } from "../../adapters/store/redis/keys.ts";
import { freePort } from "../support/free-port.ts";
import { type Isolated, type IsolatedStatus, startIsolated } from "../support/isolated.ts";
import { hurryUp, moveSlot, redisCluster, redisServer, type RedisServer, timesSaid } from "../support/redis.ts";
import { until } from "../support/until.ts";

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

/** A busy machine must not be taken for a sick shadow. */
const PATIENT = "{ timeout: 60s }";

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];

const FAULTS: readonly Fault[] = [
  { name: "killed", begin: (redis) => redis.kill(), end: (redis) => redis.start() },
  { name: "hanging", begin: (redis) => redis.signal("SIGSTOP"), end: (redis) => redis.signal("SIGCONT") },
  {
    name: "full (OOM)",
    begin: (redis) => redis.admin.config("SET", "maxmemory", "1"),
    end: async (redis) => {
      assert.ok((await timesSaid(redis, "OOM")) > 0);
      await redis.admin.config("SET", "maxmemory", "0");
    },
  },
  {
    name: "made a replica (READONLY)",
    begin: async (redis) => redis.admin.replicaof("127.0.0.1", await freePort()),
    end: async (redis) => {
      assert.ok((await timesSaid(redis, "READONLY")) > 0);
      await redis.admin.replicaof("NO", "ONE");
    },
  },
  {
    name: "reading its data (LOADING)",
    begin: async (redis) => {
      // It looks at its connections after each 1,024 commands that it has read: three times a second, for half a minute.
      const pipeline = redis.admin.pipeline();
      for (let n = 0; n < 65_536; n++) pipeline.set(`others:${n}`, n);
      await pipeline.exec();
      await redis.kill();
      await redis.start({ wait: false, args: [...DURABLE, "--key-load-delay", "300"] });
    },
    end: async (redis) => {
      // A command of the proxy has to be there when it looks.
      await until(async () => (await timesSaid(redis, "LOADING")) > 0);
      await hurryUp(redis.port);
      for (;;) {
        if ((await redis.admin.ping().catch(() => "")) === "PONG") break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  },
];

for (const { name, begin, end } of FAULTS) {
  test(`with Redis ${name}, no answer waits for it; copies are sent, compared and counted, what is wrong is said, and nothing is lost when it is well again`, async (t) => {
    const redis = await redisServer(t, { args: DURABLE });
    const it = await startIsolated(t, { store: `"${redis.url}"`, shadowAnswer: { ok: false }, asShadow: PATIENT });
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

test("with Redis told to forget its scripts again and again under load (NOSCRIPT), no answer is another one, and everything is counted once, without a word", async (t) => {
  const redis = await redisServer(t);
  const it = await startIsolated(t, { store: `"${redis.url}"`, shadowAnswer: { ok: false }, asShadow: PATIENT });
  let forgetting = true;
  const flushes = (async () => {
    while (forgetting) await redis.admin.script("FLUSH");
  })();
  const writes = 200;
  await Promise.all(
    Array.from({ length: 8 }, async (_, client) => {
      for (let n = client; n < writes; n += 8) await it.write(n);
    }),
  );
  assert.equal((await it.settled(writes)).outcomes["divergent"], writes);
  forgetting = false;
  await flushes;
  const well = await storeOnce(it, ({ pendingWrites }) => pendingWrites === 0);
  assert.deepEqual([well.problem, well.lostWrites], [null, 0]);
  assert.ok((await timesSaid(redis, "NOSCRIPT")) > 1);
  const records = Number(await redis.admin.hlen("crossfade:{0}:records"));
  const eligible = Number(await redis.admin.hget("crossfade:{0}:eligible", "default"));
  assert.deepEqual([records, eligible], [writes, writes]);
});

test("with slots of a three-node cluster moved while writes come (MOVED), no answer is another one; what was counted goes along", async (t) => {
  const cluster = await redisCluster(t, 3);
  const it = await startIsolated(t, { store: `"${cluster.url}"`, shadowAnswer: { ok: false }, asShadow: PATIENT });
  let [moving, sent] = [true, 0];
  const traffic = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (moving) await it.write(sent++);
    }),
  );
  const [admin] = cluster.nodes.map((node) => node.admin);
  assert.ok(admin);
  const slots = await Promise.all(
    Array.from({ length: 16 }, async (_, partition) =>
      Number(await admin.cluster("KEYSLOT", baseOf("crossfade", partition))),
    ),
  );
  for (const slot of slots) {
    const before = sent;
    await moveSlot(cluster, slot);
    await until(() => sent > before);
  }
  moving = false;
  await traffic;
  const route = await it.settled(sent);
  assert.equal(route.outcomes["divergent"], sent);
  const well = await storeOnce(it, ({ pendingWrites, problem }) => pendingWrites === 0 && problem === null);
  assert.equal(well.lostWrites, 0);
  const said = await Promise.all(cluster.nodes.map((node) => timesSaid(node, "MOVED")));
  assert.ok(
    said.some((times) => times > 0),
    said.join(),
  );
});

test("two proxies on one Redis: either's divergences are listed by both, and a secret has one stand-in", async (t) => {
  const redis = await redisServer(t);
  const store = `"${redis.url}"`;
  const [one, other] = [
    await startIsolated(t, { store, shadowAnswer: { token: "secret-1" }, asShadow: PATIENT }),
    await startIsolated(t, { store, shadowAnswer: { token: "secret-1" }, asShadow: PATIENT }),
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
