/**
 * All tests, in runs of Node's test runner, some at once. Half of what tests would cost in processes of their own is the start of
 * those: files that share one without harm do.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./prepare.mjs";

export const TEST_FILES = "test/**/*.test.ts";

/** What files that may share a process are like, and how many of them do. */
const SHARED = [
  // They start no process, no server and no proxy.
  { folders: /^test\/(unit|corpus|property)\//, together: 60 },
  // What each of them leaves to be collected, and the servers of all, are there until the last has ended.
  { folders: /^test\/(contract|differential|hostile|integration)\//, together: 8 },
];

/** What a file says that must not share a process with others, and why. @type {readonly RegExp[]} */
const NEEDS_OWN_PROCESS = [
  // Time, memory and garbage are the whole process'.
  /process\.(cpuUsage|memoryUsage|hrtime)|monitorEventLoopDelay|setFlagsFromString/,
  // What it puts in their place would be there for others too.
  /(?<!\bt\.)\bmock\.|process\.(on|once|chdir|exitCode)\b|process\.(stdout|stderr)\.write =/,
  /process\.env(\[[^\]]+\]|\.\w+) =|(delete |assign\()process\.env\b|^globalThis\.\w+ =/m,
  // Outside a suite it goes before or after the tests of all files.
  /^(before|after)Each\(/m,
];

/**
 * Those that take longest, in processes of their own and first: begun late one of them would be what all of CI waits for.
 * @type {readonly string[]}
 */
export const DEAREST = [
  "test/property/no-clobber-touched.test.ts",
  "test/chaos/chaos.test.ts",
  "test/cutover/faults-of-members.test.ts",
  "test/cutover/faults-of-store.test.ts",
  "test/property/no-clobber.test.ts",
  "test/migration/mariadb-postgres.test.ts",
  "test/migration/postgres-postgres.test.ts",
  "test/migration/http-http.test.ts",
  "test/migration/sqlite-postgres.test.ts",
  "test/deploy/image.test.ts",
  "test/cutover/cutover.test.ts",
  "test/deploy/package.test.ts",
];

/** They measure what a crowd beside them would change: two at once, one a core, when the others have ended. */
const QUIET = /^test\/((scale|soak)\/|integration\/demo\.)/;
const QUIET_AT_ONCE = 2;

/** On two cores; tests wait for timers, disks and each other for half of their time. */
const AT_ONCE = 4;

/** Also one that has told of all its tests and does not end, because something that it began is still there. */
const RUN_TIMEOUT_MS = 900_000;

/** @typedef {{ tests: number, suites: number, passed: number, failed: number, cancelled: number, skipped: number, todo: number }} Counts */
/** @typedef {(args: string[], variables: Record<string, string>, timeoutMs: number) => Promise<number>} RunNode */
/** @typedef {readonly string[]} Run files of one process */
/** @typedef {{ readonly run: Run, readonly code: number, readonly counts: Counts | null }} Ended */

/**
 * All runs are run, whichever fails; the last words are how many tests ran. Resolves to the exit code.
 * @param {RunNode} runNode @param {string[]} flags
 */
export async function runAllTests(runNode, flags) {
  const began = performance.now();
  const { crowd, quiet } = planRuns(testFiles());
  const folder = mkdtempSync(join(tmpdir(), "crossfade-tests-"));
  const madeOnce = join(folder, "made-once");
  mkdirSync(madeOnce);
  let n = 0;
  const doRun = async (/** @type {Run} */ run) => {
    const [output, counts] = [join(folder, `output-${++n}.txt`), join(folder, `counts-${n}.json`)];
    const reporter = ["--test-reporter=./deploy/test-reporter.mjs", `--test-reporter-destination=${output}`];
    const code = await runNode(
      ["--test", "--test-isolation=none", ...flags, ...reporter, ...run],
      { CROSSFADE_TEST_COUNTS: counts, CROSSFADE_TEST_MADE_ONCE: madeOnce },
      RUN_TIMEOUT_MS,
    );
    // At once, or what several say would be in each other's way.
    if (existsSync(output)) process.stdout.write(readFileSync(output));
    return { run, code, counts: readCounts(counts) };
  };
  try {
    const ended = [...(await inTurn(crowd, AT_ONCE, doRun)), ...(await inTurn(quiet, QUIET_AT_ONCE, doRun))];
    return concludeTests(ended, performance.now() - began);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * `atOnce` of them at any time.
 * @template One, Result
 * @param {readonly One[]} all @param {number} atOnce @param {(one: One) => Promise<Result>} work
 */
async function inTurn(all, atOnce, work) {
  const waiting = [...all];
  /** @type {Result[]} */
  const results = [];
  const worker = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) results.push(await work(one));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

export function testFiles() {
  // Not by globSync, which Node 20 has not: whatever npm runs on imports this.
  const found = readdirSync(join(ROOT, "test"), { encoding: "utf8", recursive: true });
  return found
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `test/${file.replaceAll("\\", "/")}`)
    .sort();
}

/**
 * In the order in which they begin.
 * @param {readonly string[]} files @returns {{ readonly crowd: readonly Run[], readonly quiet: readonly Run[] }}
 */
export function planRuns(files) {
  const dearest = DEAREST.filter((file) => files.includes(file));
  const quiet = files.filter((file) => QUIET.test(file));
  const others = files.filter((file) => !dearest.includes(file) && !quiet.includes(file));
  const shared = SHARED.flatMap(({ folders, together }) => {
    const sharing = others.filter((file) => folders.test(file) && mayShare(readFileSync(join(ROOT, file), "utf8")));
    const count = Math.ceil(sharing.length / together);
    // In turn: neighbours are alike, also in how long they take.
    return Array.from({ length: count }, (_, run) => sharing.filter((_file, n) => n % count === run));
  });
  const taken = new Set(shared.flat());
  const alone = others.filter((file) => !taken.has(file)).map((file) => [file]);
  return { crowd: [...dearest.map((file) => [file]), ...shared, ...alone], quiet: quiet.map((file) => [file]) };
}

/** @param {string} text */
function mayShare(text) {
  return !NEEDS_OWN_PROCESS.some((reason) => reason.test(text));
}

/**
 * Says what Node's runner says at its end, of all runs. One without counts died before its end.
 * @param {readonly Ended[]} ended @param {number} ms
 */
function concludeTests(ended, ms) {
  const sum = (/** @type {keyof Counts} */ what) => ended.reduce((all, { counts }) => all + (counts?.[what] ?? 0), 0);
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
  // Not by counts alone: one that told of all its tests may not have ended by itself. Nor by exit codes: code under test may set
  // the one of a process that it shares.
  const untold = ended.filter(
    ({ code, counts }) => counts === null || (code !== 0 && counts.failed + counts.cancelled === 0),
  );
  for (const { run, code } of untold)
    lines.push(`a run ended with ${code}, and not with its last test: ${run.join(" ")}`);
  console.log(lines.map((line) => `\u2139 ${line}`).join("\n"));
  return untold.length > 0 || sum("failed") + sum("cancelled") > 0 ? 1 : 0;
}

/** @param {string} file @returns {Counts | null} */
function readCounts(file) {
  try {
    return /** @type {Counts} */ (JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}
