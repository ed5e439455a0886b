import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { type DivergenceLog, openDivergenceLog } from "../../../proxy/record/divergence-log.ts";
import type { LineFate } from "../../../proxy/record/log-erasure.ts";
import { evidenceFolder, handClock, type HandClock } from "../../support/evidence.ts";

const LOG_URL = new URL("../../../proxy/record/divergence-log.ts", import.meta.url).href;
const DAY = 24 * 60 * 60 * 1000;

const line = (key: string, n: number, size = 0): string => JSON.stringify({ n, key, pad: "x".repeat(size) });
const isBob = (text: Buffer): LineFate => (text.includes('"key":"bob"') ? "erased" : "kept");

interface Place {
  readonly file: string;
  readonly clock: HandClock;
  readonly log: DivergenceLog;
}

async function place(t: TestContext, maxBytes = 1e9): Promise<Place> {
  const file = join(evidenceFolder(t), "divergences.ndjson");
  const clock = handClock(Date.now());
  const log = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes, clock });
  t.after(() => log.close());
  return { file, clock, log };
}

function filesOf(file: string): readonly string[] {
  return readdirSync(dirname(file)).map((name) => join(dirname(file), name));
}

function textOf(file: string): string {
  return filesOf(file)
    .map((path) => readFileSync(path, "utf8"))
    .join("");
}

function numbersOf(file: string): readonly number[] {
  const lines = textOf(file)
    .split("\n")
    .filter((text) => text !== "");
  return lines.map((text) => (JSON.parse(text) as { n: number }).n).sort((a, b) => a - b);
}

test("lines are taken out of the present and of rotated files; all others stay, in files of the owner's alone", async (t) => {
  const { file, log, clock } = await place(t, 80_000);
  for (let n = 0; n < 400; n++) {
    log.append(line(n % 4 === 0 ? "bob" : "ann", n, 100));
    if (n % 20 === 0) await log.flush();
    clock.move(1000);
  }
  await log.flush();
  assert.ok(filesOf(file).length > 3, "nothing is rotated");
  const before = numbersOf(file);

  assert.deepEqual(await log.erase(isBob, true), { erased: 100, unreadable: 0 });
  assert.deepEqual(numbersOf(file), before);
  assert.deepEqual(await log.erase(isBob, false), { erased: 100, unreadable: 0 });
  assert.deepEqual(
    numbersOf(file),
    before.filter((n) => n % 4 !== 0),
  );
  for (const path of filesOf(file)) assert.equal(statSync(path).mode & 0o777, 0o600, path);
  assert.deepEqual(await log.erase(isBob, false), { erased: 0, unreadable: 0 });

  log.append(line("ann", 1000));
  await log.flush();
  assert.match(readFileSync(file, "utf8"), /"n":1000/);
  assert.equal(log.health().problem, null);
});

test("a file without such lines is not touched", async (t) => {
  const { file, log } = await place(t);
  log.append(line("ann", 1));
  await log.flush();
  const before = statSync(file);
  assert.deepEqual(await log.erase(isBob, false), { erased: 0, unreadable: 0 });
  const after = statSync(file);
  assert.deepEqual([after.ino, after.mtimeMs, filesOf(file)], [before.ino, before.mtimeMs, [file]]);
});

test("no line that is appended meanwhile is lost or written twice", async (t) => {
  const { file, log } = await place(t);
  let n = 0;
  const append = (key: string): void => log.append(line(key, n++, 200));
  for (let i = 0; i < 20_000; i++) append(i % 2 === 0 ? "ann" : "bob");
  let done = false;
  const erasing = log.erase(isBob, false).finally(() => (done = true));
  let meanwhile = 0;
  while (!done) {
    for (let i = 0; i < 5; i++) append("ann");
    meanwhile += 5;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal((await erasing).erased, 10_000);
  await log.flush();
  assert.ok(meanwhile > 0);
  const numbers = numbersOf(file);
  assert.equal(numbers.length, 10_000 + meanwhile);
  assert.equal(new Set(numbers).size, numbers.length);
  assert.equal(log.health().lostLines, 0);
});

test("lines longer than any of ours, torn and binary ones are passed on byte for byte", async (t) => {
  const { file, log, clock } = await place(t);
  await log.close();
  const huge = Buffer.alloc(40 * 1024 * 1024, 0x61);
  const bytes = [
    Buffer.from(`${line("bob", 1)}\n\n\r\n`),
    huge,
    Buffer.from(`\n${line("bob", 2)}\n`),
    Buffer.from([0xff, 0x00, 0x0a]),
    Buffer.from('{"torn'),
  ];
  writeFileSync(file, Buffer.concat(bytes));
  const again = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes: 1e9, clock });
  t.after(() => again.close());
  assert.equal((await again.erase(isBob, false)).erased, 2);
  const rotated = filesOf(file).find((path) => path !== file && existsSync(path)) ?? file;
  const left = Buffer.concat([
    Buffer.from("\n\r\n"),
    huge,
    Buffer.from("\n"),
    Buffer.from([0xff, 0x00, 0x0a]),
    // Opening the log closes a torn line.
    Buffer.from('{"torn\n'),
  ]);
  assert.ok(readFileSync(rotated).equals(left));
});

