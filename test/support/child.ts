import { spawn, type ChildProcess } from "node:child_process";
import { ENTRY } from "./entry.ts";

export interface CliChild {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves once stdout or stderr holds the text; rejects when the process ends without it. */
  until(text: string): Promise<void>;
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

/** `crossfade ARGS` as a process of its own. `limitBlocks`: no file may grow beyond so many 512-byte blocks. */
export function spawnCli(
  args: readonly string[],
  options: { readonly cwd: string; readonly limitBlocks?: number },
): CliChild {
  const command = [process.execPath, ENTRY, ...args];
  const limit =
    options.limitBlocks === undefined ? [] : ["sh", "-c", `ulimit -f ${options.limitBlocks}; exec "$0" "$@"`];
  const [file = "", ...rest] = [...limit, ...command];
  const child = spawn(file, rest, { cwd: options.cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  const looks = new Set<() => void>();
  let exited = false;
  const lookAll = (): void => {
    for (const look of [...looks]) look();
  };
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    lookAll();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    lookAll();
  });
  const code = new Promise<number | null>((resolve) => {
    child.once("close", (exitCode) => {
      exited = true;
      lookAll();
      resolve(exitCode);
    });
  });
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended: () => code,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = stdout.includes(text) || stderr.includes(text);
          if (!found && !exited) return;
          looks.delete(look);
          if (found) resolve();
          else reject(new Error(`ended without saying "${text}":\n${stdout}\n${stderr}`));
        };
        looks.add(look);
        look();
      }),
  };
}

/** The addresses of a ready line. */
export function readyUrls(stdout: string): { readonly proxy: string; readonly admin: string } {
  const found = /^crossfade ready proxy=(\S+) admin=(\S+)$/m.exec(stdout);
  if (found === null) throw new Error(`no ready line in:\n${stdout}`);
  return { proxy: found[1] as string, admin: found[2] as string };
}
