/** Members that share one Redis and two services, each a whole Crossfade of its own in this process. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { request } from "undici";
import type { OpenedStore } from "../../adapters/store/open.ts";
import type { MemberView } from "../../proxy/admin/member-view.ts";
import type { StatusView } from "../../proxy/admin/status-view.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { type RedisServer, redisServer } from "./redis.ts";
import { type Answer, startService, type TestService } from "./service.ts";

export interface MemberOptions {
  /** Of the member, to be used again; by default one that nobody had before. */
  readonly folder?: string;
  readonly routes?: string;
  /** YAML of the top level. */
  readonly more?: string;
  /** In place of the one that the settings name. */
  readonly store?: Promise<OpenedStore>;
  /** See `StartOptions`. */
  readonly failingBlockMs?: number;
}

export interface TestMember {
  readonly crossfade: Crossfade;
  readonly folder: string;
  readonly notes: readonly string[];
  get<T>(path: string): Promise<T>;
  post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  status(): Promise<StatusView>;
  members(): Promise<readonly MemberView[]>;
  write(path: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Site {
  readonly redis: RedisServer;
  readonly legacy: TestService;
  readonly next: TestService;
  start(name: string, options?: MemberOptions): Promise<TestMember>;
  /** The config of one that is to be started as a process of its own. */
  configFile(name: string, options?: MemberOptions): string;
  /** Where a member's folder may be. */
  folder(name: string): string;
}

export async function startSite(
  t: TestContext,
  answers: { readonly legacy?: Answer; readonly next?: Answer } = {},
): Promise<Site> {
  const redis = await redisServer(t);
  const [legacy, next] = [await startService(answers.legacy), await startService(answers.next)];
  const root = mkdtempSync(join(tmpdir(), "crossfade-members-"));
  const running = new Set<Crossfade>();
  t.after(async () => {
    await Promise.all([...running].map((crossfade) => crossfade.stop(200)));
    await Promise.all([legacy.close(), next.close()]);
    rmSync(root, { recursive: true, force: true });
  });
  const folderOf = (name: string): string => join(root, name);
  const configFile = (name: string, options: MemberOptions = {}): string => {
    const file = join(root, `${name}.yaml`);
    writeFileSync(file, configOf({ name, folder: folderOf(name), root, redis, legacy, next, ...options }));
    return file;
  };
  return {
    redis,
    legacy,
    next,
    folder: folderOf,
    configFile,
    async start(name, options = {}) {
      const file = configFile(name, options);
      const loaded = loadSettings({ file, flags: {}, env: process.env });
      if (!loaded.ok) throw new Error(loaded.errors.map(({ text }) => text).join("\n"));
      const notes: string[] = [];
      const crossfade = await startCrossfade({
        settings: loaded.settings,
        files: loaded.files,
        logLevel: "silent",
        ...(options.store === undefined ? {} : { store: options.store }),
        ...(options.failingBlockMs === undefined ? {} : { failingBlockMs: options.failingBlockMs }),
        warn: (line) => void notes.push(line),
      });
      running.add(crossfade);
      return memberOf(crossfade, loaded.settings.member.folder, notes);
    },
  };
}

function memberOf(crossfade: Crossfade, folder: string, notes: readonly string[]): TestMember {
  const get = async <T>(path: string): Promise<T> =>
    (await (await request(crossfade.adminUrl + path)).body.json()) as T;
  return {
    crossfade,
    folder,
    notes,
    get,
    async post(path, body) {
      const headers = { "content-type": "application/json" };
      const answer = await request(crossfade.adminUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
      return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
    },
    status: () => get<StatusView>("/api/v1/status"),
    members: async () => (await get<{ items: MemberView[] }>("/api/v1/members")).items,
    async write(path) {
      const answer = await request(crossfade.proxyUrl + path, {
        method: "PUT",
        body: "{}",
        headers: { "content-type": "application/json" },
      });
      await answer.body.dump();
    },
    stop: async () => void (await crossfade.stop()),
  };
}

interface ConfigParts extends MemberOptions {
  readonly name: string;
  readonly folder: string;
  readonly root: string;
  readonly redis: RedisServer;
  readonly legacy: TestService;
  readonly next: TestService;
}

function configOf({ name, folder, root, redis, legacy, next, routes = "", more = "" }: ConfigParts): string {
  return `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "${redis.url}"
member: { folder: "${folder}", name: ${name} }
divergenceLog: { file: "${join(root, `${name}.ndjson`)}" }
services:
  legacy: { url: "${legacy.url}" }
  next: { url: "${next.url}", effects: suppressed }
${routes}
${more}
`;
}
