import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startBench, sumOf } from "../support/crossfade.ts";
import { hang, json } from "../support/service.ts";

test("a reload under load: no request is dropped, exchanges keep the settings they arrived under, later ones get the new", async (t) => {
  const bench = await startBench(t, { legacy: json(200, { a: 1, b: 1 }), next: json(200, { a: 1, b: 2 }) });
  let sent = 0;
  let stop = false;
  const client = async (): Promise<void> => {
    while (!stop) {
      assert.equal((await bench.send("PUT", `/users/${sent % 50}`, { sent: sent++ })).status, 200);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  const text = readFileSync(bench.configFile, "utf8");
  const rule = `defaults: { compare: { ignore: [{ at: /b, because: rounding }] } }\n`;
  for (const next of [text + rule, text, text + rule]) {
    const { revision } = (await bench.status()).config;
    writeFileSync(bench.configFile, next);
    while ((await bench.status()).config.revision === revision) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop = true;
  await Promise.all(clients);
  await bench.send("PUT", "/users/1", {});
  const [route] = await bench.settled(sent + 1);
  assert.ok(route !== undefined);
  assert.equal(route.eligible, sent + 1);
  assert.equal(sumOf(route), sent + 1);
  assert.ok((route.outcomes["ignored"] ?? 0) > 0 && (route.outcomes["divergent"] ?? 0) > 0);
});

test("a broken file is refused whole: the running settings stay and status says where the error is", async (t) => {
  const bench = await startBench(t);
  const text = readFileSync(bench.configFile, "utf8");
  writeFileSync(bench.configFile, `${text}\nlimits: { queued: 64 }\n`);
  await bench.crossfade.reload();
  const { config, routes } = await bench.status();
  assert.equal(config.revision, 1);
  assert.match(config.error ?? "", /crossfade\.yaml:\d+:\d+ .*64.*unit/);
  assert.equal(routes.length, 1);
  assert.equal((await bench.send("POST", "/users", {})).status, 200);
  writeFileSync(bench.configFile, text);
  await bench.crossfade.reload();
  assert.equal((await bench.status()).config.error, null);
});

test("stop finishes what clients began and settles the lanes within the budget", async (t) => {
  const bench = await startBench(t);
  const held: (() => void)[] = [];
  bench.legacy.answerWith((seen, response) => void held.push(() => json(200, { ok: true })(seen, response)));
  const answer = bench.send("PUT", "/users/1", { a: 1 });
  await bench.legacy.sawAtLeast(1);
  const stopped = bench.crossfade.stop(5_000);
  for (const release of held) release();
  assert.equal((await answer).status, 200);
  const report = await stopped;
  assert.deepEqual([report.cutOff, report.abandoned], [false, 0]);
  assert.equal(bench.next.seen.length, 1);
});

test("what cannot be settled within the budget is dropped(shutdown) with a repair entry, and said", async (t) => {
  const bench = await startBench(t, { next: hang, store: "sqlite", limits: "journal: { survives: nothing }" });
  for (let i = 0; i < 6; i++) await bench.send("PUT", `/users/${i % 2}`, { i });
  const report = await bench.crossfade.stop(300);
  assert.deepEqual([report.abandoned, report.left], [6, 0]);
  const lines = readFileSync(join(bench.folder, "divergences.ndjson"), "utf8").trimEnd().split("\n");
  const reasons = lines.map((line) => (JSON.parse(line) as { reason: string }).reason);
  assert.deepEqual(
    reasons,
    Array.from({ length: 6 }, () => "shutdown"),
  );
});
