/** What Redis has on its disk: the bytes of what was erased are in its files until they are written anew. */
import type { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";
import { mastersOf } from "./connection.ts";
import type { RedisLink } from "./link.ts";
import { askConfig } from "./server.ts";

const LOOK_EVERY_MS = 100;

/**
 * Asks every master to write its files anew, and waits for that. Where the user may not ask (hosted ones forbid it) the
 * next rewrite of their own does it; replicas and backups are beyond reach (docs/stores.md).
 */
export async function rewriteFiles(link: RedisLink, patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  await Promise.all(mastersOf(link.client).map((master) => rewrite(link, master, until)));
}

async function rewrite(link: RedisLink, master: Redis, until: number): Promise<void> {
  const before = await persistence(link, master);
  const appends = before.get("aof_enabled") === "1";
  // Where it keeps no snapshots none is made: that would put on the disk what has never been there.
  const saves = ((await askConfig(master.config("GET", "save"))) ?? "") !== "";
  try {
    // Neither begins while the other is at work; a save can be put off until the rewrite is done.
    if (appends) await link.within(() => master.bgrewriteaof());
    if (saves) await link.within(() => master.bgsave("SCHEDULE"));
  } catch {
    return;
  }
  while (performance.now() < until) {
    const now = await persistence(link, master);
    const busy = ["aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"];
    if (busy.every((name) => (now.get(name) ?? "0") === "0")) return;
    await sleep(LOOK_EVERY_MS);
  }
}

async function persistence(link: RedisLink, master: Redis): Promise<ReadonlyMap<string, string>> {
  const text = await link.within(() => master.info("persistence"));
  return new Map(text.split("\r\n").map((line) => [line.split(":")[0] ?? "", line.split(":")[1] ?? ""]));
}
