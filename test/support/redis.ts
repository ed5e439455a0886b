/** Real Redis servers of a test's own: found or installed (deploy/servers.mjs), on free ports, gone after the test. */
import { Redis } from "ioredis";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ConnectionOptions } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { findRedisServer } from "../../deploy/servers.mjs";
import { freePort } from "./free-port.ts";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Straight to the server, past the store. */
  readonly admin: Redis;
  signal(signal: NodeJS.Signals): void;
  /** At once, as `kill -9` does; what is not on its disk is lost. */
  kill(): Promise<void>;
  /** All that is in its folder. */
  bytesOnDisk(): Buffer;
  /** On the same port and folder. Resolves when it answers, or with `wait: false` when it has been started. */
  start(options?: { readonly wait?: boolean; readonly args?: readonly string[] }): Promise<void>;
}

export interface RedisServerOptions {
  /** As on the command line of redis-server: `--maxmemory`, `8mb`. */
  readonly args?: readonly string[];
  /** For the admin client, where the server wants more than a port. */
  readonly client?: {
    readonly username?: string;
    readonly password?: string;
    readonly tls?: ConnectionOptions;
    readonly port?: number;
  };
}

export async function redisServer(t: TestContext, options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-redis-"));
  const port = await freePort();
  const command = findRedisServer();
  let child: ChildProcess | null = null;
  const base = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--loglevel", "warning"];

  const admin = new Redis({
    port,
    host: "127.0.0.1",
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
    ...options.client,
  });
  admin.on("error", () => undefined);

  const start: RedisServer["start"] = async ({ wait = true, args = options.args ?? [] } = {}) => {
    child = spawn(command, [...base, ...args], { stdio: "ignore" });
    if (!wait) return;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
      const answer = await admin.ping().catch((error: unknown) => String(error));
      if (!/LOADING|closed/.test(answer)) return;
      await sleep(20);
    }
  };
  const kill = async (): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  t.after(async () => {
    admin.disconnect();
    await kill();
    rmSync(folder, { recursive: true, force: true });
  });
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    admin,
    signal: (signal) => void child?.kill(signal),
    bytesOnDisk: () =>
      Buffer.concat(
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ parentPath, name }) => readFileSync(join(parentPath, name))),
      ),
    kill,
    start,
  };
}

export interface RedisCluster {
  readonly url: string;
  readonly nodes: readonly RedisServer[];
}

const SLOTS = 16_384;

/** Masters that share the slots. Each node but the first is introduced to it; then they agree on who has what. */
export async function redisCluster(t: TestContext, size = 3, replicas = 0): Promise<RedisCluster> {
  const args = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"];
  const nodes: RedisServer[] = [];
  for (let i = 0; i < size + replicas; i++) nodes.push(await redisServer(t, { args }));
  const masters = nodes.slice(0, size);
  for (const [i, { admin }] of masters.entries()) {
    const [from, to] = [Math.floor((i * SLOTS) / size), Math.floor(((i + 1) * SLOTS) / size) - 1];
    await admin.cluster("ADDSLOTSRANGE" as "ADDSLOTS", from, to);
    await admin.cluster("SET-CONFIG-EPOCH", i + 1);
  }
  for (const { port } of nodes.slice(1)) await nodes[0]?.admin.cluster("MEET", "127.0.0.1", port);
  const agreed = async (): Promise<boolean> => {
    for (const { admin } of nodes) {
      const info = String(await admin.cluster("INFO"));
      if (!info.includes("cluster_state:ok") || !info.includes(`cluster_known_nodes:${nodes.length}`)) return false;
    }
    return true;
  };
  while (!(await agreed())) await sleep(50);
  for (const [i, { admin }] of nodes.slice(size).entries()) {
    await admin.cluster("REPLICATE", String(await masters[i % size]?.admin.cluster("MYID")));
    while (!String(await admin.info("replication")).includes("master_link_status:up")) await sleep(50);
  }
  return { url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(",")}`, nodes };
}

/** As an operator does it: key by key, and then every node is told. Resolves to the node that has the slot now. */
export async function moveSlot({ nodes }: RedisCluster, slot: number): Promise<RedisServer> {
  const ids = await Promise.all(nodes.map((node) => node.admin.cluster("MYID") as Promise<string>));
  const from = Math.floor((slot * nodes.length) / SLOTS);
  const to = (from + 1) % nodes.length;
  const [source, target] = [nodes[from] as RedisServer, nodes[to] as RedisServer];
  await target.admin.cluster("SETSLOT", slot, "IMPORTING", String(ids[from]));
  await source.admin.cluster("SETSLOT", slot, "MIGRATING", String(ids[to]));
  for (;;) {
    const keys = (await source.admin.cluster("GETKEYSINSLOT", slot, 10)) as string[];
    if (keys.length === 0) break;
    await source.admin.migrate("127.0.0.1", target.port, "", 0, 5_000, "KEYS", ...keys);
  }
  for (const node of [target, source, ...nodes]) await node.admin.cluster("SETSLOT", slot, "NODE", String(ids[to]));
  return target;
}

/**
 * Ends the delay of one that was started with `--key-load-delay`. It takes no other command while it reads its data; a client of ours
 * would wait until it has.
 */
export async function hurryUp(port: number): Promise<void> {
  const socket = createConnection(port, "127.0.0.1");
  socket.write("CONFIG SET key-load-delay 0\r\n");
  const [reply] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  if (reply.toString() !== "+OK\r\n") throw new Error(`Redis said ${reply.toString()}`);
}

/** How often it has answered with this error: `NOSCRIPT`, `MOVED`. */
export async function timesSaid({ admin }: Pick<RedisServer, "admin">, code: string): Promise<number> {
  const stats = await admin.info("errorstats");
  return Number(new RegExp(`^errorstat_${code}:count=(\\d+)`, "m").exec(stats)?.[1] ?? 0);
}

/** One that decides alone, about a master that it calls `mymaster`. */
export async function redisSentinel(t: TestContext, masterPort: number): Promise<{ readonly port: number }> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-sentinel-"));
  const port = await freePort();
  const file = join(folder, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 1`,
    "sentinel down-after-milliseconds mymaster 500",
    "sentinel failover-timeout mymaster 3000",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const child = spawn(findRedisServer(), [file, "--sentinel"], { stdio: "ignore" });
  const admin = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy: () => 20 });
  admin.on("error", () => undefined);
  t.after(async () => {
    admin.disconnect();
    if (child.exitCode === null) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  // It has to have heard of the replicas before it can choose one.
  while (!String(await admin.info("sentinel")).includes("status=ok")) await sleep(50);
  return { port };
}
