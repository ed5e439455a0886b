import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  type DivergenceLog,
  type DivergenceLogOptions,
  openDivergenceLog,
} from "../../../proxy/record/divergence-log.ts";
import { evidenceFolder, handClock, type HandClock } from "../../support/evidence.ts";
import { until } from "../../support/until.ts";

const DAY = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

interface Place {
  readonly file: string;
  readonly clock: HandClock;
  open(options?: Partial<DivergenceLogOptions>): Promise<DivergenceLog>;
}

function place(t: TestContext, file: string = join(evidenceFolder(t), "divergences.ndjson")): Place {
  const clock = handClock(Date.now());
  return {
    file,
    clock,
    async open(options = {}) {
      const log = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes: 1024 * MIB, clock, ...options });
      t.after(() => log.close());
      return log;
    },
  };
}

const line = (n: number, size = 0): string => JSON.stringify({ n, pad: "x".repeat(size) });

/** The lines of all files of the log, the oldest first; each must parse. */
function linesOf(file: string): { n: number }[] {
  const stem = basename(file, ".ndjson");
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(stem));
  names.sort((a, b) => Number(a === basename(file)) - Number(b === basename(file)) || (a < b ? -1 : 1));
  return names
    .flatMap((name) => readFileSync(join(dirname(file), name), "utf8").split("\n"))
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text) as { n: number });
}