test("what a process that died had begun to write beside is removed at the next start, and nothing else", async (t) => {
  const { file, log, clock } = await place(t);
  await log.close();
  const folder = dirname(file);
  const unfinished = join(folder, "divergences.2026-11-22T12-00-00-000Z.ndjson.rewriting");
  const others = ["divergences-of-another.rewriting", "divergences.ndjson.rewriting"].map((name) => join(folder, name));
  for (const path of [unfinished, ...others]) writeFileSync(path, line("bob", 1));
  const again = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes: 1e9, clock });
  t.after(() => again.close());
  assert.deepEqual(
    [unfinished, ...others].map((path) => existsSync(path)),
    [false, true, true],
  );
});

test("where it cannot write, it says so, every line is whole, and the next time it succeeds", async (t) => {
  const { file, log } = await place(t);
  for (let n = 0; n < 10; n++) log.append(line(n % 2 === 0 ? "ann" : "bob", n));
  await log.flush();
  // The present file is left for a rotated one, whose name nobody knows before: a folder is in the way of the next.
  assert.equal((await log.erase((text) => (text.includes('"n":1,') ? "erased" : "kept"), false)).erased, 1);
  const [rotated = ""] = filesOf(file).filter((path) => path !== file);
  const obstacle = `${rotated}.rewriting`;
  mkdirSync(obstacle);
  await assert.rejects(log.erase(isBob, false), { code: "log-unwritable", message: new RegExp(basename(file)) });
  assert.deepEqual(numbersOfFiles([rotated]), [0, 2, 3, 4, 5, 6, 7, 8, 9]);
  rmSync(obstacle, { recursive: true });
  chmodSync(rotated, 0o640);
  assert.equal((await log.erase(isBob, false)).erased, 4);
  assert.deepEqual(numbersOfFiles([rotated]), [0, 2, 4, 6, 8]);
  assert.equal(statSync(rotated).mode & 0o777, 0o640);
});

function numbersOfFiles(paths: readonly string[]): readonly number[] {
  const lines = paths.flatMap((path) => readFileSync(path, "utf8").trimEnd().split("\n"));
  return lines.map((text) => (JSON.parse(text) as { n: number }).n);
}

test("where the log is a link to a file elsewhere, that file is written anew", async (t) => {
  const { file, log, clock } = await place(t);
  await log.close();
  const elsewhere = join(evidenceFolder(t), "real.ndjson");
  writeFileSync(elsewhere, `${line("bob", 1)}\n${line("ann", 2)}\n`);
  rmSync(file);
  symlinkSync(elsewhere, file);
  const linked = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes: 1e9, clock });
  t.after(() => linked.close());
  assert.equal((await linked.erase(isBob, false)).erased, 1);
  assert.equal(readFileSync(elsewhere, "utf8"), `${line("ann", 2)}\n`);
});

test("a log that is closed, or is no regular file, is told from one without such lines", async (t) => {
  const { log, clock } = await place(t);
  log.append(line("bob", 1));
  await log.flush();
  await log.close();
  await assert.rejects(log.erase(isBob, false), { code: "log-unwritable", message: /is closed/ });

  const nowhere = await openDivergenceLog({ file: "/dev/null", keepMs: DAY, maxBytes: 1e9, clock });
  t.after(() => nowhere.close());
  nowhere.append(line("bob", 1));
  assert.deepEqual(await nowhere.erase(isBob, false), { erased: 0, unreadable: 0 });
});

test("a process that is killed while it erases loses no other line", async (t) => {
  const { file, log } = await place(t);
  await log.close();
  const count = 60_000;
  const lines = Array.from({ length: count }, (_, n) => line(n % 3 === 0 ? "bob" : "ann", n, 500));
  writeFileSync(file, `${lines.join("\n")}\n`);
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { openDivergenceLog } from ${JSON.stringify(LOG_URL)};
       const clock = { now: () => Date.now(), monotonic: () => performance.now() };
       const log = await openDivergenceLog({ file: ${JSON.stringify(file)}, keepMs: 1e9, maxBytes: 1e9, clock });
       await log.erase((line) => (line.includes('"key":"bob"') ? "erased" : "kept"), false);`,
    ],
    { stdio: "inherit" },
  );
  const gone = once(child, "exit");
  while (child.exitCode === null && !filesOf(file).some((path) => path.endsWith(".rewriting")))
    await new Promise((resolve) => setImmediate(resolve));
  child.kill("SIGKILL");
  await gone;
  const kept = filesOf(file).filter((path) => path.endsWith(".ndjson"));
  const numbers = new Set(numbersOfFiles(kept.filter((path) => statSync(path).size > 0)));
  for (let n = 0; n < count; n++) if (n % 3 !== 0) assert.ok(numbers.has(n), `line ${n}`);

  const again = await openDivergenceLog({ file, keepMs: 7 * DAY, maxBytes: 1e9, clock: handClock(Date.now()) });
  t.after(() => again.close());
  await again.erase(isBob, false);
  assert.equal(numbersOf(file).length, (count / 3) * 2);
  assert.ok(filesOf(file).every((path) => path.endsWith(".ndjson")));
});
