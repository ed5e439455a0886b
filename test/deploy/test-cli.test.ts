/** The bundle that a whole run of the tests starts in place of the sources (deploy/test-cli.mjs) does what those do. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { buildIfStale, ROOT } from "../../deploy/prepare.mjs";
import { runCli, startCli } from "../support/cli.ts";
import { json, startService } from "../support/service.ts";

const SOURCES = join(ROOT, "proxy/cli/main.ts");
mkdirSync(join(ROOT, ".tmp"), { recursive: true });
const folder = mkdtempSync(join(ROOT, ".tmp/test-cli-"));
const BUNDLE = join(folder, "proxy/cli/main.js");
after(() => rmSync(folder, { recursive: true, force: true }));
buildIfStale(process.execPath);
bundle();

function bundle(): void {
  const { status, stderr } = spawnSync(process.execPath, ["deploy/test-cli.mjs", folder], {
    cwd: ROOT,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
}

test("version, help, refusals and what check finds are the same words", async (t) => {
  const cwd = place(t);
  writeFileSync(
    join(cwd, "crossfade.yaml"),
    "listen: 127.0.0.1:0\nservices: { legacy: { url: 7 } }\nroutes: [{ compare: }]\n",
  );
  for (const args of [
    ["--version"],
    ["--help"],
    ["start", "--help"],
    ["no-command"],
    ["check"],
    ["completions", "bash"],
  ]) {
    const [expected, told] = [await runCli(args, { cwd, entry: SOURCES }), await runCli(args, { cwd, entry: BUNDLE })];
    assert.deepEqual(told, expected, args.join(" "));
    assert.notEqual(told.stdout + told.stderr, "");
  }
});

test("start proxies, compares in its thread and keeps in its store, with worker processes, and shows the dashboard", async (t) => {
  // More than is compared without the thread.
  const items = Array.from({ length: 20_000 }, (_, n) => ({ n, name: "x".repeat(20) }));
  const [legacy, next] = [
    await startService(json(200, items)),
    await startService(json(200, items.with(-1, { n: -1, name: "other" }))),
  ];
  t.after(async () => void (await Promise.all([legacy.close(), next.close()])));
  const sides = [];
  for (const entry of [SOURCES, BUNDLE]) {
    const cwd = place(t);
    const flags = ["--legacy", legacy.url, "--next", next.url, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    const { proxyUrl, adminUrl, child, ended } = await startCli(t, [...flags, "--workers", "2"], { cwd, entry });
    const answer = await fetch(`${proxyUrl}/users/42`, { method: "PUT", body: "{}" });
    assert.deepEqual(await answer.json(), items);
    const found = async (): Promise<readonly { readonly differences: unknown }[]> =>
      ((await (await fetch(`${adminUrl}/api/v1/divergences`)).json()) as { items: { differences: unknown }[] }).items;
    while ((await found()).length === 0) await pause(20);
    const page = await (await fetch(adminUrl)).text();
    const differences = (await found()).map((one) => one.differences);
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    sides.push({ page, differences, code, words: stderr.replaceAll(/\d+ ms/g, "ms"), left: readdirSync(cwd).sort() });
  }
  assert.deepEqual(sides[1], sides[0]);
  assert.match(sides[1]?.page ?? "", /<script/);
});

test("made again it stays as it is, but for what no longer belongs to it", () => {
  const stale = join(folder, "chunks/stale.js");
  writeFileSync(stale, "");
  const before = readdirSync(folder, { recursive: true });
  bundle();
  assert.ok(!existsSync(stale));
  assert.deepEqual(
    readdirSync(folder, { recursive: true }),
    before.filter((file) => file !== "chunks/stale.js"),
  );
});

function place(t: TestContext): string {
  const cwd = mkdtempSync(join(tmpdir(), "crossfade-test-cli-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  return cwd;
}
