import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { request } from "undici";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import { whyNoWrites } from "../../proxy/config/own-writes.ts";
import type { JobRecord } from "../../proxy/repair-job.ts";
import { endOf, runCli, spawnCli } from "../support/cli.ts";
import { ended, ownRequests, post, repair, repairsOf, resultsOf, startRepair } from "../support/repairs.ts";
import { until } from "../support/until.ts";
import { assertEqualEnds, type Pair, pairOf, refuse, USERS_ROUTE } from "../support/repair-pair.ts";
import { json } from "../support/service.ts";

async function lose(pair: Pair, count: number): Promise<void> {
  pair.fresh.before = refuse(503);
  for (let id = 1; id <= count; id++) await pair.send("PUT", `/users/${id}`, { v: id });
  await pair.settled(count);
  pair.fresh.before = () => false;
}

test("two runs at once are refused, a cancelled one leaves the rest on the list, and the next goes on with it", async (t) => {
  const pair = await pairOf(t);
  await lose(pair, 20);
  const { id } = await startRepair(pair, { rate: "20/s" });
  const second = await post(pair, "/api/v1/repairs/run", {});
  assert.equal(second.status, 409);
  assert.equal((second.body as { job: string }).job, id);
  await until(async () => (await pair.api<JobRecord>(`/api/v1/jobs/${id}`)).done >= 2);
  assert.equal((await post(pair, `/api/v1/jobs/${id}`, { state: "cancelled" }, "PATCH")).status, 200);
  const job = await ended(pair, id);
  assert.equal(job.state, "cancelled");
  const left = (await repairsOf(pair)).length;
  assert.deepEqual([left, left > 0], [20 - job.done, true]);
  assert.deepEqual(resultsOf(await repair(pair)), { put: left });
  assertEqualEnds(pair);
  const jobs = await pair.api<{ items: JobRecord[] }>("/api/v1/jobs");
  assert.deepEqual(
    jobs.items.map(({ state }) => state),
    ["done", "cancelled"],
  );
});

test("a process that ends in the middle of a run leaves a list that the next one goes on with", async (t) => {
  const pair = await pairOf(t, { store: "sqlite" });
  await lose(pair, 20);
  await startRepair(pair, { rate: "20/s" });
  await until(() => ownRequests(pair.next).length > 6);
  await pair.crossfade.stop();
  const loaded = loadSettings({ file: pair.configFile, flags: {}, env: {} });
  assert.ok(loaded.ok);
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(() => again.stop(200));
  const api = async <T>(path: string): Promise<T> => (await (await request(again.adminUrl + path)).body.json()) as T;
  const second = { crossfade: again, api };
  const left = (await repairsOf(second)).length;
  assert.ok(left > 0 && left < 20, String(left));
  // What was written and not yet verified when the process ended is found equal.
  const { equal = 0, put = 0, ...others } = resultsOf(await repair(second));
  assert.deepEqual([equal + put, others], [left, {}]);
  assertEqualEnds(pair);
});

test("a primary or a shadow that cannot be asked leaves the key open and untried; 401 says which headers to write", async (t) => {
  const pair = await pairOf(t);
  await lose(pair, 1);
  const listed = async () =>
    (await repairsOf(pair)).map(({ state, attempts, lastError }) => [state, attempts, lastError]);
  pair.old.before = (seen, response) => (json(503, {})(seen, response), true);
  assert.deepEqual(resultsOf(await repair(pair)), { failed: 1 });
  assert.deepEqual(await listed(), [["open", 0, "the primary answered 503 to the GET"]]);
  pair.old.before = (seen, response) => (json(401, {})(seen, response), true);
  await repair(pair);
  assert.deepEqual(await listed(), [
    ["open", 0, "the primary answered 401 to the GET; write services.legacy.own.headers"],
  ]);
  pair.old.before = () => false;
  pair.fresh.before = (seen, response) => (json(500, {})(seen, response), true);
  const before = pair.next.seen.length;
  await repair(pair);
  assert.deepEqual(await listed(), [["open", 0, "the shadow answered 500 to the GET"]]);
  assert.deepEqual(ownRequests(pair.next, before), ["GET /users/1"]);
});

test("our own requests carry own.headers and not the client's credentials; their values are shown nowhere", async (t) => {
  const pair = await pairOf(t, {
    legacyService: 'own: { headers: { authorization: "Bearer legacy-secret-1" } }',
    nextService:
      'effects: suppressed\nasShadow: { headers: { x-env: shadow } }\nown: { headers: { authorization: "Bearer next-secret-2" } }',
  });
  pair.fresh.before = refuse(422);
  await pair.send("PUT", "/users/1", { v: "legacy-secret-1" }, { authorization: "Bearer client", "x-tenant": "a" });
  await pair.settled(1);
  const before = [pair.legacy.seen.length, pair.next.seen.length];
  await repair(pair);
  for (const seen of pair.legacy.seen.slice(before[0])) {
    assert.deepEqual([seen.header("authorization"), seen.header("x-tenant")], ["Bearer legacy-secret-1", null]);
  }
  const [, put] = pair.next.seen.slice(before[1]);
  assert.deepEqual(
    [put?.method, put?.header("authorization"), put?.header("x-env")],
    ["PUT", "Bearer next-secret-2", "shadow"],
  );
  const said = JSON.stringify([
    await pair.api("/api/v1/repairs"),
    await repair(pair, { dryRun: true }),
    await pair.api("/api/v1/status"),
    await pair.api("/api/v1/routes"),
  ]);
  assert.ok(!/secret-[12]/.test(said), said);
});

