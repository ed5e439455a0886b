import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { findNginx, findPromtool } from "../../deploy/checkers.mjs";

const ROOT = join(import.meta.dirname, "../..");

/** Stands for the CLI: says how it was called, then ends, or waits until it is told to. */
const CLI = `
const args = process.argv.slice(2);
if (args.includes("wait")) {
  process.on("SIGTERM", () => process.exit(5));
  process.on("disconnect", () => process.exit(6));
}
if (args.includes("fail")) process.exitCode = 7;
console.log(args.join(" "));
`;

/** Or they would be looked for, and put, below the small project. */
const FOUND = { CROSSFADE_TEST_PROMTOOL: findPromtool(), CROSSFADE_TEST_NGINX: findNginx() };

const LOCK = JSON.stringify({ packages: { "": {}, "node_modules/some": { version: "1.0.0" } } });

/** A small project that has the real launcher. */
let project = "";

before(() => {
  project = mkdtempSync(join(tmpdir(), "crossfade-launcher-"));
  for (const file of ["deploy", "tsconfig.json", "tsconfig.build.json"]) {
    cpSync(join(ROOT, file), join(project, file), { recursive: true });
  }
  write("package.json", '{ "name": "small", "type": "module" }');
  write("package-lock.json", LOCK);
  write("node_modules/.package-lock.json", LOCK);
  write("proxy/cli/main.ts", CLI);
  write("adapters/none.ts", "export {};\n");
  write("proxy/dashboard/page.html", '<link rel="stylesheet" href="{style}" /><script src="{script}"></script>');
  write("proxy/dashboard/main.tsx", 'import "./style.css";\ndocument.body.append("small");\n');
  write("proxy/dashboard/style.css", "body { margin: 0 }");
  write("proxy/dashboard/jsx.ts", 'export { Fragment, h } from "preact";\n');
  const built = ["typescript", "@typescript", "@types", "undici-types", "esbuild", "@esbuild", "preact", "uplot"];
  for (const name of built) {
    symlinkSync(join(ROOT, "node_modules", name), join(project, "node_modules", name));
  }
});

after(() => rmSync(project, { recursive: true, force: true }));

test("without arguments start runs the demo, with arguments the proxy, and the exit code is the command's", async () => {
  assert.deepEqual(await run("start"), { code: 0, stdout: "demo\n", stderr: "crossfade: building dist\n" });
  assert.deepEqual(await run("start", "--legacy", "http://a", "fail"), {
    code: 7,
    stdout: "start --legacy http://a fail\n",
    stderr: "",
  });
  assert.deepEqual(await run("crossfade", "status"), { code: 0, stdout: "status\n", stderr: "" });
});

test("dist is built again once a source has changed, and a build that fails leaves the old one", async () => {
  write("proxy/cli/main.ts", `${CLI}\nconsole.log("never printed");`);
  assert.equal((await run("start")).stderr, "crossfade: building dist\n");
  assert.equal((await run("start")).stderr, "");
  write("proxy/cli/main.ts", 'const wrong: number = "text";');
  const failed = await run("start");
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /proxy\/cli\/main\.ts\(1,7\): error TS2322/);
  write("proxy/cli/main.ts", CLI);
  assert.deepEqual(await run("start"), { code: 0, stdout: "demo\n", stderr: "crossfade: building dist\n" });
});

test("the dashboard is bundled into dist, without its sources, and again once it has changed", async () => {
  const built = (): readonly string[] => readdirSync(join(project, "dist/proxy/dashboard"));
  const before = built();
  assert.equal(before.length, 4, before.join(" "));
  write("proxy/dashboard/main.tsx", 'import "./style.css";\ndocument.body.append("other");\n');
  assert.equal((await run("start")).stderr, "crossfade: building dist\n");
  const [script = ""] = built().filter((name) => name.endsWith(".js") && !before.includes(name));
  assert.match(script, /^app-[A-Z0-9]{8}\.js$/);
  assert.ok(readFileSync(join(project, "dist/proxy/dashboard/index.html"), "utf8").includes(`src="/assets/${script}"`));
});

