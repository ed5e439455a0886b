/** The processes of a scale run, and what they hold. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MIB = 1024 * 1024;

/** root may go beyond the hard limit; others go up to it. Node takes the soft limit up to the hard one by itself. */
const RAISE_FILES = "ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn)";

export interface Running {
  readonly child: ChildProcess;
  /** Its first line. */
  readonly ready: string;
  stop(): Promise<void>;
}

/** Starts a script of Node with as many files open as are needed, and resolves once it has said that it is ready. */
async function startScript(command: readonly string[], cwd: string): Promise<Running> {
  const child = spawn("sh", ["-c", `${RAISE_FILES}; exec "$0" "$@"`, process.execPath, ...command], {
    cwd,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the child has no pipes");
  let complaints = "";
  stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  const lines = createInterface({ input: stdout });
  const ready = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${command.join(" ")} ended with ${code}: ${complaints}`)));
  });
  return {
    child,
    ready,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      await exit;
    },
  };
}

/** Services of the run: legacy or next. */
export async function startOrigin(): Promise<Running & { readonly url: string }> {
  const running = await startScript([join(import.meta.dirname, "origin.ts")], import.meta.dirname);
  return { ...running, url: running.ready.replace("ready ", "") };
}

export interface Proxy extends Running {
  readonly url: URL;
  readonly adminUrl: string;
}

export interface ProxyOptions {
  /** The script that is `crossfade`, built or as it stands, after flags for Node. */
  readonly command: readonly string[];
  /** Takes its store and log. */
  readonly folder: string;
  /** By name, in MiB. */
  readonly limits: Readonly<Record<string, number>>;
  readonly legacyUrl: string;
  readonly nextUrl: string;
  /** YAML lines at the top level. */
  readonly more?: string;
}

export async function startProxy({
  command,
  folder,
  limits,
  legacyUrl,
  nextUrl,
  more = "",
}: ProxyOptions): Promise<Proxy> {
  const config = join(folder, "crossfade.yaml");
  const spelt = Object.entries(limits).map(([name, mib]) => `${name}: ${mib}MiB`);
  writeFileSync(
    config,
    `
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0" }
limits: { ${spelt.join(", ")} }
services:
  legacy: { url: "${legacyUrl}" }
  next: { url: "${nextUrl}", effects: suppressed, asShadow: { timeout: 60s, maxAge: 120s } }
${more}
`,
  );
  const running = await startScript([...command, "start", "--config", config, "--log-level", "error"], folder);
  const [, proxyUrl = "", adminUrl = ""] = /proxy=(\S+) admin=(\S+)/.exec(running.ready) ?? [];
  return { ...running, url: new URL(proxyUrl), adminUrl };
}

interface Route {
  readonly eligible: number;
  readonly pending: number;
  readonly outcomes: Record<string, number>;
  readonly reasons: Record<string, number>;
  readonly repairs: number;
}

/**
 * What became of the writes, once each has its outcome and as many repair entries as `repairsOf` expects of them are
 * durable: the store writes them in batches.
 */
export async function routeOf({ adminUrl }: Proxy, repairsOf: (route: Route) => number = () => 0): Promise<Route> {
  for (;;) {
    const { routes } = (await (await fetch(`${adminUrl}/api/v1/status`)).json()) as { routes: Route[] };
    const route = routes[0] as Route;
    if (route.pending === 0 && route.repairs >= repairsOf(route)) return route;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function apiOf<T>({ adminUrl }: Proxy, path: string): Promise<T> {
  return (await (await fetch(`${adminUrl}/api/v1${path}`)).json()) as T;
}

export interface Memory {
  /** Resident now. */
  readonly mib: number;
  /** The most that was ever resident. */
  readonly peakMib: number;
}

/** Whatever started it. */
type Process = { readonly child: { readonly pid?: number | undefined } };

export function memoryOf({ child }: Process): Memory {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return { mib: (kib("VmRSS") * 1024) / MIB, peakMib: (kib("VmHWM") * 1024) / MIB };
}

/** Bytes that a process has read, from sockets too. */
export function bytesReadBy({ child }: Running): number {
  return Number(/^rchar: (\d+)/.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1]);
}

/** How many files, sockets among them, a process has open. */
export function openFilesOf({ child }: Process): number {
  return readdirSync(`/proc/${child.pid}/fd`).length;
}

/** How many it may have open. */
export function fileLimitOf(pid: number | undefined): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);
}