const numbersOf = (file: string): number[] => linesOf(file).map(({ n }) => n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test("lines are in the file in their order, whole, in a file that is the owner's alone", async (t) => {
  const { file, open } = place(t);
  const log = await open();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  for (let n = 0; n < 5000; n++) log.append(line(n, n % 300));
  assert.equal(log.health().pendingLines, 5000);
  await log.flush();
  assert.deepEqual(numbersOf(file), upTo(5000));
  assert.deepEqual(log.health(), { file, problem: null, lostLines: 0, pendingLines: 0 });
  assert.ok(readFileSync(file, "utf8").endsWith("}\n"));
});

test("a restart goes on in the same file", async (t) => {
  const { file, open } = place(t);
  for (let n = 0; n < 3; n++) {
    const log = await open();
    log.append(line(n));
    await log.close();
  }
  assert.deepEqual(numbersOf(file), upTo(3));
});

test("it can be followed: a line is there once it is flushed, without a restart or a close", async (t) => {
  const { file, open } = place(t);
  const log = await open();
  for (let n = 0; n < 3; n++) {
    log.append(line(n));
    await log.flush();
    assert.deepEqual(numbersOf(file), upTo(n + 1));
  }
});

test("a line that a kill left torn is closed at the next start, so that all that follows parses", async (t) => {
  const { file, open } = place(t);
  writeFileSync(file, `${line(0)}\n{"n":1,"pa`);
  const log = await open();
  log.append(line(2));
  await log.flush();
  assert.deepEqual(readFileSync(file, "utf8").split("\n"), [line(0), '{"n":1,"pa', line(2), ""]);
});

test("a process killed while it writes leaves whole lines, and at most the last one torn", async (t) => {
  const { file, open } = place(t);
  const script = `
    import { openDivergenceLog } from ${JSON.stringify(join(import.meta.dirname, "../../../proxy/record/divergence-log.ts"))};
    const log = await openDivergenceLog({ file: ${JSON.stringify(file)}, keepMs: 1e9, maxBytes: 1e9,
      clock: { now: () => Date.now(), monotonic: () => performance.now() } });
    for (let n = 0; ; n++) {
      log.append(JSON.stringify({ n, pad: "x".repeat(5000) }));
      if (n % 100 === 99) { await log.flush(); process.stdout.write(n + "\\n"); }
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  const log = await open();
  log.append(line(-1));
  await log.flush();
  const lines = readFileSync(file, "utf8").split("\n");
  const torn = lines.filter((text) => text !== "" && !isJson(text));
  assert.ok(torn.length <= 1);
  assert.ok(lines.length > 100);
  assert.equal(lines.at(-2), line(-1));
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("it is rotated by size and pruned to its bound, the oldest lines first, and no line is cut or doubled", async (t) => {
  const { file, open, clock } = place(t);
  const maxBytes = 80_000;
  const log = await open({ maxBytes });
  for (let n = 0; n < 2000; n++) {
    log.append(line(n, 80));
    if (n % 50 === 49) await log.flush();
    clock.move(1);
  }
  await log.flush();
  const names = readdirSync(dirname(file));
  assert.ok(names.length > 4, names.join(" "));
  assert.ok(
    names.every((name) => /^divergences(?:\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z(?:-\d+)?)?\.ndjson$/.test(name)),
    names.join(" "),
  );
  const bytes = names.reduce((sum, name) => sum + statSync(join(dirname(file), name)).size, 0);
  assert.ok(bytes <= maxBytes, `${bytes}`);
  assert.ok(bytes > maxBytes / 2, `${bytes}`);
  const numbers = numbersOf(file);
  assert.deepEqual(numbers, upTo(2000).slice(-numbers.length));
});

test("it is rotated by age, also while nothing is written, and what is too old is removed", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { file, open, clock } = place(t);
  const log = await open({ keepMs: 8 * DAY });
  log.append(line(0));
  await log.flush();
  clock.move(1.1 * DAY);
  log.append(line(1));
  await log.flush();
  assert.equal(readdirSync(dirname(file)).length, 2);
  assert.deepEqual(numbersOf(file), [0, 1]);
  clock.move(8.1 * DAY);
  t.mock.timers.tick(60 * 60 * 1000);
  const isEmpty = (): boolean => statSync(file, { throwIfNoEntry: false })?.size === 0;
  await until(isEmpty);
  // The second file's lines are 8 days old, but it has only now been closed.
  assert.deepEqual(numbersOf(file), [1]);
});

test("files of others beside it are left alone", async (t) => {
  const { file, open, clock } = place(t);
  const folder = dirname(file);
  const others = ["divergences.old.ndjson", "divergences.2020-01-01.ndjson", "other.2020-01-01T00-00-00-000Z.ndjson"];
  for (const name of others) writeFileSync(join(folder, name), "keep me");
  const ours = join(folder, "divergences.2020-01-01T00-00-00-000Z.ndjson");
  writeFileSync(ours, `${line(0)}\n`);
  utimesSync(ours, clock.now() / 1000, clock.now() / 1000);
  await open();
  assert.deepEqual(readdirSync(folder).sort(), ["divergences.ndjson", ...others].sort());
});

test("it starts where it cannot write, says so, and writes everything once it can", async (t) => {
  const folder = join(evidenceFolder(t), "logs");
  const { file, open } = place(t, join(folder, "divergences.ndjson"));
  const log = await open();
  assert.match(log.health().problem ?? "", new RegExp(`${file} cannot be written: .*ENOENT`));
  log.append(line(0));
  log.append(line(1));
  await log.flush();
  assert.equal(log.health().pendingLines, 2);
  mkdirSync(folder);
  await log.flush();
  assert.deepEqual(numbersOf(file), [0, 1]);
  assert.deepEqual(log.health(), { file, problem: null, lostLines: 0, pendingLines: 0 });
});

test("beyond a bounded buffer lines are lost, the newest, and each is counted", async (t) => {
  const folder = join(evidenceFolder(t), "logs");
  const { file, open } = place(t, join(folder, "divergences.ndjson"));
  const log = await open();
  for (let n = 0; n < 12; n++) log.append(line(n, MIB));
  await log.flush();
  const { lostLines, pendingLines } = log.health();
  assert.equal(lostLines + pendingLines, 12);
  assert.ok(pendingLines >= 6 && pendingLines <= 8, `${pendingLines}`);
  mkdirSync(folder);
  await log.flush();
  assert.deepEqual(numbersOf(file), upTo(pendingLines));
  assert.equal(log.health().lostLines, lostLines);
});

test("a file that is moved or removed, or whose folder goes, is begun anew, and says so while it cannot be", async (t) => {
  const folder = join(evidenceFolder(t), "logs");
  mkdirSync(folder);
  const { file, open } = place(t, join(folder, "divergences.ndjson"));
  const log = await open();
  log.append(line(0));
  await log.flush();
  renameSync(file, join(folder, "moved"));
  log.append(line(1));
  await log.flush();
  assert.deepEqual(numbersOf(file), [1]);
  rmSync(folder, { recursive: true });
  log.append(line(2));
  await log.flush();
  assert.match(log.health().problem ?? "", /ENOENT/);
  mkdirSync(folder);
  await log.flush();
  assert.deepEqual(numbersOf(file), [2]);
  assert.equal(log.health().lostLines, 0);
});

test("something in its place that is no file is a problem in words, and stops nothing", async (t) => {
  const { file, open } = place(t);
  mkdirSync(file);
  const log = await open();
  assert.match(log.health().problem ?? "", /cannot be written: it is not a regular file/);
  rmdirSync(file);
  log.append(line(0));
  await log.flush();
  assert.equal(log.health().problem, null);
});

test("a log into nothing is never rotated, so that the device stays what it is", async (t) => {
  const { file, open } = place(t);
  // Through a link: only that could be renamed if this were broken.
  symlinkSync("/dev/null", file);
  const log = await open({ maxBytes: 1000 });
  for (let n = 0; n < 100; n++) {
    log.append(line(n, 100));
    await log.flush();
  }
  assert.equal(statSync(file).isCharacterDevice(), true);
  assert.deepEqual(readdirSync(dirname(file)), [basename(file)]);
  assert.deepEqual(log.health(), { file, problem: null, lostLines: 0, pendingLines: 0 });
});

test("a disk that is full keeps what was written whole, says so, and a file begun anew begins with a whole line", async (t) => {
  const { file } = place(t);
  const script = `
    import { renameSync } from "node:fs";
    import { openDivergenceLog } from ${JSON.stringify(join(import.meta.dirname, "../../../proxy/record/divergence-log.ts"))};
    const log = await openDivergenceLog({ file: ${JSON.stringify(file)}, keepMs: 1e9, maxBytes: 1e9,
      clock: { now: () => Date.now(), monotonic: () => performance.now() } });
    for (let n = 0; n < 100; n++) log.append(JSON.stringify({ n, pad: "x".repeat(10_000) }));
    await log.flush();
    const failed = log.health();
    renameSync(${JSON.stringify(file)}, ${JSON.stringify(`${file}.full`)});
    await log.flush();
    await log.close();
    process.stdout.write(JSON.stringify({ failed, closed: log.health() }));`;
  const child = spawn(
    "sh",
    ["-c", `ulimit -f 512; exec "$0" "$@"`, process.execPath, "--input-type=module", "-e", script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const said = (await child.stdout.toArray()) as Buffer[];
  const { failed, closed } = JSON.parse(Buffer.concat(said).toString()) as Record<
    "failed" | "closed",
    { problem: string; lostLines: number; pendingLines: number }
  >;
  assert.match(failed.problem, /EFBIG|ENOSPC/);
  const wholeLines = (name: string): number[] =>
    readFileSync(name, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((text) => (JSON.parse(text) as { n: number }).n);
  const before = wholeLines(`${file}.full`);
  const after = wholeLines(file);
  assert.ok(before.length > 0 && after.length > 0);
  // The line that was torn in the full file is written whole into the new one.
  assert.deepEqual([...before, ...after], upTo(before.length + after.length));
  assert.equal(closed.pendingLines, 0);
  // Lines of a batch that was only begun count as lost together.
  assert.ok(
    closed.lostLines >= 100 - before.length - after.length && closed.lostLines <= 100,
    `${closed.lostLines} lost`,
  );
});

test("a closed log loses what comes and counts it", async (t) => {
  const { file, open } = place(t);
  const log = await open();
  log.append(line(0));
  await log.close();
  log.append(line(1));
  await log.flush();
  assert.equal(log.health().lostLines, 1);
  assert.deepEqual(numbersOf(file), [0]);
});
