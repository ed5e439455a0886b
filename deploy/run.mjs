/**
 * What `npm start`, `npm test` and the other scripts run. It works on any Node that npm itself runs on: it installs what
 * is missing, builds what is stale, and hands over to the Node 24 of node_modules. What it says goes to stderr; stdout
 * belongs to the command it runs.
 */
import { constants } from "node:os";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { check } from "./check.mjs";
import { findNginx, findPromtool } from "./checkers.mjs";
import { findChromium, findMariadb, findPostgresFolder, findRedisServer } from "./servers.mjs";
import { runAllTests, TEST_FILES } from "./tests.mjs";
import { buildIfStale, environment, installIfMissing, PrepareError, ROOT, usableNode } from "./prepare.mjs";

const CLI = "dist/proxy/cli/main.js";
/** For one test, and for one file of them. */
const TEST_TIMEOUT_MS = 180_000;

/** Hundreds of processes load the same sources: what Node made of each is kept, which halves their start. */
const COMPILED_ONCE = { NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/crossfade-tests") };

/** Below the root, because its packages are looked for from there. */
const TEST_CLI = join(ROOT, ".tmp/test-cli");

/** @type {Record<string, (node: string, args: string[]) => Promise<number>>} */
const COMMANDS = {
  start: async (node, args) => await runCli(node, args.length === 0 ? ["demo"] : ["start", ...args]),
  crossfade: runCli,
  test: async (node, args) => {
    // The admin listener serves the dashboard from dist, also where the rest runs unbuilt.
    buildIfStale(node);
    const namesFiles = args.some((arg) => !arg.startsWith("-"));
    // Once and before: files that run at the same time would install them at the same time.
    if (!namesFiles) {
      findRedisServer();
      findPostgresFolder();
      findMariadb();
      findPromtool();
      findNginx();
      findChromium();
    }
    const flags = [`--test-timeout=${TEST_TIMEOUT_MS}`];
    if (args.length === 0) {
      const bundled = await run(node, ["deploy/test-cli.mjs", TEST_CLI], {});
      if (bundled !== 0) return bundled;
      const variables = { ...COMPILED_ONCE, CROSSFADE_TEST_CLI: join(TEST_CLI, "proxy/cli/main.js") };
      return await runAllTests(
        async (given, more, timeoutMs) => await run(node, given, { variables: { ...variables, ...more }, timeoutMs }),
        flags,
      );
    }
    // Two files at once: more of them share two cores, and the ones that measure time then measure their neighbours.
    flags.push("--test-concurrency=2");
    // Behind the first file Node takes flags for the test's own.
    const given = [...args.filter((arg) => arg.startsWith("-")), ...args.filter((arg) => !arg.startsWith("-"))];
    const files = namesFiles ? [] : [TEST_FILES];
    return await run(node, ["--test", ...flags, ...given, ...files], { variables: COMPILED_ONCE });
  },
  check: async (node) => await check(node),
  format: async (node, args) => await run(node, ["node_modules/oxfmt/bin/oxfmt", ...args]),
  build: async (node) => {
    buildIfStale(node);
    return 0;
  },
  bench: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/bench/run.ts", ...args]);
  },
  scale: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/scale/run.ts", ...args]);
  },
  chaos: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/chaos/run.ts", ...args]);
  },
  cutover: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/cutover/run.ts", ...args]);
  },
  migration: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/migration/run.ts", ...args]);
  },
  soak: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/soak/run.ts", ...args]);
  },
  "fresh-clone": async (node, args) => await run(node, ["test/guides/fresh-clone.ts", ...args]),
  screenshots: async (node, args) => {
    buildIfStale(node);
    return await run(node, ["test/screenshots/run.ts", ...args]);
  },
};

/** @param {string} node @param {string[]} args */
async function runCli(node, args) {
  buildIfStale(node);
  return await run(node, [CLI, ...args], { tied: true });
}

/** Whoever was told to end begins nothing more. @type {NodeJS.Signals | null} */
let toldToEnd = null;
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
/** @type {readonly NodeJS.Signals[]} */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];

function passSignalsOn() {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      toldToEnd = signal;
      for (const child of running) child.kill(signal);
    });
  }
}

/**
 * Resolves to the exit code. Signals are passed on, and the end of this process is seen by a `tied` child as the end of
 * its IPC channel, so that not even `kill -9` leaves a proxy behind.
 * @param {string} node @param {string[]} args @param {{ tied?: boolean, variables?: Record<string, string>, timeoutMs?: number }} [options]
 * @returns {Promise<number>}
 */
async function run(node, args, options = {}) {
  if (toldToEnd !== null) return 128 + constants.signals[toldToEnd];
  const child = spawn(node, args, {
    cwd: options.tied ? process.cwd() : ROOT,
    env: { ...environment(node), ...options.variables },
    stdio: options.tied ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
    timeout: options.timeoutMs,
    killSignal: "SIGKILL",
  });
  if (process.listenerCount("SIGTERM") === 0) passSignalsOn();
  running.add(child);
  if (options.tied) endWithNpm(child);
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]);
    });
  });
}

/**
 * npm passes SIGTERM and SIGINT on to its script (which says `exec`, or they would end the shell between the two and leave
 * us running); when npm itself is killed nobody tells us, but our parent changes.
 * @param {import("node:child_process").ChildProcess} child
 */
function endWithNpm(child) {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const npm = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500);
  watch.unref();
}

const [name = "", ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
  console.error(`usage: node deploy/run.mjs ${Object.keys(COMMANDS).join(" | ")} [ARGS]`);
  process.exitCode = 2;
} else {
  try {
    installIfMissing();
    process.exitCode = await command(usableNode(), args);
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    console.error(`crossfade: ${error.message}`);
    process.exitCode = 3;
  }
}
