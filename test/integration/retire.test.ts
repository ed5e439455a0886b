/** What leans on legacy after a cutover, counted over a restart, and what it keeps from going. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import type { MoveReport } from "../../proxy/moves/phase-move.ts";
import type { RetireAnswer } from "../../proxy/moves/retire.ts";
import { runCli } from "../support/cli.ts";
import { startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/:id" }
    transform: { path: "/people/:id" }
    retire: { quiet: 1h }
`;

test("legacy can go once nothing leans on it, Crossfade once no client has to be translated; both are counted over a restart", async (t) => {
  const answers = { legacy: json(200, { ok: true }), next: json(200, { ok: true }) };
  const bench = await startBench(t, {
    store: "sqlite",
    routes: ROUTES,
    nextService: "effects: suppressed",
    ...answers,
  });
  let { proxyUrl, adminUrl } = bench.crossfade;
  const retire = (...more: string[]) => runCli(["retire", ...more, "--admin", adminUrl]);
  const asked = async (query = ""): Promise<RetireAnswer> =>
    (await (await request(`${adminUrl}/api/v1/routes/users/retire${query}`)).body.json()) as RetireAnswer;
  const send = async (path: string): Promise<unknown> => (await request(proxyUrl + path)).body.dump();
  const figuresOf = ({ conditions }: RetireAnswer) =>
    Object.fromEntries(conditions.map(({ name, figure }) => [name, figure]));
  const move = async (order: object): Promise<MoveReport> => {
    const answer = await request(`${adminUrl}/api/v1/routes/users/phase`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(order),
    });
    const body = (await answer.body.json()) as MoveReport & { readonly report?: MoveReport };
    return body.report ?? body;
  };

  const before = await retire();
  assert.equal(before.code, 1);
  assert.match(before.stdout, /^users: NOT YET\. dual-write: legacy answers users/);
  assert.equal((await move({ step: "advance", force: true, reason: "a test has no seven days" })).end, "moved");
  await send("/users/1");
  await send("/nobody");
  assert.equal(bench.legacy.seen.at(-1)?.target, "/nobody");
  const after = await asked("?quiet=30d");
  assert.deepEqual([after.clean, after.legacyCanGo, after.quietMs], [false, false, 30 * 86_400_000]);
  const figures = {
    phase: null,
    fallbacks: 0,
    unmatched: 1,
    "direct-writes": null,
    repairs: 0,
    gaps: 0,
    translations: 1,
  };
  assert.deepEqual(figuresOf(after), figures);
  const refused = await move({ step: "advance" });
  assert.deepEqual(
    [refused.end, refused.checks.filter(({ state }) => state === "missing").map(({ name }) => name)],
    ["refused", ["retire"]],
  );
  assert.match(refused.sentence, /^users stays in next-primary: users: NOT YET\. next-primary: next has answered for/);
  assert.match(
    refused.sentence,
    /1 request that no route takes, the last \d+ seconds? ago; 60 minutes without are asked for/,
  );

  await bench.crossfade.stop();
  writeFileSync(bench.configFile, readFileSync(bench.configFile, "utf8").replace("quiet: 1h", "quiet: 1s"));
  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: process.env });
  assert.ok(loaded.ok);
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(() => again.stop(200));
  ({ proxyUrl, adminUrl } = again);
  await send("/nobody");
  assert.deepEqual(figuresOf(await asked()), { ...figures, unmatched: 2 });

  // A client that has to be translated keeps Crossfade, and not legacy.
  await until(async () => (await asked()).clean);
  await until(async () => {
    await send("/users/1");
    const { clean, legacyCanGo, sentence } = await asked();
    return legacyCanGo && !clean && /^LEGACY CAN GO: .*requests translated for their clients/.test(sentence);
  });
  const moved = await move({ step: "advance", reason: "quiet" });
  assert.deepEqual([moved.end, moved.to], ["moved", "next-only"]);
  await until(async () => (await asked()).clean);
  const clean = await retire("users");
  assert.equal(clean.code, 0);
  const words = "Nothing of users leant on legacy or on Crossfade for 1 second; not asked: direct-writes";
  assert.ok(clean.stdout.startsWith(`users: CLEAN. ${words}`), clean.stdout);
  assert.match(clean.stdout, /met +phase +next-only: next has answered for/);

  const wrong = await retire("users", "--quiet", "soon");
  assert.deepEqual([wrong.code, /quiet is "soon", which is not a time from 1s to 3650d/.test(wrong.stderr)], [2, true]);
});
