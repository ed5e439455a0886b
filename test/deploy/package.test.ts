/** The package as its users get it: packed, installed into an empty folder, and run from there. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { request } from "undici";
import { buildIfStale, ROOT } from "../../deploy/prepare.mjs";
import { json, startService } from "../support/service.ts";

/** npm takes what is in its cache, which `npm ci` has filled, and the Node that runs this. */
const ENV = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
  npm_config_prefer_offline: "true",
  npm_config_update_notifier: "false",
};

let folder: string;
before(() => {
  buildIfStale(process.execPath);
  folder = mkdtempSync(join(tmpdir(), "crossfade-package-"));
  execFileSync("npm", ["pack", "--pack-destination", folder, "--ignore-scripts"], {
    cwd: ROOT,
    env: ENV,
    stdio: "pipe",
  });
  mkdirSync(join(folder, "empty"));
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const installed = spawnSync("npm", ["install", join(folder, `crossfade-${version}.tgz`)], {
    cwd: join(folder, "empty"),
    env: ENV,
    encoding: "utf8",
  });
  assert.equal(installed.status, 0, installed.stderr);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string): string => join(folder, "empty", name);

/** Asked as a user would. */
function npx(...args: readonly string[]) {
  return spawnSync("npx", ["--no-install", ...args], { cwd: join(folder, "empty"), env: ENV, encoding: "utf8" });
}

test("publint has nothing to say", async () => {
  const { messages } = await publint({ pkgDir: ROOT, strict: true });
  const pkg = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test("what is packed is what runs and what is read, and no test, database, key or environment", () => {
  const packed = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: ROOT,
      env: ENV,
      encoding: "utf8",
      stdio: "pipe",
    }),
  ) as
    | [{ readonly files: readonly { readonly path: string }[] }]
    | Record<string, { readonly files: readonly { readonly path: string }[] }>;
  const [{ files } = { files: [] }] = Object.values(packed);
  const tops = new Set(files.map(({ path }) => path.split("/")[0]));
  assert.deepEqual([...tops].sort(), [
    ".env.example",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "deploy",
    "dist",
    "docs",
    "package.json",
  ]);
  assert.deepEqual(
    files.filter(({ path }) => /(\.test\.[jt]s|\.db$|\.key$|(^|\/)\.env$)/.test(path)),
    [],
  );
});

test("`npx crossfade --help` lists the commands, from a folder where it alone was installed", () => {
  const { status, stdout } = npx("crossfade", "--help");
  assert.equal(status, 0);
  assert.match(stdout, /^ {2}start /m);
  const { stdout: version } = npx("crossfade", "--version");
  assert.match(version, /^\d+\.\d+\.\d+\n$/);
});

test("its command starts, forwards a request, mirrors it, and ends at SIGTERM", async (t) => {
  const [legacy, next] = [await startService(json(200, { id: 1 })), await startService(json(200, { id: 1 }))];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const args = [
    "start",
    "--legacy",
    legacy.url,
    "--next",
    next.url,
    "--effects",
    "suppressed",
    "--listen",
    "127.0.0.1:0",
    "--admin",
    "127.0.0.1:0",
  ];
  const child = spawn(inFolder("node_modules/.bin/crossfade"), args, {
    cwd: join(folder, "empty"),
    env: ENV,
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  const [, proxyUrl = ""] = /^crossfade ready proxy=(\S+) admin=\S+\n$/.exec(String(chunk)) ?? [];
  const answer = await request(`${proxyUrl}/users/1`, {
    method: "PUT",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual([answer.statusCode, await answer.body.text()], [200, '{"id":1}']);
  assert.equal((await next.sawAtLeast(1))[0]?.target, "/users/1");
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

const PROGRAM = `
import { createCrossfade } from "crossfade";
const [legacy, next] = process.argv.slice(2);
const common = { listen: "127.0.0.1:0", admin: { listen: "127.0.0.1:0" }, store: "memory:" };
const refused = await createCrossfade({ ...common, services: { legacy: { url: legacy }, nxt: { url: next } } }).catch((error) => error);
console.log(refused.code, refused.message);
const crossfade = await createCrossfade({
  ...common,
  services: { legacy: { url: legacy }, next: { url: next, effects: "suppressed" } },
  routes: [{ name: "users", match: { path: "/users/**" }, compare: { ignore: [{ at: "/id", because: "each counts for itself" }] } }],
});
const answer = await fetch(crossfade.proxyUrl + "/users/1", { method: "PUT", body: "{}", headers: { "content-type": "application/json" } });
console.log(answer.status, await answer.text());
const report = await crossfade.stop();
console.log(report.abandoned, report.cutOff);
`;

test("createCrossfade starts one in a program of one's own, says what is wrong with settings, and lets the process end", async (t) => {
  const [legacy, next] = [await startService(json(200, { id: 1 })), await startService(json(200, { id: 2 }))];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  writeFileSync(inFolder("program.mjs"), PROGRAM);
  const child = spawn(process.execPath, ["program.mjs", legacy.url, next.url], {
    cwd: join(folder, "empty"),
    env: ENV,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += String(chunk)));
  assert.deepEqual(await once(child, "exit"), [0, null]);
  const [refused = "", ...rest] = said.trim().split("\n");
  assert.match(refused, /^config-invalid services\.next\.url is missing; did you mean it by services\.nxt\?$/);
  assert.deepEqual(rest, ['200 {"id":1}', "0 false"]);
  assert.equal(next.seen.length, 1);
});

const TYPED = `
import { createCrossfade } from "crossfade";
import type { Judge, Normalise } from "crossfade/compare-module";
import type { ToNext } from "crossfade/transform-module";
export const judge: Judge = ({ at, kind }) => (at === "/total" && kind === "value" ? "keep" : "excuse");
export const normalise: Normalise = (answer, side) => (side === "shadow" ? { ...answer, status: 200 } : undefined);
export const toNext: ToNext = (request) => ({ ...request, target: request.target + "?v=2" });
// @ts-expect-error there is no such verdict
export const wrong: Judge = () => "maybe";
const crossfade = await createCrossfade({ services: { legacy: { url: "http://127.0.0.1:1" } }, limits: { queued: "64MiB" } });
export const url: string = crossfade.proxyUrl;
// @ts-expect-error there is no such setting
await createCrossfade({ servces: {} });
// @ts-expect-error a share is a text with its unit
await createCrossfade({ defaults: { mirror: { reads: true } } });
`;

test("its types, and those of users' modules, are found by their names and refuse what is wrong", () => {
  writeFileSync(inFolder("typed.mts"), TYPED);
  mkdirSync(inFolder("node_modules/@types"), { recursive: true });
  // Whoever embeds it has Node's types, as some of our dependencies do.
  for (const name of ["@types/node", "undici-types"]) {
    const there = inFolder(`node_modules/${name}`);
    if (!existsSync(there)) symlinkSync(join(ROOT, "node_modules", name), there);
  }
  const compilerOptions = {
    noEmit: true,
    module: "nodenext",
    target: "es2024",
    strict: true,
    skipLibCheck: false,
    types: ["node"],
  };
  writeFileSync(inFolder("tsconfig.json"), JSON.stringify({ compilerOptions, files: ["typed.mts"] }));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", inFolder("tsconfig.json")], { encoding: "utf8" });
  assert.equal(stdout, "");
});
