/** Opens the store that several processes share: in one Redis, behind sentinels, or in a cluster. */
import { randomUUID } from "node:crypto";
import { makeUlid, ulidTime } from "../../../proxy/identity.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { asFailure } from "./failures.ts";
import { baseOf, partitionOf } from "./keys.ts";
import { accountForRun, readRun } from "./lasting-run.ts";
import { RedisFailed, RedisLink } from "./link.ts";
import { refuseTwin } from "./members.ts";
import { checkPermissions, replicationChanged, visitMeta } from "./opening.ts";
import { SCRIPTS } from "./scripts.ts";
import { PATIENCE_MS, SharedStore, type RedisStore, type RedisStoreOptions } from "./shared-store.ts";
import { routesOf } from "./write-homes.ts";

const RETRY_MS = 100;

/**
 * @throws CrossfadeError `store-unavailable`: it cannot be reached in time, wants another password, is too old, may evict,
 * or its user may not do what is needed; the message says which.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStore> {
  const link = new RedisLink(options.redis, options.silentMs);
  const run = options.member?.run ?? makeUlid(options.clock.now());
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
  const { redis, clock, member = null } = options;
  await checkPermissions(link, redis);
  if (member !== null) await refuseTwin(link, redis.prefix, run, member.place);
  const { replication, warnings } = link.seen;
  const meta = await visitMeta(link, redis, { opening: true, now: clock.now(), replication, known: null });
  const { generation, partitions } = meta;
  const lasting = member !== null;
  const life = lifeOf(generation);
  const order = { what: "begin", run, lasting, life, generation, now: clock.now() };
  const replies = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => {
      const routes = routesOf(partition, partitions, options.routes);
      return link.run(SCRIPTS.run, baseOf(redis.prefix, partition), { ...order, partition, routes });
    }),
  );
  const [atUs] = (await link.run(SCRIPTS.turns, baseOf(redis.prefix, 0), { run, ops: [["time", ""]] })) as [string];
  const begun = { run, atUs: Number(atUs) };
  if (member === null) return new SharedStore(options, link, meta, { ...begun, lasting: null }, warnings);
  const before = replies.map((reply) => readRun(reply as readonly string[]));
  const journal = await member.journal(Math.min(...before.map(({ mark }) => mark)));
  const account = accountForRun({
    hasRun: member.hasRun,
    before,
    partitionOf: (route) => partitionOf(route, partitions),
    journal,
    routes: options.routes ?? [],
    mayHaveLost: replicationChanged(meta.replicationBefore, replication),
    bornAt: ulidTime(run) ?? clock.now(),
    now: clock.now(),
  });
  const store = new SharedStore(options, link, meta, { ...begun, lasting: { life, before } }, warnings);
  store.accountFor(account);
  // From then on a crash finds this life's generation.
  await store.flush();
  return store;
}

/** Sorts after all that began before it: whoever finds a later one in its place has been followed by another process. */
function lifeOf(generation: number): string {
  return `${String(generation).padStart(16, "0")}:${randomUUID()}`;
}
