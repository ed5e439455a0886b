/** Does what pages say, command by command, as somebody would who reads them, and compares what comes of it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Command, commandsOf, fits } from "./page.ts";
import { freePort } from "../support/free-port.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What a reader has after `git clone` and `npm install`. */
const CLONE = ["adapters", "deploy", "dist", "docs", "node_modules", "package.json", "proxy"];
/** Ports that pages name; free ones take their place. */
const PORTS = ["3000", "4000", "8080", "9090"];
/** Of a command that only looks: what it shows may come a little later. */
const LOOKS = /^crossfade (?:status|gate|retire|divergences|explain|phase \w+$)|^curl -sS http/;
const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 150;

export interface Follower {
  /** @throws AssertionError that names the page, the line, what was said and what came */
  follow(page: string): Promise<void>;
}

interface EndingFollower extends Follower {
  /** Ends all that was started. */
  end(): Promise<void>;
}

/** Where a page is followed. */
interface Place {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** For one command. */
  readonly patienceMs: number;
  /** Is told of each command before it is run. */
  readonly begun?: (where: string, command: Command) => void;
}

/** In an empty folder that looks like a clone; `crossfade` is the built command. All that was started ends with the test. */
export async function startFollower(t: TestContext): Promise<Follower> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-guide-"));
  for (const name of CLONE) symlinkSync(join(ROOT, name), join(folder, name));
  const bin = mkdtempSync(join(tmpdir(), "crossfade-guide-bin-"));
  const shim = `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, "dist/proxy/cli/main.js")}" "$@"\n`;
  writeFileSync(join(bin, "crossfade"), shim, { mode: 0o755 });
  const path = [bin, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  const follower = await followIn({ folder, env: { ...process.env, PATH: path }, patienceMs: PATIENCE_MS });
  t.after(async () => {
    await follower.end();
    for (const one of [folder, bin]) rmSync(one, { recursive: true, force: true });
  });
  return follower;
}

/** In a folder that is there: its own pages. */
export async function followIn({ folder, env: given, patienceMs, begun }: Place): Promise<EndingFollower> {
  const { COLUMNS: _, CROSSFADE_TOKEN: __, CROSSFADE_ADMIN: ___, NODE_TEST_CONTEXT: ____, ...inherited } = given;
  const env = { ...inherited, NO_COLOR: "1", COLUMNS: "200" };
  const ports = new Map(await Promise.all(PORTS.map(async (port) => [port, String(await freePort())] as const)));
  const terminals = new Map<string, Running>();
  const shell = startShell(folder, env, patienceMs);

  const withPorts = (text: string): string =>
    text.replaceAll(/(?<![\d.])(?:3000|4000|8080|9090)\b/g, (port) => ports.get(port) ?? port);

  async function run(command: Command, where: string): Promise<void> {
    const expected = command.expected.map(withPorts);
    const { terminal } = command;
    const text = command.text === null ? null : withPorts(command.text);
    if (terminal === null) {
      assert.ok(text !== null, `${where}: Ctrl-C where nothing runs`);
      await runToItsEnd(text, expected, command.exitCode, where);
      return;
    }
    const before = terminals.get(terminal);
    if (text === null) {
      assert.ok(before !== undefined, `${where}: nothing runs in ${terminal}`);
      const from = before.output().length;
      await before.interrupt();
      const said = before.output().slice(from);
      assert.ok(fits(said, expected), telling(where, "^C", expected, said));
      terminals.delete(terminal);
      return;
    }
    assert.ok(before === undefined || before.over(), `${where}: ${terminal} is busy`);
    const running = startIn(folder, env, text);
    terminals.set(terminal, running);
    await within(
      () => fits(running.output(), [...expected, "…"]),
      () => telling(where, text, expected, running.output()),
      patienceMs,
    );
  }

  async function runToItsEnd(text: string, expected: readonly string[], code: number, where: string): Promise<void> {
    let ended = await shell.run(text);
    const right = (): boolean => fits(ended.output, expected) && ended.code === code;
    const deadline = Date.now() + patienceMs;
    while (LOOKS.test(text) && !right() && Date.now() < deadline) {
      await pause(LOOK_AGAIN_MS);
      ended = await shell.run(text);
    }
    assert.ok(
      right(),
      telling(where, text, [...expected, `(exit code ${code})`], `${ended.output}(exit code ${ended.code})`),
    );
  }

  return {
    async follow(page) {
      const commands = commandsOf(readFileSync(join(folder, page), "utf8"));
      assert.notEqual(commands.length, 0, page);
      for (const command of commands) {
        const where = `${page}:${command.line}`;
        begun?.(where, command);
        await run(command, where);
      }
    },
    async end() {
      await Promise.all([...terminals.values(), shell].map((one) => one.kill()));
    },
  };
}

function telling(where: string, text: string, expected: readonly string[], output: string): string {
  return [`${where}: $ ${text}`, "shall print", ...expected, "and printed", output].join("\n");
}

async function within(holds: () => boolean, why: () => string, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!holds()) {
    assert.ok(Date.now() < deadline, why());
    await pause(20);
  }
}

interface Running {
  /** stdout and stderr as they came. */
  output(): string;
  over(): boolean;
  /** Ctrl-C; resolves when it has ended. */
  interrupt(): Promise<void>;
  kill(): Promise<void>;
}

function startIn(cwd: string, env: NodeJS.ProcessEnv, text: string): Running {
  const child = spawn("bash", ["-c", `exec 2>&1; ${text}`], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const closed = once(child, "close");
  return {
    output: () => output,
    over: () => hasEnded(child),
    async interrupt() {
      signalGroup(child, "SIGINT");
      await closed;
    },
    async kill() {
      signalGroup(child, "SIGKILL");
      await closed;
    },
  };
}

/** As the terminal does: everything that it started gets it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || hasEnded(child)) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

interface Shell {
  run(text: string): Promise<{ readonly output: string; readonly code: number }>;
  kill(): Promise<void>;
}

const END = "::guide-end::";

/** One bash for all commands, so that variables and functions last. */
function startShell(cwd: string, env: NodeJS.ProcessEnv, patienceMs: number): Shell {
  const child = spawn("bash", ["--noprofile", "--norc"], {
    cwd,
    env,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stdin.write("exec 2>&1\n");
  return {
    async run(text) {
      output = "";
      child.stdin.write(`{ ${text}\n} </dev/null\necho "${END}$?"\n`);
      const done = (): RegExpExecArray | null => new RegExp(`${END}(\\d+)\n$`).exec(output);
      await within(
        () => done() !== null || hasEnded(child),
        () => `$ ${text}\ndoes not end:\n${output}`,
        patienceMs,
      );
      const end = done();
      assert.ok(end !== null, `$ ${text}\nended the shell:\n${output}`);
      return { output: output.slice(0, end.index), code: Number(end[1]) };
    },
    async kill() {
      signalGroup(child, "SIGKILL");
      await closed;
    },
  };
}
