/**
 * The Redis of a chaos run: a primary and a replica behind one address that is switched between them, as whatever fails
 * over in production does. What the primary took since the replica was cut off is lost.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { findRedisServer } from "../../deploy/servers.mjs";
import { freePort } from "../support/free-port.ts";

const START_WITHIN_MS = 30_000;

/** null: there is one here, or there is now. Else what is missing, in words. */
export function whyNoRedis(): string | null {
  try {
    findRedisServer();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

class RedisServer {
  readonly port: number;
  readonly #folder: string;
  #process: ChildProcess | null = null;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    mkdirSync(folder, { recursive: true });
  }

  async start(): Promise<void> {
    const flags = { port: this.port, bind: "127.0.0.1", dir: this.#folder, appendonly: "yes", save: "" };
    const args = Object.entries({ ...flags, "maxmemory-policy": "noeviction" }).flatMap(([name, value]) => [
      `--${name}`,
      String(value),
    ]);
    const child = spawn(findRedisServer(), args, { stdio: "ignore" });
    this.#process = child;
    const until = performance.now() + START_WITHIN_MS;
    while ((await this.say("PING").catch(() => "")) !== "+PONG") {
      if (child.exitCode !== null || performance.now() > until) throw new Error("redis-server did not start");
      await wait(20);
    }
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name);
  }

  /** An inline command; resolves to the first line of the answer. */
  async say(command: string): Promise<string> {
    const socket = connect(this.port, "127.0.0.1");
    try {
      socket.write(`${command}\r\n`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString().split("\r\n")[0] as string;
    } finally {
      socket.destroy();
    }
  }
}

export class RedisPair {
  readonly #servers: [RedisServer, RedisServer];
  readonly #relay: Server;
  readonly #sockets = new Set<Socket>();
  #lead: 0 | 1 = 0;

  private constructor(servers: [RedisServer, RedisServer]) {
    this.#servers = servers;
    this.#relay = createServer((near) => {
      const far = connect(this.#leader.port, "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => undefined);
        one.once("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  static async start(folder: string): Promise<RedisPair> {
    const ports = [await freePort(), await freePort()] as const;
    const pair = new RedisPair([
      new RedisServer(join(folder, "redis-0"), ports[0]),
      new RedisServer(join(folder, "redis-1"), ports[1]),
    ]);
    try {
      for (const server of pair.#servers) await server.start();
      await pair.#replicate();
      pair.#relay.listen(0, "127.0.0.1");
      await once(pair.#relay, "listening");
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#relay.address() as AddressInfo).port}`;
  }

  async kill(): Promise<void> {
    await this.#leader.kill();
  }

  async restart(): Promise<void> {
    await this.#leader.start();
  }

  pause(): void {
    this.#leader.signal("SIGSTOP");
  }

  goOn(): void {
    this.#leader.signal("SIGCONT");
  }

  /** From here on what the primary takes is lost with it. */
  async cutOffReplica(): Promise<void> {
    await this.#follower.say("REPLICAOF NO ONE");
  }

  /** The primary dies, the replica takes its place, and what comes back in the old one's is a replica. */
  async failOver(): Promise<void> {
    await this.#leader.kill();
    await this.#follower.say("REPLICAOF NO ONE");
    this.#lead = this.#lead === 0 ? 1 : 0;
    for (const socket of this.#sockets) socket.destroy();
    await this.#follower.start();
    await this.#replicate();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#relay.close();
    for (const server of this.#servers) await server.kill();
  }

  async #replicate(): Promise<void> {
    await this.#follower.say(`REPLICAOF 127.0.0.1 ${this.#leader.port}`);
    const until = performance.now() + START_WITHIN_MS;
    while ((await this.#leader.say("WAIT 1 1000")) !== ":1") {
      if (performance.now() > until) throw new Error("the replica did not come up to the primary");
    }
  }

  get #leader(): RedisServer {
    return this.#servers[this.#lead];
  }

  get #follower(): RedisServer {
    return this.#servers[this.#lead === 0 ? 1 : 0];
  }
}
