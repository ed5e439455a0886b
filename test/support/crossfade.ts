import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import type { OpenedStore } from "../../adapters/store/open.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { startService, type Answer, type TestService } from "./service.ts";

export interface Bench {
  readonly legacy: TestService;
  readonly next: TestService;
  readonly crossfade: Crossfade;
  readonly folder: string;
  readonly configFile: string;
  /** A request to the proxy. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string; headers: Record<string, string | string[] | undefined> }>;
  api<T>(path: string): Promise<T>;
  status(): Promise<StatusJson>;
  /** Resolves once every eligible exchange has its outcome and there are at least `eligible` of them. */
  settled(eligible: number): Promise<RouteJson[]>;
}

export interface RouteJson {
  readonly name: string;
  readonly phase: string;
  readonly eligible: number;
  readonly pending: number;
  readonly outcomes: Record<string, number>;
  readonly reasons: Record<string, number>;
  readonly repairs: number;
  readonly gaps: number;
  readonly lagMs: number;
  readonly breaker: string | null;
  readonly dialledReads: { readonly next: number; readonly pinned: number; readonly askedAgain: number };
  readonly readBacks: Readonly<Record<string, number>>;
  readonly fallbackReads: {
    readonly legacy: number;
    readonly neither: number;
    readonly unasked: number;
    readonly failed: number;
    readonly copies: Readonly<Record<string, number>>;
  };
  readonly mappedForClients: { readonly requests: number; readonly answers: number; readonly unmapped: number };
}

export interface StatusJson {
  readonly ready: boolean;
  readonly warnings: string[];
  readonly routes: RouteJson[];
  readonly queue: { readonly bytes: number; readonly waiting: number };
  readonly config: { readonly revision: number; readonly error: string | null };
}

export interface BenchOptions {
  readonly legacy?: Answer;
  readonly next?: Answer;
  /** YAML under the top level, after listen, admin, store, log and services. */
  readonly routes?: string;
  /** YAML lines under `services.next`. */
  readonly nextService?: string;
  /** YAML within `services.legacy`, beside its url. */
  readonly legacyService?: string;
  readonly store?: "sqlite" | "memory";
  /** A store that the test has opened; it takes the place of the one above. */
  readonly opened?: OpenedStore;
  readonly limits?: string;
  /** YAML within `admin`, beside its address. */
  readonly admin?: string;
  /** How often the repair list is gone through by itself. */
  readonly repairEveryMs?: number;
  /** See `StartOptions`. */
  readonly failingBlockMs?: number;
  /** pino's; default silent. */
  readonly logLevel?: string;
  /** Further files in the config's folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A test, or whoever else ends what was begun. */
export interface Cleanup {
  after(end: () => Promise<void>): void;
}

/** Crossfade in this process between two real services, everything on free ports and in a folder of its own. */
export async function startBench(t: Cleanup, options: BenchOptions = {}): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-test-"));
  const legacy = await startService(options.legacy);
  const next = await startService(options.next);
  let crossfade: Crossfade | null = null;
  t.after(async () => {
    await crossfade?.stop(200);
    await Promise.all([legacy.close(), next.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  const configFile = join(folder, "crossfade.yaml");
  for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(folder, name), text);
  writeFileSync(configFile, configText(folder, legacy, next, options));
  const loaded = loadSettings({ file: configFile, flags: {}, env: process.env });
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join("\n"));
  const { opened } = options;
  const running = await startCrossfade({
    settings: loaded.settings,
    files: loaded.files,
    logLevel: options.logLevel ?? "silent",
    ...(options.failingBlockMs === undefined ? {} : { failingBlockMs: options.failingBlockMs }),
    ...(options.repairEveryMs === undefined ? {} : { repairEveryMs: options.repairEveryMs }),
    ...(opened === undefined ? {} : { store: Promise.resolve(opened) }),
  });
  crossfade = running;
  const api = async <T>(path: string): Promise<T> => (await (await request(running.adminUrl + path)).body.json()) as T;
  const status = (): Promise<StatusJson> => api<StatusJson>("/api/v1/status");
  return {
    legacy,
    next,
    crossfade: running,
    folder,
    configFile,
    api,
    status,
    async send(method, path, body, headers = {}) {
      const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
      const answer = await request(running.proxyUrl + path, {
        method: method as "GET",
        body: text,
        headers: { ...(text === null ? {} : { "content-type": "application/json" }), ...headers },
      });
      return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
    },
    async settled(eligible) {
      for (;;) {
        const { routes } = await status();
        const seen = routes.reduce((sum, route) => sum + route.eligible, 0);
        const pending = routes.reduce((sum, route) => sum + route.pending, 0);
        if (seen >= eligible && pending === 0) return routes;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

export function configText(
  folder: string,
  legacy: { readonly url: string },
  next: { readonly url: string },
  options: BenchOptions,
): string {
  return `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0"${options.admin === undefined ? "" : `, ${options.admin}`} }
store: "${options.store === "sqlite" ? `sqlite:${join(folder, "crossfade.db")}` : "memory:"}"
divergenceLog: { file: "${join(folder, "divergences.ndjson")}" }
${options.limits ?? ""}
services:
  legacy: { url: "${legacy.url}"${options.legacyService === undefined ? "" : `, ${options.legacyService}`} }
  next:
    url: "${next.url}"
    ${(options.nextService ?? "effects: suppressed").split("\n").join("\n    ")}
${options.routes ?? ""}
`;
}

export function sumOf(route: RouteJson): number {
  return Object.values(route.outcomes).reduce((sum, count) => sum + count, 0);
}
