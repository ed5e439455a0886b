/** Erasure through the real proxy, the real command and the files that are left. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { PurgeResult } from "../../proxy/evidence/purge.ts";
import { bytesIn } from "../support/folder-bytes.ts";
import { runCli, startCli, type RunningCli } from "../support/cli.ts";
import { configText, type StatusJson } from "../support/crossfade.ts";
import { evidenceFolder } from "../support/evidence.ts";
import { json, startService } from "../support/service.ts";

interface Running extends RunningCli {
  readonly folder: string;
  put(path: string): Promise<void>;
  /** Resolves when every write so far has its outcome. */
  settled(): Promise<void>;
  purge(...args: readonly string[]): ReturnType<typeof runCli>;
  keys(): Promise<readonly (string | null)[]>;
  /** Files of the folder in which `text` is, as it is or as JSON spells it. */
  holders(text: string): readonly string[];
}

const ROUTES = `
routes:
  - name: accounts
    match: { path: "/accounts/:id" }
    redact: ["path:id"]
  - name: rest
    match: { path: "/**" }
`;

async function start(t: TestContext): Promise<Running> {
  const folder = evidenceFolder(t);
  const legacy = await startService(json(200, { total: 1 }));
  const next = await startService(json(200, { total: 2 }));
  t.after(() => Promise.all([legacy.close(), next.close()]));
  const config = join(folder, "crossfade.yaml");
  writeFileSync(config, configText(folder, legacy, next, { store: "sqlite", routes: ROUTES }));
  const running = await startCli(t, ["--config", config], { cwd: folder });
  const api = async <T>(path: string): Promise<T> => (await (await request(running.adminUrl + path)).body.json()) as T;
  let sent = 0;
  return {
    ...running,
    folder,
    async put(path) {
      const answer = await request(running.proxyUrl + path, { method: "PUT", body: "{}" });
      await answer.body.dump();
      sent += 1;
    },
    async settled() {
      for (;;) {
        const { routes } = await api<StatusJson>("/api/v1/status");
        const eligible = routes.reduce((sum, route) => sum + route.eligible, 0);
        if (eligible >= sent && routes.every(({ pending }) => pending === 0)) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    purge: (...args) => runCli(["divergences", "purge", "--admin", running.adminUrl, ...args], { cwd: folder }),
    async keys() {
      const { items } = await api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000");
      return items.map(({ key }) => key);
    },
    holders(text) {
      const spelled = JSON.stringify(text).slice(1, -1);
      return [...bytesIn(folder)]
        .filter(([name, bytes]) => name !== "crossfade.yaml" && [text, spelled].some((one) => bytes.includes(one)))
        .map(([name]) => name);
    },
  };
}

test("crossfade divergences purge leaves no byte of a key in store and log, and everything of the others", async (t) => {
  const running = await start(t);
  const hostile = `o'brien "x"\n\\${"y".repeat(10_000)}`;
  const ids = ["ann", hostile, "bob"];
  for (let i = 0; i < 20; i++) for (const id of ids) await running.put(`/users/${encodeURIComponent(id)}`);
  await running.put("/orders/ann");
  await running.settled();
  assert.equal((await running.keys()).length, 61);
  assert.ok(running.holders("y".repeat(40)).length >= 2, "nothing to prove");

  const dry = await running.purge("--key", `users/${hostile}`, "--dry-run");
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(
    dry.stdout,
    /^would erase 20 records \(\d+ samples? of groups among them\), [1-8] pairs?, 20 lines of the divergence log\n/,
  );
  assert.match(dry.stdout, /the repair list and gaps stay/);
  assert.equal((await running.keys()).length, 61);

  const done = await running.purge("--key", `users/${hostile}`, "--json", "--reason", "asked for by the user");
  assert.equal(done.code, 0, done.stderr);
  const { records, logLines, dryRun } = JSON.parse(done.stdout) as PurgeResult;
  assert.deepEqual([records, logLines, dryRun], [20, 20, false]);
  for (const trace of [hostile, encodeURIComponent(hostile), "o'brien", "y".repeat(40)])
    assert.deepEqual(running.holders(trace), [], trace.slice(0, 20));
  const left = await running.keys();
  assert.deepEqual([left.filter((key) => key === "users/ann").length, left.length], [20, 41]);

  const wrongRoute = await running.purge("--key", "users/ann", "--route", "accounts");
  assert.equal(wrongRoute.stdout.split("\n")[0], "erased nothing of this key in route accounts");
  const ann = await running.purge("--key", "users/ann", "--route", "rest");
  assert.match(ann.stdout, /^erased 20 records .*, [1-8] pairs?, 20 lines of the divergence log\n/);
  assert.deepEqual(new Set(await running.keys()), new Set(["users/bob", "orders/ann"]));

  // It goes on as before.
  await running.put("/users/ann");
  await running.settled();
  assert.equal((await running.keys()).length, 22);
  running.child.kill("SIGTERM");
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  const audited = stderr.split("\n").filter((line) => line.includes("divergences of a key were purged"));
  assert.equal(audited.length, 4);
  const { purge } = JSON.parse(audited[1] as string) as { purge: Record<string, unknown> };
  const { key, samples, pairs, ...said } = purge;
  assert.match(String(key), /^\[redacted [0-9a-f]{8}\]$/);
  assert.deepEqual([typeof samples, typeof pairs], ["number", "number"]);
  assert.deepEqual(said, {
    route: null,
    by: "loopback",
    reason: "asked for by the user",
    dryRun: false,
    records: 20,
    logLines: 20,
    failed: null,
  });
  assert.ok(!stderr.includes("o'brien"));
});

test("a key that is shown redacted is purged by its plain spelling", async (t) => {
  const running = await start(t);
  for (const id of ["NL91ABNA0417164300", "NL91ABNA0417164300", "DE75512108001245126199"])
    await running.put(`/accounts/${id}`);
  await running.put("/users/sk_live_abcdefghijklmnop");
  await running.put("/reset-password/s3cr3tvalue");
  await running.settled();
  const shown = await running.keys();
  assert.ok(
    shown.every((key) => key?.includes("[redacted ")),
    shown.join(),
  );

  const purged = await running.purge("--key", "accounts/NL91ABNA0417164300", "--json");
  const { records, logLines } = JSON.parse(purged.stdout) as PurgeResult;
  assert.deepEqual([records, logLines], [2, 2]);
  for (const key of ["users/sk_live_abcdefghijklmnop", "reset-password/s3cr3tvalue"]) {
    const result = JSON.parse((await running.purge("--key", key, "--json")).stdout) as PurgeResult;
    assert.deepEqual([key, result.records, result.logLines], [key, 1, 1]);
  }
  const left = await running.keys();
  assert.equal(left.length, 1);
  for (const gone of new Set(shown.filter((key) => key !== left[0])))
    assert.deepEqual(running.holders(gone as string), [], gone as string);
});

test("a purge without a key, and one that nobody listens to, are told how", async (t) => {
  const folder = evidenceFolder(t);
  const none = await runCli(["divergences", "purge"], { cwd: folder });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /required option '--key <key>' not specified/);
  const alone = await runCli(["divergences", "purge", "--key", "users/1", "--admin", "http://127.0.0.1:1"], {
    cwd: folder,
  });
  assert.equal(alone.code, 3);
  assert.match(alone.stderr, /cannot reach http:\/\/127\.0\.0\.1:1/);
});
