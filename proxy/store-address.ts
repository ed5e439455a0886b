/** How a store is named in messages: as it would be written, without what is secret. */
import { spellEndpoint } from "./endpoint.ts";
import type { RedisSettings, Settings } from "./config/settings.ts";

export function spellStore(store: Settings["store"]): string {
  switch (store.kind) {
    case "memory":
      return "memory:";
    case "sqlite":
      return `sqlite:${store.file}`;
    case "redis":
      return spellRedis(store);
    default: {
      const never: never = store;
      throw new TypeError(`no such store: ${JSON.stringify(never)}`);
    }
  }
}

export function spellRedis({ topology, nodes, master, db, prefix, tls }: RedisSettings): string {
  const scheme = `${tls === null ? "redis" : "rediss"}${topology === "single" ? "" : `+${topology}`}`;
  const place = topology === "sentinel" ? `/${master}/${db}` : topology === "cluster" ? "" : `/${db}`;
  return `${scheme}://${nodes.map(spellEndpoint).join(",")}${place}?prefix=${prefix}`;
}
