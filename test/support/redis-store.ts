/** Stores in Redis, opened as a test needs them. */
import { until } from "./until.ts";
import type { TestContext } from "node:test";
import type { RedisStore, RedisStoreOptions } from "../../adapters/store/redis/shared-store.ts";
import { openRedisStore } from "../../adapters/store/redis/store.ts";
import { DEFAULT_SERVICE } from "../../proxy/config/defaults.ts";
import { parseRedisUrl } from "../../proxy/config/redis-address.ts";
import type { RedisSettings } from "../../proxy/config/settings.ts";
import type { StoreHealth, StoreWrite } from "../../proxy/ports.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";

/** The settings that a Redis URL stands for. */
export function redisSettings(url: string, more: Partial<RedisSettings> = {}): RedisSettings {
  const parsed = parseRedisUrl(url);
  if (!parsed.ok) throw new Error(parsed.error);
  const { secure, tls: _, ...address } = parsed.value;
  const login = { username: null, password: null };
  return { ...address, sentinelLogin: login, tls: secure ? DEFAULT_SERVICE.tls : null, ...more };
}

/** Looks often and is not patient, so that tests need not be; closed after the test. */
export async function openStoreAt(
  t: TestContext,
  url: string,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  const quick = { clock: systemClock, routes: ["users"], heartbeatMs: 100, silentMs: 500, patienceMs: 3_000 };
  const store = await openRedisStore({ ...quick, redis: redisSettings(url), ...options });
  t.after(() => store.close());
  return store;
}

export function writeOf(route: string): readonly [eligible: StoreWrite, match: StoreWrite] {
  return [
    { type: "eligible", route },
    { type: "count", route, outcome: "match", reason: null },
  ];
}

export const [eligible, match] = writeOf("users");

export function repairOf(key: string, route = "users"): StoreWrite {
  const at = new Date().toISOString();
  return { type: "repair", route, key, reason: "shadow-error", exchangeId: key, at, notBefore: null, place: null };
}

export async function healthOnce(
  store: Pick<RedisStore, "health">,
  wanted: (health: StoreHealth) => boolean,
): Promise<StoreHealth> {
  await until(() => wanted(store.health()));
  return store.health();
}

export const isWell = ({ problem, pendingWrites }: StoreHealth): boolean => problem === null && pendingWrites === 0;

/** Counts of writes: [eligible, match, unknown]. */
export async function countsOf(store: RedisStore): Promise<readonly [number, number, number]> {
  const outcomes = await store.outcomeCounts();
  const sum = (outcome: string): number =>
    outcomes.filter((row) => row.outcome === outcome).reduce((total, { count }) => total + count, 0);
  const all = (await store.eligibleCounts()).reduce((total, { count }) => total + count, 0);
  return [all, sum("match"), sum("unknown")];
}
