/** Crossfade as a process that is killed and started again on the same store, between two services that stay. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Agent, request } from "undici";
import { type RunningCli, startCli } from "./cli.ts";
import { type RouteJson, type StatusJson, sumOf } from "./crossfade.ts";
import { type Answer, startService, type TestService } from "./service.ts";
import type { JournalFault } from "./sick-journal.ts";

export interface JournaledStatus extends StatusJson {
  readonly journal: {
    readonly kind: string;
    readonly depth: number;
    readonly waiting: number;
    readonly bytes: number;
    readonly pendingBytes: number;
    readonly problem: string | null;
  };
  readonly store: { readonly pendingWrites: number };
  readonly queue: StatusJson["queue"] & { readonly headroomSeconds: number | null };
}

export interface Journaled {
  readonly legacy: TestService;
  readonly next: TestService;
  readonly folder: string;
  /** The journal's. */
  readonly lanes: string;
  /** Of the present process. */
  readonly running: () => RunningCli;
  send(method: string, path: string, body?: string, headers?: Record<string, string>): Promise<number>;
  api<T>(path: string): Promise<T>;
  status(): Promise<JournaledStatus>;
  repairs(): Promise<(readonly [key: string | null, reason: string])[]>;
  gaps(): Promise<readonly { readonly why: string; readonly from: string; readonly to: string | null }[]>;
  /** Everything recorded so far survives a kill. */
  recorded(): Promise<void>;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Asks it to end, as an operator does. Resolves with what it said. */
  stop(): Promise<string>;
  start(options?: Pick<JournaledOptions, "node" | "config">): Promise<void>;
  /** Waits until everything eligible has its outcome; asserts nothing. */
  settled(eligible: number): Promise<RouteJson>;
  until(wanted: (status: JournaledStatus) => boolean): Promise<JournaledStatus>;
  laneFiles(): readonly string[];
  /** Of a process that was started with `SICK_JOURNAL`. */
  sicken(fault: JournalFault): Promise<void>;
}

export const SICK_JOURNAL = ["--import", join(import.meta.dirname, "sick-journal.ts")];

export interface JournaledOptions {
  /** YAML lines at the top level. */
  readonly config?: string;
  /** YAML within `services.next`, a line each. */
  readonly next?: string;
  /** Flags of Node. */
  readonly node?: readonly string[];
  /** Instead of a folder of its own. */
  readonly folder?: string;
  /** Instead of services of its own. */
  readonly services?: Pick<Journaled, "legacy" | "next">;
  /** By default a SQLite file in the folder. */
  readonly redis?: string;
}

export async function startJournaled(t: TestContext, options: JournaledOptions = {}): Promise<Journaled> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "crossfade-journal-"));
  mkdirSync(folder, { recursive: true });
  const legacy = options.services?.legacy ?? (await startService());
  const next = options.services?.next ?? (await startService());
  const client = new Agent({ connections: 64, pipelining: 1 });
  const file = join(folder, "crossfade.yaml");
  const lanes = options.redis === undefined ? join(folder, "crossfade.db.lanes") : join(folder, "member", "lanes");
  let cli: RunningCli;

  async function start({ node = options.node ?? [], config = options.config ?? "" } = {}): Promise<void> {
    const store = options.redis ?? `sqlite:${join(folder, "crossfade.db")}`;
    writeFileSync(
      file,
      configText(folder, store, [legacy.url, next.url], config, options.next ?? "effects: suppressed"),
    );
    cli = await startCli(t, ["--config", file, "--log-level", "fatal"], { node, ipc: true });
  }
  await start();
  t.after(async () => {
    await client.close();
    if (options.services === undefined) await Promise.all([legacy.close(), next.close()]);
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  });

  const api = async <T>(path: string): Promise<T> => {
    return (await (await request(cli.adminUrl + path)).body.json()) as T;
  };
  const status = (): Promise<JournaledStatus> => api<JournaledStatus>("/api/v1/status");
  async function until(wanted: (status: JournaledStatus) => boolean): Promise<JournaledStatus> {
    for (;;) {
      const now = await status();
      if (wanted(now)) return now;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return {
    legacy,
    next,
    folder,
    lanes,
    running: () => cli,
    api,
    status,
    start,
    until,
    async send(method, path, body, headers = {}) {
      const sent = body === undefined ? {} : { "content-type": "application/json" };
      const options = { dispatcher: client, method: method as "PUT", headers: { ...sent, ...headers } };
      const answer = await request(cli.proxyUrl + path, { ...options, body: body ?? null });
      await answer.body.dump();
      return answer.statusCode;
    },
    async repairs() {
      const { items } = await api<{ items: { key: string | null; reason: string }[] }>("/api/v1/repairs?limit=1000");
      return items.map(({ key, reason }) => [key, reason] as const);
    },
    async gaps() {
      return (await api<{ items: { why: string; from: string; to: string | null }[] }>("/api/v1/gaps?limit=1000"))
        .items;
    },
    async recorded() {
      await until(({ journal }) => journal.pendingBytes === 0);
    },
    async kill() {
      cli.child.kill("SIGKILL");
      await cli.ended;
    },
    async stop() {
      cli.child.kill("SIGTERM");
      return (await cli.ended).stderr;
    },
    async settled(eligible) {
      const { routes } = await until(({ routes: [route] }) => {
        return route !== undefined && route.eligible >= eligible && route.pending === 0;
      });
      return routes[0] as RouteJson;
    },
    async sicken(fault) {
      const applied = once(cli.child, "message");
      cli.child.send(fault);
      await applied;
    },
    laneFiles: () => readdirSync(lanes).filter((name) => name.endsWith(".lane")),
  };
}

/** A service that takes requests and answers none until it is told to. */
export function heldAnswer(): {
  readonly answer: Answer;
  release(): void;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    answer: (_seen, response) => {
      void promise.then(() => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end('{"ok":true}');
      });
    },
    release: resolve,
  };
}

/** G4: each eligible exchange has exactly one outcome, or waits. */
export function accounts(route: RouteJson): readonly [eligible: number, accounted: number] {
  return [route.eligible, sumOf(route) + route.pending];
}

/** Once it has, `condition` being looked at again and again. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

function configText(
  folder: string,
  store: string,
  [legacy, next]: readonly [string, string],
  config: string,
  nextService: string,
): string {
  return `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
store: "${store}"
member: { folder: "${join(folder, "member")}" }
divergenceLog: { file: "${join(folder, "divergences.ndjson")}" }
services:
  legacy: { url: "${legacy}" }
  next:
    url: "${next}"
    ${nextService.split("\n").join("\n    ")}
${config}
`;
}
