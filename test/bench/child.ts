/** Child processes of the bench: started, asked for their CPU time, ended with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { treeCpuMicros } from "./process-tree.ts";

export interface Server {
  readonly url: string;
  readonly child: { readonly pid?: number | undefined };
  /** Of the line that said it was ready. */
  readonly readyLine: string;
  /** From its start to that line. */
  readonly readyMs: number;
  /** User and system time of all threads of its process and that one's children so far, in microseconds. */
  cpuMicros(): number;
  /** To the process, over its IPC channel; resolves to its answer. */
  tell(message: object): Promise<unknown>;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Flags of Node itself. */
  readonly node?: readonly string[];
  /** Beside this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a script (as seen from this folder) and resolves once it has printed a line with its address. */
export async function startServer(
  script: string,
  args: readonly string[],
  options: ServerOptions = {},
): Promise<Server> {
  const began = performance.now();
  const child = start(script, args, options);
  const lines = createInterface({ input: child.stdout });
  const readyLine = await new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.includes("ready")) resolve(line);
    });
    child.once("exit", (code) => reject(new Error(`${script} ended with ${code ?? "a signal"} before it was ready`)));
  });
  const readyMs = performance.now() - began;
  const url = /http:\/\/\S+/.exec(readyLine)?.[0];
  if (url === undefined) throw new Error(`${script} said no address: ${readyLine}`);
  return {
    url,
    child,
    readyLine,
    readyMs,
    cpuMicros: () => treeCpuMicros(child.pid),
    async tell(message) {
      const answered = once(child, "message");
      child.send(message);
      const [answer] = (await answered) as [unknown];
      return answer;
    },
    signal: (name) => void child.kill(name),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      await exit;
    },
  };
}

/** Runs a script to its end and resolves to what it printed. */
export async function runScript(script: string, args: readonly string[]): Promise<string> {
  const child = start(script, args, {});
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${script} ended with ${code ?? "a signal"}`);
  return output;
}

/** The channel ends with this process, and the child with the channel. */
function start(
  script: string,
  args: readonly string[],
  { node = [], env = {} }: ServerOptions,
): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const file = join(import.meta.dirname, script);
  const child = spawn(process.execPath, [...node, file, ...args], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: { ...process.env, ...env },
  });
  return child as ChildProcess & { stdout: NodeJS.ReadableStream };
}