test("where an entity is read as the route declares; a write below it is repaired by that and not by guess", async (t) => {
  const pair = await pairOf(t, { users: { 1: { v: 1 } }, store: "sqlite" });
  pair.fresh.before = refuse(503);
  await pair.send("POST", "/users/1/reset", {});
  await pair.send("PUT", "/users/1", { v: 2 });
  await pair.settled(2);
  pair.fresh.before = () => false;
  const job = await repair(pair);
  assert.deepEqual(resultsOf(job), { impossible: 1 });
  assert.match(job.findings[0]?.why ?? "", /went below the entity.*verify: \{ readBack/);
  assert.match((await repairsOf(pair))[0]?.lastError ?? "", /went below the entity/);

  const declared = USERS_ROUTE + '    verify: { readBack: "GET /users/:id" }\n';
  writeFileSync(pair.configFile, readFileSync(pair.configFile, "utf8").replace(USERS_ROUTE, declared));
  await pair.crossfade.reload();
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assertEqualEnds(pair);
});

test("a service whose effects nobody has declared or accepted is not written to outside this machine", () => {
  const flags = { legacy: "http://127.0.0.1:1", next: "http://127.0.0.1:2", store: "memory:" };
  const loaded = loadSettings({ file: null, flags, env: {} });
  assert.ok(loaded.ok);
  const [route] = loaded.settings.routes;
  const next = loaded.settings.services["next"];
  assert.ok(route !== undefined && next !== undefined);
  const away = { ...next, origin: "http://10.1.2.3:80" };
  assert.equal(whyNoWrites(route, { ...away, effects: "suppressed" }), null);
  assert.equal(whyNoWrites(route, { ...next, effects: null }), null);
  const undeclared = /effects of next are not declared; write effects/;
  assert.match(whyNoWrites(route, { ...away, effects: null }) ?? "", undeclared);
  const accepted = { ...route, mirror: { ...route.mirror, acceptRealEffects: "we know what we do" } };
  assert.equal(whyNoWrites(accepted, { ...away, effects: "real" }), null);
});

test("crossfade repair: what it would do, what it did, what is left; exit 0 once nothing is left", async (t) => {
  const pair = await pairOf(t);
  await lose(pair, 3);
  const cli = (...args: string[]) => runCli(["repair", "--admin", pair.crossfade.adminUrl, ...args]);
  const dry = await cli("--route", "users", "--dry-run");
  assert.equal(dry.code, 1, dry.stderr);
  assert.match(dry.stdout, /^dry run: 3 keys of users: 0 would go off the list, 3 stay \(3 different\)$/m);
  assert.match(dry.stdout, /^ {2}users\/1: would be PUT \(status 200 → 404\)$/m);

  pair.fresh.before = (seen, response) => {
    if (seen.method === "GET" || !seen.target.endsWith("/3")) return false;
    json(422, {})(seen, response);
    return true;
  };
  const some = await cli();
  assert.equal(some.code, 1);
  assert.match(some.stdout, /^3 keys: 2 repaired \(2 put; the oldest had waited for .*\), 1 left \(1 failed\)$/m);
  assert.match(some.stdout, /^ {2}users\/3: failed: the shadow answered 422 to PUT/m);
  pair.fresh.before = () => false;
  const rest = await cli("--json", "--rate", "100/s");
  assert.equal(rest.code, 0, rest.stderr);
  assert.deepEqual(resultsOf(JSON.parse(rest.stdout) as JobRecord), { put: 1 });
  assertEqualEnds(pair);
  const none = await cli();
  assert.deepEqual([none.code, none.stdout], [0, "nothing is on the repair list\n"]);
  assert.equal((await cli("--route", "usres")).code, 2);
  assert.match((await cli("--route", "usres")).stderr, /did you mean users\?/);
  assert.equal((await cli("--rate", "fast")).code, 2);
});

test("Ctrl-C cancels the run: what was begun is finished, and the rest is still on the list", async (t) => {
  const pair = await pairOf(t);
  await lose(pair, 30);
  const child = spawnCli(["repair", "--admin", pair.crossfade.adminUrl, "--rate", "10/s"]);
  const end = endOf(child);
  await until(() => ownRequests(pair.next).length >= 4);
  // The command itself may not have come to its first look yet: it has started the run, so it listens.
  await until(async () => (await pair.api<{ items: JobRecord[] }>("/api/v1/jobs")).items[0]?.done !== 0);
  child.kill("SIGINT");
  const { code, stdout } = await end;
  assert.equal(code, 1, stdout);
  assert.match(stdout, /cancelled; the rest stays on the list/);
  const left = (await repairsOf(pair)).length;
  assert.ok(left > 0 && left < 30, String(left));
  for (const { key } of await repairsOf(pair))
    assert.equal(pair.fresh.users.has((key ?? "").slice(6)), false, key ?? "");
});
