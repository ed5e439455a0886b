import { after, type TestContext } from "node:test";
import { openRedisStore } from "../../adapters/store/redis/store.ts";
import type { Store } from "../../proxy/ports.ts";
import { redisCluster, redisServer } from "../support/redis.ts";
import { redisSettings } from "../support/redis-store.ts";
import { pairsContract } from "./pairs.ts";
import { storeContract, type OpenStore, type StoreSetup } from "./store.ts";
import { valuesContract } from "./values.ts";

function contracts(name: string, open: OpenStore): void {
  storeContract(name, open);
  pairsContract(name, open);
  valuesContract(name, open);
}

/** One for all proofs; each has a prefix of its own. */
function shared<T>(start: (t: TestContext) => Promise<T>): () => Promise<T> {
  const ends: (() => unknown)[] = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  let server: Promise<T> | null = null;
  const lasting = { after: (end: () => unknown) => ends.push(end) } as unknown as TestContext;
  return () => (server ??= start(lasting));
}

let opened = 0;
async function openAt(url: string, setup: StoreSetup, prefix = "contract"): Promise<Store> {
  opened += 1;
  const redis = redisSettings(url, { prefix: `${prefix}:${opened}` });
  return await openRedisStore({ ...setup, redis, heartbeatMs: 200 });
}

const standalone = shared((t) => redisServer(t));
contracts("redis", async (_t, setup) => await openAt((await standalone()).url, setup));

const cluster = shared((t) => redisCluster(t));
contracts("redis cluster of three nodes", async (_t, setup) => await openAt((await cluster()).url, setup));

const given = process.env["CROSSFADE_TEST_REDIS_URL"];
if (given !== undefined) {
  const run = Date.now().toString(36);
  contracts("redis of CROSSFADE_TEST_REDIS_URL", async (_t, setup) => await openAt(given, setup, `test:${run}`));
}
