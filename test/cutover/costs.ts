/** What writes of a run cost: CPU time of the proxies and of Redis, and how often Redis was asked. */
import type { ChildProcess } from "node:child_process";
import { cpus } from "node:os";
import { Redis } from "ioredis";
import { treeCpuMicros } from "../bench/process-tree.ts";

/** Of each write, everything else that was done meanwhile included. */
export interface Costs {
  readonly proxyMicros: number;
  /** null: no Redis. */
  readonly redis: { readonly micros: number; readonly scripts: number } | null;
  /** Of the machine's CPU, what was in use meanwhile, by whatever runs on it: 0 to 1. */
  readonly machineShare: number;
}

interface Spent {
  readonly proxies: number;
  readonly redis: number;
  readonly scripts: number;
}

export interface Spenders {
  readonly proxies: readonly ChildProcess[];
  readonly redis: { readonly child: ChildProcess; readonly url: string } | null;
}

/** Counts from now on. */
export async function countCosts(spenders: Spenders): Promise<(writes: number) => Promise<Costs>> {
  const before = await spent(spenders);
  const machineBefore = machine();
  return async (writes) => {
    const now = await spent(spenders);
    const [busy, all] = machine().map((ms, n) => ms - (machineBefore[n] as number)) as [number, number];
    const each = (of: keyof Spent): number => (now[of] - before[of]) / writes;
    const redis = spenders.redis === null ? null : { micros: each("redis"), scripts: each("scripts") };
    return { proxyMicros: each("proxies"), redis, machineShare: busy / all };
  };
}

/** ms since its start, of all of its processors. */
function machine(): readonly [busy: number, all: number] {
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => [user + nice + sys + irq, idle] as const);
  const busy = times.reduce((sum, [one]) => sum + one, 0);
  return [busy, times.reduce((sum, [, idle]) => sum + idle, busy)];
}

async function spent({ proxies, redis }: Spenders): Promise<Spent> {
  return {
    proxies: proxies.reduce((sum, { pid }) => sum + treeCpuMicros(pid), 0),
    redis: redis === null ? 0 : treeCpuMicros(redis.child.pid),
    scripts: redis === null ? 0 : await scriptsRun(redis.url),
  };
}

async function scriptsRun(url: string): Promise<number> {
  const client = new Redis(url);
  try {
    const stats = await client.info("commandstats");
    return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  } finally {
    client.disconnect();
  }
}
