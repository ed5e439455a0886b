/** `crossfade gate` over a proxy between real services, with a gate so coarse that it opens within seconds. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import type { GateAnswer } from "../../proxy/moves/gate-evidence.ts";
import type { Crossfade } from "../../proxy/crossfade.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { runCli } from "../support/cli.ts";
import { startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `
routes:
  - name: users
    match: { path: "/users/:id", methods: [PUT] }
    compare: { mustMatch: [/total] }
    gate: { divergenceBelow: 50%, confidence: 50%, span: 1s, latencyRatioBelow: 100 }
  - { name: rest, match: { path: "/**" } }
`;

async function ask(crossfade: Crossfade, route = "users"): Promise<GateAnswer> {
  const answer = await request(`${crossfade.adminUrl}/api/v1/routes/${route}/gate`);
  assert.equal(answer.statusCode, 200);
  return (await answer.body.json()) as GateAnswer;
}

const missing = ({ conditions }: GateAnswer): readonly string[] =>
  conditions.filter(({ state }) => state === "missing").map(({ name }) => name);

async function put(crossfade: Crossfade, id: number): Promise<void> {
  const answer = await request(`${crossfade.proxyUrl}/users/${id}`, {
    method: "PUT",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  await answer.body.dump();
}

/** Writes to ever other users until the gate says what is waited for. */
async function writeUntil(crossfade: Crossfade, holds: (answer: GateAnswer) => boolean): Promise<GateAnswer> {
  let id = 0;
  let answer = await ask(crossfade);
  await until(async () => {
    for (let i = 0; i < 5; i++) await put(crossfade, ++id);
    answer = await ask(crossfade);
    return holds(answer);
  });
  return answer;
}

test("the gate opens on evidence, stays open over a restart, shuts on divergences, and begins anew under other rules", async (t) => {
  const answers = json(200, { total: 1 }, { "x-build": "9f3c" });
  const bench = await startBench(t, {
    routes: ROUTES,
    store: "sqlite",
    legacy: json(200, { total: 1 }),
    next: answers,
    nextService: 'effects: suppressed\nbuild: "header:x-build"',
  });
  const cli = (...args: string[]) => runCli(["gate", ...args]);
  const first = await ask(bench.crossfade);
  assert.deepEqual([first.open, first.epoch], [false, 1]);
  const shut = await cli("users", "--admin", bench.crossfade.adminUrl);
  assert.equal(shut.code, 1, shut.stderr);
  assert.match(shut.stdout, /^NOT YET\. 0 divergent in 0 distinct keys; 3 needed for < 50 %\n/);
  assert.match(shut.stdout, /^missing {4}coverage +compared too seldom: PUT 0 of 20 times$/m);
  assert.match(shut.stdout, /^not asked {2}backfill +no collection holds/m);

  const opened = await writeUntil(bench.crossfade, ({ open }) => open);
  assert.deepEqual([missing(opened), opened.build], [[], "9f3c"]);
  assert.match(opened.sentence, /^OPEN\. 0 divergent in \d+ distinct keys: < 50 %, 50 % sure/);
  const done = await cli("users", "--json", "--admin", bench.crossfade.adminUrl);
  assert.equal(done.code, 0, done.stderr);
  assert.equal((JSON.parse(done.stdout) as GateAnswer).open, true);
  const metrics = await (await request(`${bench.crossfade.adminUrl}/metrics`)).body.text();
  assert.match(metrics, /^crossfade_gate_evidence\{route="users"[^}]*\} [1-9]/m);
  const status = await runCli(["status", "--admin", bench.crossfade.adminUrl]);
  assert.match(status.stdout, /gate evidence 100 %/);

  await bench.crossfade.stop();
  const start = async (): Promise<Crossfade> => {
    const loaded = loadSettings({ file: bench.configFile, flags: {}, env: {} });
    assert.ok(loaded.ok);
    const crossfade = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
    t.after(async () => void (await crossfade.stop(200)));
    return crossfade;
  };
  const again = await start();
  const kept = await ask(again);
  assert.deepEqual([kept.open, kept.epoch, kept.since], [true, 1, opened.since], kept.sentence);
  const unitsOf = ({ strata }: GateAnswer): number => strata[0]?.units ?? 0;
  assert.ok(unitsOf(kept) >= unitsOf(opened), `${unitsOf(kept)} ${unitsOf(opened)}`);

  bench.next.answerWith(json(200, { total: 2 }, { "x-build": "9f3c" }));
  const broken = await writeUntil(again, (answer) => missing(answer).includes("evidence"));
  assert.match(
    broken.sentence,
    /^Not safe to cut over users: 1 cause changes what must match \(\/total, \d+ times since build 9f3c\); missing beside: .*\bevidence\b/,
  );
  assert.ok((broken.against["divergent"] ?? 0) > 0);

  bench.next.answerWith(json(200, { total: 1 }, { "x-build": "a001" }));
  const rebuilt = await writeUntil(again, ({ build }) => build === "a001");
  // Of so short a span, an epoch of the old build may have been given up before.
  assert.equal(rebuilt.why, "build");
  assert.ok(rebuilt.epoch >= 2);

  writeFileSync(bench.configFile, readFileSync(bench.configFile, "utf8").replace("mustMatch: [/total]", "headers: []"));
  await again.reload();
  const ruled = await ask(again);
  assert.deepEqual(
    [ruled.epoch, ruled.why, ruled.strata[0]?.units, missing(ruled).includes("must-match")],
    [rebuilt.epoch + 1, "rules", 0, false],
  );
});

test("a shadow that hangs on what it would answer wrongly does not pass by it", async (t) => {
  const bench = await startBench(t, {
    routes: ROUTES,
    nextService: "effects: suppressed\nasShadow: { timeout: 50ms }",
    next: (seen, response) => {
      if (Number(seen.target.split("/").at(-1)) % 5 !== 0) json(200, { ok: true })(seen, response);
    },
  });
  const answer = await writeUntil(bench.crossfade, ({ strata }) => (strata[0]?.divergent ?? 0) > 0);
  assert.ok((answer.against["shadow-timeout"] ?? 0) > 0, JSON.stringify(answer.against));
  assert.ok(missing(answer).includes("repairs"));
  assert.equal(answer.open, false);
});

test("a route that is not there is said to be so, and nothing to ask is an error of its own", async (t) => {
  const bench = await startBench(t);
  const unknown = await request(`${bench.crossfade.adminUrl}/api/v1/routes/defaul/gate`);
  assert.equal(unknown.statusCode, 404);
  assert.match(((await unknown.body.json()) as { detail: string }).detail, /did you mean default\?/);
  const no = await runCli(["gate", "users", "--admin", bench.crossfade.adminUrl]);
  assert.deepEqual([no.code, no.stdout], [1, ""]);
  assert.equal((await runCli(["gate"])).code, 2);
  await bench.crossfade.stop();
  assert.equal((await runCli(["gate", "default", "--admin", bench.crossfade.adminUrl])).code, 3);
});
