/** Child processes of a chaos run: they are killed and stopped for real, and come back where they were. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Entity } from "./entities.ts";
import type { Mood, MoodOrder } from "./moods.ts";
import type { LogLine, ReadLine, ServiceRecord } from "./records.ts";

/** A machine that is busy with other things takes its time. */
const START_WITHIN_MS = 60_000;

/** What both kinds of process have in common. */
class Child {
  protected process: ChildProcess | null = null;
  /** Ends that nobody asked for, in words. */
  readonly unexpectedEnds: string[] = [];
  #expected = false;

  protected adopt(child: ChildProcess, name: string): void {
    this.#expected = false;
    this.process = child;
    child.once("exit", (code, signal) => {
      if (this.process === child) this.process = null;
      if (!this.#expected) this.unexpectedEnds.push(`${name} ended by itself with ${code ?? signal ?? "?"}`);
    });
  }

  get isUp(): boolean {
    return this.process !== null;
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** SIGKILL by default. Resolves to its exit code once it is gone. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    const child = this.process;
    if (child === null) return null;
    this.#expected = true;
    const exit = once(child, "exit");
    child.kill(signal);
    if (signal !== "SIGKILL") child.kill("SIGCONT");
    const [code] = (await exit) as [number | null];
    return code;
  }

  pause(): void {
    this.process?.kill("SIGSTOP");
  }

  goOn(): void {
    this.process?.kill("SIGCONT");
  }
}

interface ServiceAnswer {
  readonly answers: number;
  readonly waiting: number;
  readonly felt: number;
  readonly entities?: readonly Entity[];
}

export class Service extends Child {
  readonly #logFile: string;
  readonly #name: string;
  readonly #honours: boolean;
  #port = 0;
  #asked = 0;

  constructor(folder: string, name: string, honours: boolean) {
    super();
    this.#logFile = join(folder, `${name}.ndjson`);
    this.#name = name;
    this.#honours = honours;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const args = [this.#logFile, String(this.#port), this.#honours ? "honours" : "ignores"];
    const child = spawn(process.execPath, [join(import.meta.dirname, "service.ts"), ...args], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.adopt(child, this.#name);
    const { port } = await this.#told<{ port: number }>(child, (message) => "port" in message);
    this.#port = port;
  }

  /** `share`: of the writes that come. */
  async become(mood: Mood, share = 1): Promise<void> {
    await this.#ask({ become: { mood, share } });
  }

  /** Writes that it holds or will yet apply. */
  async waiting(): Promise<number> {
    return (await this.#ask()).waiting;
  }

  /** Writes that its present mood has befallen. */
  async felt(): Promise<number> {
    return (await this.#ask()).felt;
  }

  async record(): Promise<ServiceRecord> {
    const { entities = [] } = await this.#ask({ wholly: true });
    const lines = readFileSync(this.#logFile, "utf8").split("\n").slice(0, -1);
    const kept = lines.map((line) => JSON.parse(line) as LogLine | ReadLine);
    const [written, reads] = [kept.filter((line) => "what" in line), kept.filter((line) => "read" in line)];
    return { honours: this.#honours, lines: written, reads, entities };
  }

  async #ask(more: { become?: MoodOrder; wholly?: true } = {}): Promise<ServiceAnswer> {
    const child = this.process;
    if (child === null) throw new Error(`${this.#name} is not there`);
    const ask = ++this.#asked;
    const answer = this.#told<ServiceAnswer>(child, (message) => message["answers"] === ask);
    child.send({ ask, ...more });
    return await answer;
  }

  #told<T>(child: ChildProcess, isIt: (message: Record<string, unknown>) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        child.off("message", listen);
        child.off("exit", gone);
      };
      const listen = (message: object): void => {
        if (!isIt(message as Record<string, unknown>)) return;
        done();
        resolve(message as T);
      };
      const gone = (): void => {
        done();
        reject(new Error(`${this.#name} ended before it answered`));
      };
      const timer = setTimeout(gone, START_WITHIN_MS);
      child.on("message", listen);
      child.once("exit", gone);
    });
  }
}

export interface ProxyOptions {
  /** The script that is `crossfade`: built, or as it stands. */
  readonly entry: string;
  readonly folder: string;
  readonly name: string;
  readonly store: string;
  /** YAML of services and routes. */
  readonly config: string;
}

/** One member: `crossfade start`, on the same store whenever it starts. */
export class Proxy extends Child {
  readonly #options: ProxyOptions;
  readonly #configFile: string;
  readonly #logFile: string;
  #urls: { readonly proxy: string; readonly admin: string } | null = null;
  #up: (() => void)[] = [];

  constructor(options: ProxyOptions) {
    super();
    this.#options = options;
    this.#configFile = join(options.folder, `${options.name}.yaml`);
    this.#logFile = join(options.folder, `${options.name}.log`);
    writeFileSync(this.#configFile, options.config);
  }

  /** Where it listens: at another port after each start. */
  async url(): Promise<string> {
    while (this.#urls === null || !this.isUp) await new Promise<void>((resolve) => this.#up.push(resolve));
    return this.#urls.proxy;
  }

  get adminUrl(): string {
    if (this.#urls === null) throw new Error(`${this.#options.name} is not up`);
    return this.#urls.admin;
  }

  /** What it said on stderr over all its lives. */
  said(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  async start(): Promise<void> {
    const { entry, name, store } = this.#options;
    const flags = ["--config", this.#configFile, "--store", store, "--log-level", "error"];
    const log = openSync(this.#logFile, "a");
    const child = spawn(process.execPath, [entry, "start", ...flags], {
      stdio: ["ignore", "pipe", log, "ipc"],
      cwd: this.#options.folder,
    });
    closeSync(log);
    this.adopt(child, name);
    let said = "";
    const found = await new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (): void => {
        clearTimeout(timer);
        reject(new Error(`${name} did not become ready: ${said}\n${this.said().slice(-2000)}`));
      };
      const timer = setTimeout(fail, START_WITHIN_MS);
      child.once("exit", fail);
      child.stdout?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const ready = /^crossfade ready proxy=(\S+) admin=(\S+)$/m.exec(said);
        if (ready === null) return;
        clearTimeout(timer);
        child.off("exit", fail);
        resolve(ready);
      });
    });
    this.#urls = { proxy: found[1] as string, admin: found[2] as string };
    const up = this.#up;
    this.#up = [];
    for (const tell of up) tell();
  }

  /** Its worker processes, the first that was started first. */
  workers(): readonly number[] {
    if (this.pid === undefined) return [];
    const listed = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
    return listed
      .split(" ")
      .filter((pid) => pid.trim() !== "")
      .map(Number);
  }

  async api<T>(path: string): Promise<T> {
    return (await (await fetch(this.adminUrl + path, { signal: AbortSignal.timeout(START_WITHIN_MS) })).json()) as T;
  }

  /** All pages of a list. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: string = `?limit=1000${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
      const page: { items: T[]; next: string | null } = await this.api(path + query);
      items.push(...page.items);
      cursor = page.next;
    }
    return items;
  }
}
