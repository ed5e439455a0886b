/** Everything that one episode runs on: two services, the members between them, their store, and the clients. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chance } from "../hostile/random.ts";
import { Proxy, Service } from "./children.ts";
import { ENTITY } from "./check-run.ts";
import { BODY_IN_MEMORY_BYTES, Client } from "./client.ts";
import { SmallDisk } from "./disk.ts";
import type { SentWrite } from "./records.ts";
import { RedisPair } from "./redis.ts";

export type StoreKind = "sqlite" | "redis";

export interface StageOptions {
  /** The script that is `crossfade`: built, or as it stands. */
  readonly entry: string;
  readonly seed: number;
  readonly clients: number;
  readonly members: number;
  /** Of each member; 0: it takes its clients' requests itself. */
  readonly workers: number;
  readonly store: StoreKind;
  /** Whether the services apply an idempotency key once, and are declared so. */
  readonly honours: boolean;
  /** The store lies on a file system of its own that can be filled. */
  readonly smallDisk: boolean;
}

/** The shadow is given up well before a late one applies what it took (moods.ts); so is the primary. */
const SHADOW_TIMEOUT_MS = 500;
const PRIMARY_TIMEOUT_MS = 700;
/** Not so short that what a fault held up is given up before it was undone: that would excuse it. */
const MAX_AGE_SECONDS = 10;
/** For what a busy machine may take to answer anything at all. */
const PATIENCE_MS = 60_000;

interface Parts {
  readonly folder: string;
  readonly legacy: Service;
  readonly next: Service;
  readonly disk: SmallDisk | null;
  readonly redis: RedisPair | null;
}

export class Stage {
  readonly folder: string;
  readonly legacy: Service;
  readonly next: Service;
  readonly members: readonly Proxy[];
  readonly disk: SmallDisk | null;
  readonly redis: RedisPair | null;
  readonly honours: boolean;
  readonly workers: number;
  /** Of the faults; clients have their own. */
  readonly chance: Chance;
  readonly sent: SentWrite[] = [];
  readonly #clients: Client[];
  #running: Promise<void>[] = [];
  readonly #watchers = new Set<(write: SentWrite) => void>();

  private constructor({ folder, legacy, next, disk, redis }: Parts, options: StageOptions) {
    this.folder = folder;
    this.legacy = legacy;
    this.next = next;
    this.disk = disk;
    this.redis = redis;
    this.honours = options.honours;
    this.workers = options.workers;
    this.chance = new Chance(options.seed);
    this.members = Array.from({ length: options.members }, (_, n) => {
      const name = `member-${n}`;
      const store = redis === null ? `sqlite:${this.storeFile}` : redis.url;
      return new Proxy({ entry: options.entry, folder, name, store, config: configOf(this, name) });
    });
    this.#clients = Array.from({ length: options.clients }, (_, n) => {
      const chance = new Chance(options.seed * 1_000 + n);
      return new Client({
        name: `c${n}`,
        chance,
        url: () => this.#anyMember(chance),
        ended: (write) => {
          this.sent.push(write);
          for (const tell of [...this.#watchers]) tell(write);
        },
      });
    });
  }

  static async open(options: StageOptions): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), "crossfade-chaos-"));
    mkdirSync(join(folder, "store"));
    const legacy = new Service(folder, "legacy", options.honours);
    const next = new Service(folder, "next", options.honours);
    await Promise.all([legacy.start(), next.start()]);
    const disk = options.smallDisk ? SmallDisk.at(join(folder, "store")) : null;
    const redis = options.store === "redis" ? await RedisPair.start(folder) : null;
    const stage = new Stage({ folder, legacy, next, disk, redis }, options);
    try {
      await Promise.all(stage.members.map((member) => member.start()));
    } catch (error) {
      await stage.close();
      throw error;
    }
    stage.#running = stage.#clients.map((client) => client.run());
    return stage;
  }

  get storeFile(): string {
    return join(this.folder, "store", "crossfade.db");
  }

  /** The one that a fault is about. */
  someMember(): Proxy {
    return this.chance.one(this.members);
  }

  /** Until clients have had so many more answers (or given up as often), but no longer than `atMostMs`: a fault may leave them without any. */
  async traffic(writes: number, atMostMs = 2_000): Promise<void> {
    await this.#count(writes, atMostMs, () => true);
  }

  /** Until so many more writes were accepted; false where that does not come about. */
  async recovery(writes: number): Promise<boolean> {
    return await this.#count(writes, PATIENCE_MS, ({ status }) => status !== null && status < 300);
  }

  /** Clients end what they began, and nothing new comes. */
  async stopClients(): Promise<void> {
    for (const client of this.#clients) client.stop();
    await Promise.all(this.#running);
  }

  get unexpectedEnds(): readonly string[] {
    return [...this.members, this.legacy, this.next].flatMap((child) => child.unexpectedEnds);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.stop();
    await Promise.all([...this.members, this.legacy, this.next].map((child) => child.end()));
    await this.redis?.close();
    this.disk?.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As a balancer does: one of those that are up, another for each request. */
  async #anyMember(chance: Chance): Promise<string> {
    const up = this.members.filter((member) => member.isUp);
    return await (up.length > 0 ? chance.one(up).url() : Promise.race(this.members.map((member) => member.url())));
  }

  #count(writes: number, atMostMs: number, counts: (write: SentWrite) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      let left = writes;
      const done = (reached: boolean): void => {
        clearTimeout(timer);
        this.#watchers.delete(watch);
        resolve(reached);
      };
      const watch = (write: SentWrite): void => {
        if (counts(write) && --left === 0) done(true);
      };
      const timer = setTimeout(done, atMostMs, false);
      this.#watchers.add(watch);
    });
  }
}

function configOf({ folder, legacy, next, honours, workers }: Stage, name: string): string {
  const idempotency = honours ? "honoured" : "ignored";
  return `
listen: 127.0.0.1:0
workers: ${workers}
admin: { listen: "127.0.0.1:0" }
divergenceLog: { file: "${join(folder, "store", `${name}.ndjson`)}" }
member: { folder: "${join(folder, name)}" }
limits: { bodyInMemory: ${BODY_IN_MEMORY_BYTES / 1024}KiB }
services:
  legacy:
    url: "${legacy.url}"
    idempotency: ${idempotency}
    asPrimary: { timeout: ${PRIMARY_TIMEOUT_MS}ms }
  next:
    url: "${next.url}"
    effects: suppressed
    idempotency: ${idempotency}
    asShadow: { timeout: ${SHADOW_TIMEOUT_MS}ms, maxWork: 2s, maxAge: ${MAX_AGE_SECONDS}s }
routes:
  - name: ${ENTITY}
    match: { path: "/${ENTITY}/**" }
`;
}
