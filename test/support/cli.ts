import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { ENTRY } from "./entry.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of Node itself. */
  readonly node?: readonly string[];
  /** Gives the child an IPC channel, as the launcher does. */
  readonly ipc?: boolean;
  /** Another one than tests start. */
  readonly entry?: string;
}

/** The `crossfade` command as a process of its own. */
export function spawnCli(args: readonly string[], options: CliOptions = {}): ChildProcess {
  const { COLUMNS: _columns, CROSSFADE_TOKEN: _token, CROSSFADE_ADMIN: _admin, ...env } = process.env;
  return spawn(process.execPath, [...(options.node ?? []), options.entry ?? ENTRY, ...args], {
    cwd: options.cwd,
    env: { ...env, ...options.env },
    stdio: options.ipc === true ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
  });
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return endOf(spawnCli(args, options));
}

/** What a child wrote from now on, and the code it ended with. */
export async function endOf(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("the child has no pipes");
  // A test may close the child's stdout: then nothing is said of what it wrote.
  const written = text(stdout).catch(() => "");
  const [out, error, [code]] = await Promise.all([written, text(stderr), once(child, "exit")]);
  return { code: code as number | null, stdout: out, stderr: error };
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly proxyUrl: string;
  readonly adminUrl: string;
  /** Resolves with everything it wrote, the ready line too, and its code. */
  readonly ended: Promise<Ended>;
}

/** `crossfade start …`, once it has said that it is ready; killed at the end of the test where it still runs. */
export async function startCli(t: TestContext, args: readonly string[], options: CliOptions = {}): Promise<RunningCli> {
  const child = spawnCli(["start", ...args], options);
  const ended = endOf(child);
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const ready = await new Promise<RegExpExecArray>((resolve, reject) => {
    let seen = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      seen += String(chunk);
      const found = /^crossfade ready proxy=(\S+) admin=(\S+)\n/.exec(seen);
      if (found !== null) resolve(found);
    });
    void ended.then(({ stderr }) => reject(new Error(`ended before it was ready: ${stderr}`)));
  });
  return { child, ended, proxyUrl: ready[1] as string, adminUrl: ready[2] as string };
}
