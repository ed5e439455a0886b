/** The processes of a migration: Redis, both services, and members that are killed and come back on the same folder. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";
import { request } from "undici";
import { findRedisServer } from "../../deploy/servers.mjs";
import { freePort } from "../support/free-port.ts";
import type { Door } from "./clients.ts";
import type { TableAddress } from "./tables.ts";

export interface PairPlace {
  readonly name: string;
  readonly legacy: TableAddress;
  readonly next: TableAddress;
  /** Both are reached by their services' APIs, and rows go through a transform. */
  readonly overHttp: boolean;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MEMBERS = 3;

export class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "crossfade-migration-"));
  readonly members: Member[] = [];
  readonly #cli: string;
  readonly #children: ChildProcess[] = [];
  readonly #variables: Readonly<Record<string, string>>;

  constructor(cli: string, variables: Readonly<Record<string, string>> = {}) {
    this.#cli = cli;
    this.#variables = variables;
  }

  async start(pairs: readonly PairPlace[]): Promise<void> {
    const store = await this.#startRedis();
    const [legacy, next] = [await this.#service(pairs, "legacy"), await this.#service(pairs, "next")];
    writeFileSync(join(this.folder, "places.mjs"), TRANSFORM);
    for (let n = 1; n <= MEMBERS; n += 1) {
      const folder = join(this.folder, `member-${n}`);
      const file = join(this.folder, `member-${n}.yaml`);
      writeFileSync(file, configText({ folder, adminPort: await freePort(), store, legacy, next, pairs }));
      this.members.push(
        new Member(`member-${n}`, file, () => this.spawn(["start", "--config", file, "--log-level", "fatal"])),
      );
    }
    await Promise.all(this.members.map((member) => member.start()));
  }

  spawn(args: readonly string[]): ChildProcess {
    const { CROSSFADE_TOKEN: _token, CROSSFADE_ADMIN: _admin, ...env } = process.env;
    const child = spawn(process.execPath, [this.#cli, ...args], {
      cwd: this.folder,
      env: { ...env, ...this.#variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.push(child);
    return child;
  }

  async run(...args: readonly string[]): Promise<Ended> {
    return await endOf(this.spawn(args));
  }

  /** All that is under way has settled, at every member. */
  async drained(): Promise<void> {
    for (const member of this.members) {
      for (;;) {
        const { routes, journal, store } = await member.api<Drained>("/api/v1/status");
        const isIdle = routes.every(({ pending }) => pending === 0) && journal.depth === 0 && store.pendingWrites === 0;
        if (isIdle) break;
        await wait(50);
      }
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(this.#children.map(exited));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #startRedis(): Promise<string> {
    const port = await freePort();
    const args = [
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      this.folder,
      "--save",
      "",
      "--loglevel",
      "warning",
    ];
    this.#children.push(spawn(findRedisServer(), args, { stdio: "ignore" }));
    // Members wait for it too, and no longer than ten seconds.
    while (!(await answers(port))) await wait(20);
    return `redis://127.0.0.1:${port}`;
  }

  async #service(pairs: readonly PairPlace[], side: "legacy" | "next"): Promise<string> {
    const places = Object.fromEntries(pairs.map((pair) => [pair.name, pair[side]]));
    const child = fork(join(import.meta.dirname, "service.ts"), [JSON.stringify(places)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#children.push(child);
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return `http://127.0.0.1:${port}`;
  }
}

interface Drained {
  readonly routes: readonly { readonly pending: number }[];
  readonly journal: { readonly depth: number };
  readonly store: { readonly pendingWrites: number };
}

export class Member implements Door {
  readonly name: string;
  readonly configFile: string;
  adminUrl = "";
  #proxyUrl: string | null = null;
  readonly #spawn: () => ChildProcess;
  #child: ChildProcess | null = null;
  #errors: Promise<string> = Promise.resolve("");

  constructor(name: string, configFile: string, spawnIt: () => ChildProcess) {
    this.name = name;
    this.configFile = configFile;
    this.#spawn = spawnIt;
  }

  get proxyUrl(): string | null {
    return this.#proxyUrl;
  }

  async start(): Promise<void> {
    const child = this.#spawn();
    this.#child = child;
    if (child.stderr !== null) this.#errors = text(child.stderr);
    const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
      let seen = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        seen += String(chunk);
        const found = /^crossfade ready proxy=(\S+) admin=(\S+)\n/.exec(seen);
        if (found !== null) resolve(found);
      });
      child.once("exit", (code) => {
        void this.#errors.then((said) =>
          reject(new Error(`${this.name} ended with ${code} before it was ready: ${said}`)),
        );
      });
    });
    this.adminUrl = ready[2] as string;
    this.#proxyUrl = ready[1] as string;
  }

  /** At once, with all that it has under way. */
  async kill(): Promise<void> {
    this.#proxyUrl = null;
    this.#child?.kill("SIGKILL");
    if (this.#child !== null) await exited(this.#child);
  }

  async api<T>(path: string): Promise<T> {
    return (await (await request(this.adminUrl + path)).body.json()) as T;
  }

  async patch(path: string, body: unknown): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await request(this.adminUrl + path, { method: "PATCH", headers, body: JSON.stringify(body) });
    const said = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`PATCH ${path}: ${answer.statusCode} ${said}`);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const isOpen = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

export async function endOf(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the child has no pipes");
  const [out, error, code] = await Promise.all([text(stdout), text(stderr), exited(child)]);
  return { code, stdout: out, stderr: error };
}

async function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

/** next's own API has other members, and one that is made of another. */
const TRANSFORM = `export default ({ name, seen, ...same }) => ({
  ...same,
  title: name,
  seen_at: seen,
  label: name.trim().toLowerCase(),
});
`;

interface ConfigGiven {
  readonly folder: string;
  /** The same after a restart, so that the file says where a member is asked. */
  readonly adminPort: number;
  readonly store: string;
  readonly legacy: string;
  readonly next: string;
  readonly pairs: readonly PairPlace[];
}

function configText({ folder, adminPort, store, legacy, next, pairs }: ConfigGiven): string {
  const routes = pairs.map(
    ({ name }) => `  - name: ${name}
    match: { path: "/${name}/places/:id?" }
    phase: backfilling
    verify: { readBack: "GET /${name}/places/:id" }
    repair: { rate: 2000/s }
    values: { give: [{ from: "answer:/id", at: "body:/id" }] }
  - name: ${name}-transfers
    match: { path: "/${name}/transfers" }
    touches: [{ entity: ${name}, at: "body:/from" }, { entity: ${name}, at: "body:/to" }]
  - name: ${name}-raise
    match: { path: "/${name}/raise" }
    touches: [{ entity: ${name} }]
`,
  );
  const collections = pairs.map(
    (pair) => `  - name: ${pair.name}\n    route: ${pair.name}\n${tablesOf(pair, legacy, next)}`,
  );
  return `listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:${adminPort}" }
store: "${store}"
member: { folder: "${folder}" }
divergenceLog: { file: "${folder}.ndjson" }
services:
  legacy: { url: "${legacy}", asPrimary: { maxWork: 2s } }
  next: { url: "${next}", effects: suppressed, idempotency: honoured, asShadow: { timeout: 2m, maxWork: 2s } }
routes:
${routes.join("")}collections:
${collections.join("")}`;
}

function tablesOf({ name, legacy, next, overHttp }: PairPlace, legacyUrl: string, nextUrl: string): string {
  if (!overHttp) {
    const place = ({ kind, url }: TableAddress): string => `{ ${kind}: "${url}", table: places, key: id }`;
    return `    source: ${place(legacy)}\n    target: ${place(next)}\n`;
  }
  const list = "list: { after: after, limit: limit, most: 500 }, kinds: { area: decimal, code: bytes";
  return `    source: { http: "${legacyUrl}/${name}/places", key: id, ${list}, seen: instant } }
    target: { http: "${nextUrl}/${name}/v2/places", key: id, ${list}, seen_at: instant } }
    transform: ./places.mjs
`;
}
