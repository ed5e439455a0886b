/**
 * All tests, in two parts. Half of what they would cost in processes of their own is the start of those: files that share
 * one without harm do. Every other file has its own.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./prepare.mjs";

export const TEST_FILES = "test/**/*.test.ts";
/** Folders of tests that start no process, no server and no proxy. */
const SHARED = /^test\/(unit|corpus|property)\//;
/** Two processes for two cores. */
const SHARES = 2;

/** What a file says that must not share a process with others, and why. @type {readonly RegExp[]} */
const NEEDS_OWN_PROCESS = [
  // Time, memory and garbage are the whole process'.
  /process\.(cpuUsage|memoryUsage|hrtime)|performance\.now|monitorEventLoopDelay|setFlagsFromString/,
  // What it puts in their place would be there for others too.
  /(?<!\bt\.)\bmock\.|process\.(env|on|once|chdir|stdout|stderr|exitCode)\b|globalThis/,
  // Outside a suite it goes before or after the tests of all files.
  /^(before|after)Each\(/m,
];

/** @typedef {{ tests: number, suites: number, passed: number, failed: number, cancelled: number, skipped: number, todo: number }} Counts */
/** @typedef {(args: string[], variables: Record<string, string>) => Promise<number>} RunNode */

/**
 * Both parts run, whichever fails; the last words are how many tests ran. Resolves to the exit code.
 * @param {RunNode} runNode @param {string[]} flags
 */
export async function runAllTests(runNode, flags) {
  const began = performance.now();
  const { shared, alone } = dividedFiles();
  const folder = mkdtempSync(join(tmpdir(), "crossfade-tests-"));
  try {
    const part = async (/** @type {string} */ name, /** @type {string} */ output, /** @type {string[]} */ args) => {
      const counts = join(folder, `counts-${name}.json`);
      const reporter = ["--test-reporter=./deploy/test-reporter.mjs", `--test-reporter-destination=${output}`];
      const code = await runNode(["--test", ...flags, ...reporter, ...args], { CROSSFADE_TEST_COUNTS: counts });
      return { code, counts: readCounts(counts) };
    };
    // What one says goes out at once, what the others say when all have ended.
    const outputs = shared.map((_files, share) => (share === 0 ? "stdout" : join(folder, `output-${share}.txt`)));
    const parts = await Promise.all(
      outputs.map(async (output, share) => {
        return await part(`shared-${share}`, output, ["--test-isolation=none", ...(shared[share] ?? [])]);
      }),
    );
    for (const output of outputs)
      if (output !== "stdout" && existsSync(output)) process.stdout.write(readFileSync(output));
    parts.push(await part("alone", "stdout", alone));
    return concludeTests(parts, performance.now() - began);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns {{ readonly shared: readonly string[][], readonly alone: string[] }} */
export function dividedFiles() {
  // Not by globSync, which Node 20 has not: whatever npm runs on imports this.
  const found = readdirSync(join(ROOT, "test"), { encoding: "utf8", recursive: true });
  const files = found
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/${file.replaceAll("\\", "/")}`)
    .sort();
  const together = files.filter((file) => SHARED.test(file) && mayShare(readFileSync(join(ROOT, file), "utf8")));
  const taken = new Set(together);
  // In turn: neighbours are alike, also in how long they take.
  const shares = Array.from({ length: SHARES }, (_, share) => together.filter((_file, n) => n % SHARES === share));
  // Without a file's name Node would look for files itself.
  const shared = shares.filter((share) => share.length > 0);
  return { shared, alone: files.filter((file) => !taken.has(file)) };
}

/** @param {string} text */
export function mayShare(text) {
  return !NEEDS_OWN_PROCESS.some((reason) => reason.test(text));
}

/**
 * Says what Node's runner says at its end, of all parts. A part without counts died before its end.
 * @param {readonly { readonly code: number, readonly counts: Counts | null }[]} parts @param {number} ms
 */
export function concludeTests(parts, ms) {
  const sum = (/** @type {keyof Counts} */ what) => parts.reduce((all, { counts }) => all + (counts?.[what] ?? 0), 0);
  const lines = [
    `tests ${sum("tests")}`,
    `suites ${sum("suites")}`,
    `pass ${sum("passed")}`,
    `fail ${sum("failed")}`,
    `cancelled ${sum("cancelled")}`,
    `skipped ${sum("skipped")}`,
    `todo ${sum("todo")}`,
    `duration_ms ${ms.toFixed(0)}`,
  ];
  const died = parts.filter(({ counts }) => counts === null).length;
  if (died > 0) lines.push(`${died} of ${parts.length} runs ended without a count of their tests: see above`);
  console.log(lines.map((line) => `\u2139 ${line}`).join("\n"));
  // Not by exit codes alone: code under test may set the one of a process that it shares.
  const failed = died > 0 || sum("failed") + sum("cancelled") > 0 || parts.some(({ code }) => code !== 0);
  return failed ? 1 : 0;
}

/** @param {string} file @returns {Counts | null} */
function readCounts(file) {
  try {
    return /** @type {Counts} */ (JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}
