import { DEFAULT_SERVICE } from "../../proxy/config/defaults.ts";
import { parseRedisUrl } from "../../proxy/config/redis-address.ts";
import type { RedisSettings } from "../../proxy/config/settings.ts";

/** The settings that a Redis URL stands for. */
export function redisSettings(url: string, more: Partial<RedisSettings> = {}): RedisSettings {
  const parsed = parseRedisUrl(url);
  if (!parsed.ok) throw new Error(parsed.error);
  const { secure, tls: _, ...address } = parsed.value;
  const login = { username: null, password: null };
  return { ...address, sentinelLogin: login, tls: secure ? DEFAULT_SERVICE.tls : null, ...more };
}