test("a signal to the shell in which npm runs its script reaches the command", async () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { start: string } };
  const { child, output } = launchBy("sh", "-c", `${scripts.start} wait`);
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [5, null]);
  await output;
});

test("the command ends when npm is killed", async () => {
  const { child, output } = launchBy("sh", "-c", "node deploy/run.mjs start wait & wait");
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await output;
});

test("the command ends when the launcher is killed", async () => {
  const { child, output } = launch("start", "wait");
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  // The pipe that both inherited ends when the last of them has ended.
  await output;
  assert.equal(child.signalCode, "SIGKILL");
});

test("dependencies that differ from the lock are installed, once, and a failure shows what npm said", async () => {
  const installs = 'printf %s "$LOCK" > node_modules/.package-lock.json';
  write("node_modules/.package-lock.json", LOCK.replace("1.0.0", "0.9.0"));
  assert.deepEqual(await withNpm("echo npm said no; exit 1"), {
    code: 3,
    stdout: "",
    stderr:
      "crossfade: installing dependencies with npm ci (once; about a minute)\nnpm said no\ncrossfade: npm ci failed (exit 1)\n",
  });
  const installed = await withNpm(`[ "$1" = ci ] && ${installs}`);
  assert.deepEqual([installed.code, installed.stdout], [0, "demo\n"]);
  assert.deepEqual(await withNpm("exit 1"), { code: 0, stdout: "demo\n", stderr: "" });
});

const LIFE = `
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
const tell = (what) => appendFileSync("life", what + " " + basename(import.meta.url) + " " + process.pid + "\\n");
tell("begin");
after(() => tell("end"));`;
const SUITE = `import test, { after, afterEach, describe } from "node:test"; ${LIFE}`;

test("all tests run: files that may share a process do, the others have their own, some wait for quiet, and the last words count all of them", async () => {
  write("test/unit/a.test.ts", `${SUITE}\ntest("one", () => {}); describe("more", () => { test("two", () => {}); });`);
  write("test/unit/b.test.ts", `${SUITE}\ntest("three", () => {});`);
  write("test/unit/c.test.ts", `${SUITE}\ntest("four", () => {}); test("not now", { skip: true }, () => {});`);
  write("test/unit/hooked.test.ts", `${SUITE}\nafterEach(() => {}); test("five", () => {});`);
  write("test/unit/setting.test.ts", `${SUITE}\nprocess.env["A"] = "1"; test("six", () => {});`);
  write("test/integration/d.test.ts", `${SUITE}\ntest("seven", () => {});`);
  write(
    "test/hostile/e.test.ts",
    `${SUITE}\ntest("eight", async () => { await import(process.env["CROSSFADE_TEST_CLI"]); });`,
  );
  write("test/chaos/f.test.ts", `${SUITE}\ntest("nine", () => {});`);
  write("test/scale/g.test.ts", `${SUITE}\ntest("ten", () => {});`);
  write("test/scale/h.test.ts", `${SUITE}\ntest("eleven", () => {});`);
  const well = await run("test");
  assert.equal(well.code, 0, well.stdout + well.stderr);
  assert.match(well.stdout, /✔ four .*✔ (ten|eleven) /s);
  assert.deepEqual(countsOf(well.stdout), [
    "tests 12",
    "suites 1",
    "pass 11",
    "fail 0",
    "cancelled 0",
    "skipped 1",
    "todo 0",
  ]);
  const life = readFileSync(join(project, "life"), "utf8").trim().split("\n");
  const pidOf = (name: string): string | undefined =>
    life.find((line) => line.startsWith(`begin ${name}.test.ts `))?.split(" ")[2];
  const sharing = [["a", "b", "c"], ["d", "e"], ["hooked"], ["setting"], ["f"], ["g"], ["h"]];
  for (const together of sharing) assert.equal(new Set(together.map(pidOf)).size, 1, together.join(" "));
  assert.equal(new Set(sharing.flat().map(pidOf)).size, sharing.length);
  // No crowd is beside those that want quiet.
  const ofQuiet = life.slice(-4).map((line) => line.split(".")[0] ?? "");
  assert.deepEqual(ofQuiet.sort(), ["begin g", "begin h", "end g", "end h"]);

  // A failure among those that share, told of by what a test of theirs sets, and one that ends its whole process.
  write("test/unit/b.test.ts", `${SUITE}\ntest("three", () => { throw new Error("no"); });`);
  write(
    "test/unit/c.test.ts",
    `${SUITE}\ntest("four", () => { process.nextTick(() => { process["exitCode"] = 0; }); });`,
  );
  const failed = await run("test");
  assert.deepEqual([failed.code, countsOf(failed.stdout)[3]], [1, "fail 1"], failed.stdout);
  assert.match(failed.stdout, /✖ three .*✔ eleven /s);
  write("test/unit/b.test.ts", `${SUITE}\ntest("three", () => process["kill"](process.pid, "SIGKILL"));`);
  const died = await run("test");
  assert.equal(died.code, 1);
  assert.match(
    died.stdout,
    /✔ eleven .*a run ended with 137, and not with its last test: test\/unit\/a\.test\.ts test\/unit\/b\.test\.ts test\/unit\/c\.test\.ts\n$/s,
  );
});

