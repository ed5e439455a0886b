/** Opens the store that several processes share: in one Redis, behind sentinels, or in a cluster. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { asFailure } from "./failures.ts";
import { baseOf } from "./keys.ts";
import { RedisFailed, RedisLink } from "./link.ts";
import { checkPermissions, visitMeta } from "./opening.ts";
import { SCRIPTS } from "./scripts.ts";
import { PATIENCE_MS, routesOf, SharedStore, type RedisStore, type RedisStoreOptions } from "./shared-store.ts";

const RETRY_MS = 100;

/**
 * @throws CrossfadeError `store-unavailable`: it cannot be reached in time, wants another password, is too old, may evict,
 * or its user may not do what is needed; the message says which.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const link = new RedisLink(options.redis, options.silentMs);
  const run = randomUUID();
  const until = performance.now() + (options.patienceMs ?? PATIENCE_MS);
  for (;;) {
    try {
      await link.reached(Math.max(1, until - performance.now()));
      return await beginAt(link, options, run);
    } catch (thrown) {
      const failure = thrown instanceof RedisFailed ? thrown.failure : asFailure(thrown, link.place);
      if (!failure.error.retryable || failure.hopeless || performance.now() > until) {
        link.close();
        throw failure.error;
      }
      await sleep(RETRY_MS);
    }
  }
}

async function beginAt(link: RedisLink, options: RedisStoreOptions, run: string): Promise<RedisStore> {
  const { redis, clock } = options;
  await checkPermissions(link, redis);
  const { replication, warnings } = link.seen;
  const meta = await visitMeta(link, redis, { opening: true, now: clock.now(), replication, known: null });
  const order = { what: "begin", run, now: clock.now() };
  await Promise.all(
    Array.from({ length: meta.partitions }, (_, partition) => {
      const routes = routesOf(partition, meta.partitions, options.routes);
      return link.run(SCRIPTS.run, baseOf(redis.prefix, partition), { ...order, partition, routes });
    }),
  );
  return new SharedStore(options, link, meta, run, warnings);
}
