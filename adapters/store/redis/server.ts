/** What a Redis server must be for a store to trust it: looked at each time it is reached. */
import type { RedisSettings } from "../../../proxy/config/settings.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { mastersOf, type Client } from "./connection.ts";

/** ZRANGE and ZADD as the scripts use them, ACL categories, and effects of scripts in the replica's stream. */
const OLDEST = [6, 2] as const;

export interface Seen {
  /** Of every master, sorted: it changes with each failover and each restart. */
  readonly replication: readonly string[];
  /** Sentences that an operator should see. */
  readonly warnings: readonly string[];
}

/** @throws CrossfadeError where it must not be used; what Redis itself refuses as it comes. */
export async function lookAtServers(client: Client, settings: RedisSettings, place: string): Promise<Seen> {
  const replication: string[] = [];
  const warnings = new Set<string>();
  let silent: unknown = null;
  for (const master of mastersOf(client)) {
    let info: ReadonlyMap<string, string>;
    try {
      info = readInfo(await master.info());
    } catch (thrown) {
      // A node of a cluster that is gone is for the cluster to replace: the other slots go on.
      if (settings.topology !== "cluster") throw thrown;
      silent = thrown;
      continue;
    }
    const name = settings.topology === "cluster" ? `${place} (${info.get("tcp_port") ?? "one node"})` : place;
    checkVersion(info, name);
    if (settings.topology === "single" && info.get("role") === "slave") {
      const where = `${info.get("master_host") ?? "?"}:${info.get("master_port") ?? "?"}`;
      throw refused(
        `${name} is a replica of ${where} and takes no writes; name that one, or use redis+sentinel://`,
        true,
      );
    }
    const policy = info.get("maxmemory_policy") ?? (await askConfig(master.config("GET", "maxmemory-policy")));
    checkPolicy(policy, name, warnings);
    if (info.get("aof_enabled") === "0" && (await askConfig(master.config("GET", "save"))) === "") {
      warnings.add(
        `store ${name} saves nothing to disk: all it holds ends with it. Turn appendonly yes on, or keep a replica`,
      );
    }
    const id = info.get("master_replid");
    if (id !== undefined) replication.push(id);
  }
  if (replication.length === 0 && silent instanceof Error) throw silent;
  if (replication.length === 0) throw refused(`${place} has no master that can be asked; look at CLUSTER INFO`, true);
  return { replication: replication.sort(), warnings: [...warnings] };
}

function checkVersion(info: ReadonlyMap<string, string>, name: string): void {
  const version = info.get("redis_version") ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw refused(`${name} is Redis ${version}; ${OLDEST.join(".")} or newer is needed: upgrade it, or use sqlite:FILE`);
}

function checkPolicy(policy: string | null, name: string, warnings: Set<string>): void {
  if (policy === "noeviction") return;
  if (policy === null) {
    warnings.add(`store ${name} does not tell its maxmemory-policy; make sure that it is noeviction`);
    return;
  }
  throw refused(
    `${name} has maxmemory-policy ${policy}, which lets it forget repairs and gaps; ` +
      "set noeviction: CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
  );
}

/** null: asking is forbidden, as on many hosted ones. */
export async function askConfig(asked: Promise<unknown>): Promise<string | null> {
  try {
    const [, value] = (await asked) as [string, string];
    return value ?? null;
  } catch {
    return null;
  }
}

export function refused(words: string, retryable = false): CrossfadeError {
  return new CrossfadeError("store-unavailable", `store ${words}`, { source: "store", retryable });
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const info = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) info.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return info;
}