test("tests of a file run in a process of its own, with the flags that stand beside it", async () => {
  write("test/unit/only.test.ts", `${SUITE}\ntest("yes", () => {}); test("no", () => { throw new Error("ran"); });`);
  const named = await run("test", "test/unit/only.test.ts", "--test-name-pattern=yes");
  assert.equal(named.code, 0, named.stdout);
  assert.deepEqual(countsOf(named.stdout).slice(0, 3), ["tests 1", "suites 0", "pass 1"]);
});

/** Node's own words, once each. */
function countsOf(stdout: string): readonly string[] {
  return [...stdout.matchAll(/^\u2139 ((?:tests|suites|pass|fail|cancelled|skipped|todo) \d+)$/gm)].map(
    ([, count = ""]) => count,
  );
}

test("an unknown command is a usage error", async () => {
  const { code, stderr } = await run("nonsense");
  assert.equal(code, 2);
  assert.match(stderr, /^usage: /);
});

function write(file: string, content: string): void {
  mkdirSync(dirname(join(project, file)), { recursive: true });
  writeFileSync(join(project, file), content);
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...args: string[]): Promise<Ended> {
  const { child, output } = launch(...args);
  const [stdout, stderr] = await output;
  return { code: child.exitCode, stdout, stderr };
}

/** Runs start with a shell script in the place of npm. */
async function withNpm(script: string): Promise<Ended> {
  write("bin/npm", `#!/bin/sh\n${script}\n`);
  chmodSync(join(project, "bin/npm"), 0o755);
  return await run("start");
}

interface Launched {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Both texts, once the launcher and all that share its pipes have ended. */
  readonly output: Promise<readonly [stdout: string, stderr: string]>;
}

function launch(...args: string[]): Launched {
  return launchBy(process.execPath, "deploy/run.mjs", ...args);
}

function launchBy(command: string, ...args: string[]): Launched {
  const path = [join(project, "bin"), dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
  // With it in place Node takes a runner for a test file of another one.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const child = spawn(command, args, {
    cwd: project,
    env: { ...env, ...FOUND, LOCK, PATH: path, npm_lifecycle_event: "start" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  const output = Promise.all([text(child.stdout), text(child.stderr)]).then(async (texts) => {
    await ended;
    return texts;
  });
  return { child, output };
}
