import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type RunningCli, runCli, startCli } from "../support/cli.ts";
import { hang, json, startService, type TestService } from "../support/service.ts";

interface Place {
  readonly folder: string;
  readonly legacy: TestService;
  readonly next: TestService;
  /** Flags for free ports, and for both services. */
  readonly flags: readonly string[];
}

async function makePlace(t: TestContext): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-start-"));
  const [legacy, next] = await Promise.all([startService(), startService()]);
  t.after(async () => {
    await Promise.all([legacy.close(), next.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  return { folder, legacy, next, flags: ["--legacy", legacy.url, "--next", next.url, ...ports] };
}

async function settled(cli: RunningCli, eligible: number): Promise<void> {
  for (;;) {
    const { routes } = (await (await fetch(`${cli.adminUrl}/api/v1/status`)).json()) as {
      routes: { eligible: number; pending: number }[];
    };
    if (routes.some((route) => route.eligible >= eligible && route.pending === 0)) return;
    await pause(10);
  }
}

test("start says it is ready in one line on stdout, proxies, and ends with 0 on SIGTERM saying what was left", async (t) => {
  const { folder, legacy, next, flags } = await makePlace(t);
  legacy.answerWith(json(200, '{"id":9007199254740993}'));
  next.answerWith(json(200, '{"id":9007199254740992}'));
  const cli = await startCli(t, flags, { cwd: folder });
  const answer = await fetch(`${cli.proxyUrl}/users/42`, { method: "PUT", body: '{"a":1}' });
  assert.equal(await answer.text(), '{"id":9007199254740993}');
  await settled(cli, 1);
  const listed = await runCli(["divergences", "--admin", cli.adminUrl], { cwd: folder });
  assert.match(
    listed.stdout,
    /divergent {2}PUT \/users\/42\n {4}\/id precision {2}9007199254740993 → 9007199254740992\n/,
  );
  assert.equal((await runCli(["status", "--admin", cli.adminUrl], { cwd: folder })).code, 1);
  cli.child.kill("SIGTERM");
  const { code, stdout, stderr } = await cli.ended;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `crossfade ready proxy=${cli.proxyUrl} admin=${cli.adminUrl}\n`);
  assert.match(stderr, /^crossfade: SIGTERM: finishing what is under way$/m);
  assert.match(stderr, /^crossfade: stopped after .*: nothing was left$/m);
});

test("a second signal is the same Ctrl-C within a second, and an order to end at once after it", async (t) => {
  const { folder, next, flags } = await makePlace(t);
  next.answerWith(hang);
  const cli = await startCli(t, flags, { cwd: folder });
  await fetch(`${cli.proxyUrl}/users/42`, { method: "PUT", body: "{}" });
  await next.sawAtLeast(1);
  let stderr = "";
  const draining = new Promise<void>((resolve) => {
    cli.child.stderr?.on("data", (chunk: Buffer) => {
      stderr += String(chunk);
      if (stderr.includes("finishing")) resolve();
    });
  });
  cli.child.kill("SIGINT");
  await draining;
  cli.child.kill("SIGINT");
  await pause(1_100);
  assert.equal(cli.child.exitCode, null, "the echo of the first signal ended it");
  cli.child.kill("SIGINT");
  const { code } = await cli.ended;
  assert.equal(code, 3);
});

test("the proxy ends when the launcher that holds its channel is gone", async (t) => {
  const { folder, flags } = await makePlace(t);
  const cli = await startCli(t, flags, { cwd: folder, ipc: true });
  cli.child.disconnect();
  const { code, stderr } = await cli.ended;
  assert.equal(code, 0);
  assert.match(stderr, /the launcher ended: finishing what is under way/);
});

test("a start that fails ends although a launcher holds the channel", async (t) => {
  const { folder, legacy, flags } = await makePlace(t);
  const taken = [...flags.slice(0, 4), "--listen", `127.0.0.1:${legacy.port}`, "--admin", "127.0.0.1:0"];
  const { code } = await runCli(["start", ...taken, "--next", "http://127.0.0.1:1"], { cwd: folder, ipc: true });
  assert.ok(code === 3 || code === 1);
});

test("a taken port is one line that names it and the way out: exit 3", async (t) => {
  const { folder, flags } = await makePlace(t);
  const other = await startService();
  t.after(() => other.close());
  for (const flag of ["--listen", "--admin"]) {
    const { code, stdout, stderr } = await runCli(["start", ...flags, flag, `127.0.0.1:${other.port}`], {
      cwd: folder,
    });
    assert.equal(code, 3, stderr);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      new RegExp(`^crossfade: port ${other.port} on 127\\.0\\.0\\.1 is taken; .*--listen or --admin$`, "m"),
    );
  }
});

test("an unusable config is told with its places and exit 1, and nothing is started", async (t) => {
  const { folder } = await makePlace(t);
  writeFileSync(join(folder, "crossfade.yaml"), "listen: 8080\nservices:\n  legacy: { url: nonsense }\n");
  const { code, stdout, stderr } = await runCli(["start"], { cwd: folder });
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^crossfade: crossfade\.yaml:1:9 /m);
  assert.match(stderr, /^crossfade: crossfade\.yaml:3:\d+ /m);
});

test("an ignore rule that is past is a warning at the start", async (t) => {
  const { folder, flags } = await makePlace(t);
  const file = join(folder, "past.yaml");
  writeFileSync(file, "defaults: { compare: { ignore: [{ at: /a, because: clock, until: 2020-01-01 }] } }\n");
  const cli = await startCli(t, [...flags, "--config", file], { cwd: folder });
  cli.child.kill("SIGTERM");
  const { code, stderr } = await cli.ended;
  assert.equal(code, 0);
  assert.match(stderr, /^crossfade: warning: .*past\.yaml:1:\d+ .*until is past \(2020-01-01\)/m);
});

test("./crossfade.yaml is taken where no service is named, and left alone where one is", async (t) => {
  const { folder, flags } = await makePlace(t);
  writeFileSync(join(folder, "crossfade.yaml"), "nonsense: true\n");
  assert.equal((await runCli(["start"], { cwd: folder })).code, 1);
  const cli = await startCli(t, flags, { cwd: folder });
  cli.child.kill("SIGTERM");
  assert.equal((await cli.ended).code, 0);
});

test("SIGHUP reads the file again, and a reader of the ready line that goes away ends nothing", async (t) => {
  const { folder, legacy, next } = await makePlace(t);
  const file = join(folder, "crossfade.yaml");
  const config = `listen: 127.0.0.1:0\nadmin: { listen: "127.0.0.1:0" }\nservices:\n  legacy: { url: "${legacy.url}" }\n  next: { url: "${next.url}" }\n`;
  writeFileSync(file, config);
  const cli = await startCli(t, [], { cwd: folder });
  cli.child.stdout?.destroy();
  writeFileSync(file, `${config}defaults: { mirror: { reads: 50% } }\n`);
  cli.child.kill("SIGHUP");
  for (;;) {
    const status = (await (await fetch(`${cli.adminUrl}/api/v1/status`)).json()) as {
      config: { revision: number; error: string | null };
    };
    assert.equal(status.config.error, null);
    if (status.config.revision > 1) break;
    await pause(10);
  }
  cli.child.kill("SIGTERM");
  const [code] = (await once(cli.child, "exit")) as [number];
  assert.equal(code, 0);
});
