/** Child processes of the bench: started, asked for their CPU time, ended with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Ticks a second of /proc: USER_HZ, 100 on every Linux. */
const TICKS_PER_SECOND = 100;

export interface Server {
  readonly url: string;
  /** Of the line that said it was ready. */
  readonly readyLine: string;
  /** User and system time of all its threads so far, in microseconds; NaN where there is no /proc. */
  cpuMicros(): number;
  stop(): Promise<void>;
}

/** Starts a script and resolves once it has printed a line with its address. */
export async function startServer(script: string, args: readonly string[]): Promise<Server> {
  const child = start(script, args);
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.includes("ready")) resolve(line);
    });
    child.once("exit", (code) => reject(new Error(`${script} ended with ${code ?? "a signal"} before it was ready`)));
  });
  const readyLine = await ready;
  const url = /http:\/\/\S+/.exec(readyLine)?.[0];
  if (url === undefined) throw new Error(`${script} said no address: ${readyLine}`);
  return {
    url,
    readyLine,
    cpuMicros: () => cpuMicros(child.pid),
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
  const child = start(script, args);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${script} ended with ${code ?? "a signal"}`);
  return output;
}

/** The channel ends with this process, and the child with the channel. */
function start(script: string, args: readonly string[]): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const file = join(import.meta.dirname, script);
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  return child as ChildProcess & { stdout: NodeJS.ReadableStream };
}

function cpuMicros(pid: number | undefined): number {
  try {
    // The command's name, in brackets, may hold blanks; user and system time are the 14th and 15th field (proc(5)).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}
