import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { request } from "undici";
import { readyUrls, spawnCli, type CliChild } from "../support/child.ts";
import { json, startService } from "../support/service.ts";
import type { StatusJson } from "../support/crossfade.ts";

const folder = mkdtempSync(join(tmpdir(), "crossfade-start-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let stores = 0;

function start(t: TestContext, args: string[], limitBlocks?: number): CliChild {
  const store = `sqlite:${join(folder, `store-${++stores}.db`)}`;
  const log = join(folder, `log-${stores}.ndjson`);
  const listen = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--store", store, "--divergence-log", log];
  const child = spawnCli(["start", ...listen, ...args], {
    cwd: folder,
    ...(limitBlocks === undefined ? {} : { limitBlocks }),
  });
  t.after(async () => {
    child.process.kill("SIGKILL");
    await child.ended();
  });
  return child;
}

async function statusOf(
  admin: string,
): Promise<StatusJson & { log: { problem: string | null }; store: { problem: string | null } }> {
  return (await (await request(`${admin}/api/v1/status`)).body.json()) as never;
}

async function put(url: string, body: string): Promise<number> {
  const answer = await request(url, { method: "PUT", body, headers: { "content-type": "text/plain" } });
  await answer.body.dump();
  return answer.statusCode;
}

test("start prints one ready line on stdout with the real ports, and SIGTERM ends it with 0 after the lanes have settled", async (t) => {
  const [legacy, next] = [await startService(), await startService()];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const child = start(t, ["--legacy", legacy.url, "--next", next.url]);
  await child.until("crossfade ready");
  const { proxy } = readyUrls(child.stdout());
  assert.equal(await put(`${proxy}/users/1`, "x"), 200);
  child.process.kill("SIGTERM");
  assert.equal(await child.ended(), 0);
  assert.equal(child.stdout().trimEnd().split("\n").length, 1);
  assert.equal(next.seen.length, 1);
});

test("services that cannot be reached do not stop the start: it says so, answers 502 and stays ready", async (t) => {
  const unused = await startService();
  const other = await startService();
  await Promise.all([unused.close(), other.close()]);
  const child = start(t, ["--legacy", unused.url, "--next", other.url]);
  await child.until("crossfade ready");
  await child.until(`next at ${other.url} cannot be reached`);
  await child.until(`legacy at ${unused.url} cannot be reached`);
  const { proxy, admin } = readyUrls(child.stdout());
  assert.equal(await put(`${proxy}/users/1`, "x"), 502);
  assert.equal((await request(`${admin}/readyz`)).statusCode, 200);
  assert.ok((await statusOf(admin)).warnings.some((warning) => warning.includes("ECONNREFUSED")));
});

test("a taken port is one line that names it and the way out, exit 3", async (t) => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  for (const flag of ["--listen", "--admin"]) {
    const child = start(t, [
      "--legacy",
      "http://127.0.0.1:1",
      "--next",
      "http://127.0.0.1:2",
      flag,
      `127.0.0.1:${port}`,
    ]);
    assert.equal(await child.ended(), 3);
    assert.equal(child.stdout(), "");
    const lines = child.stderr().trimEnd().split("\n");
    assert.equal(lines.length, 1, child.stderr());
    assert.match(lines[0] ?? "", new RegExp(`port ${port} .*taken.*choose another`));
  }
});

test("an unusable config is refused with file, line, column and what to write instead, exit 1", async (t) => {
  const file = join(folder, "broken.yaml");
  writeFileSync(
    file,
    "services:\n  legacy: { url: http://127.0.0.1:1 }\n  next: { url: http://127.0.0.1:2 }\nlimits: { queued: 64 }\nrouts: []\n",
  );
  const child = start(t, ["--config", file]);
  assert.equal(await child.ended(), 1);
  assert.match(child.stderr(), /broken\.yaml:4:19 limits\.queued is 64, which has no unit; write 64KiB or 64MiB/);
  assert.match(child.stderr(), /broken\.yaml:5:1 .*routs.*routes/);
});

test("legacy and next on one origin, and a real service outside loopback, are refused", async (t) => {
  const same = start(t, ["--legacy", "http://127.0.0.1:4000", "--next", "http://localhost:4000"]);
  assert.equal(await same.ended(), 1);
  assert.match(same.stderr(), /same origin|same address/i);
  const real = start(t, ["--legacy", "http://127.0.0.1:4000", "--next", "https://next.example.com"]);
  assert.equal(await real.ended(), 1);
  assert.match(real.stderr(), /effects/);
});

test("a disk that is full under log, store and spool: every client is served, what was lost is counted and shown", async (t) => {
  const [legacy, next] = [
    await startService(json(200, { value: "l".repeat(400) })),
    await startService(json(200, { value: "n".repeat(400) })),
  ];
  t.after(() => Promise.all([legacy.close(), next.close()]));
  // 512 blocks of 512 bytes, or of 1 KiB, as the shell has it: no file beyond half a megabyte.
  const child = start(t, ["--legacy", legacy.url, "--next", next.url], 512);
  await child.until("crossfade ready");
  const { proxy, admin } = readyUrls(child.stdout());
  const large = "x".repeat(3 * 1024 * 1024);
  for (let i = 0; i < 2000; i++) assert.equal(await put(`${proxy}/users/${i}`, i % 500 === 0 ? large : "small"), 200);
  assert.equal(legacy.seen.length, 2000);
  for (;;) {
    const status = await statusOf(admin);
    const [route] = status.routes;
    assert.ok(route !== undefined);
    if (route.eligible < 2000 || route.pending > 0 || status.log.problem === null || status.store.problem === null) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const outcomes = Object.values(route.outcomes).reduce((sum, count) => sum + count, 0);
    assert.equal(outcomes, 2000);
    assert.equal(route.reasons["spool-full"], 4, JSON.stringify(route));
    assert.ok(
      status.warnings.some((warning) => /log/i.test(warning)),
      status.warnings.join("\n"),
    );
    assert.ok(
      status.warnings.some((warning) => /store/i.test(warning)),
      status.warnings.join("\n"),
    );
    break;
  }
  assert.equal(child.process.exitCode, null);
});
