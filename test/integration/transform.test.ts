/** A rewrite that has other paths than legacy, through a real proxy between real services. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { request } from "undici";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { ReplayResult } from "../../proxy/evidence/replay-request.ts";
import { runCli } from "../support/cli.ts";
import { startBench } from "../support/crossfade.ts";
import { harEntry, harText } from "../support/har.ts";
import { pairOf, refuse } from "../support/repair-pair.ts";
import { ownRequests, repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { json, startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

const MOVED = `routes:
  - name: users
    match: { path: "/v1/users/:id?" }
    mirror: { reads: 100% }
    transform: { path: "/people/:id?" }
  - name: rest
    match: { path: "/**" }
`;

const targetsAt = (service: TestService): string[] => service.seen.map(({ method, target }) => `${method} ${target}`);

test("copies go to next's paths with the client's query; the primary and other routes keep theirs", async (t) => {
  const bench = await startBench(t, { routes: MOVED });
  await bench.send("POST", "/v1/users?notify=/v1/users", { name: "Ann" });
  await bench.send("PUT", "/v1/users/a%2Fb", { name: "Ann" });
  await bench.send("GET", "/v1/users/7");
  await bench.send("PUT", "/v1/orders/7", { total: 1 });
  await bench.settled(4);
  const asked = ["POST /v1/users?notify=/v1/users", "PUT /v1/users/a%2Fb", "GET /v1/users/7", "PUT /v1/orders/7"];
  assert.deepEqual(targetsAt(bench.legacy), asked);
  const expected = ["POST /people?notify=/v1/users", "PUT /people/a%2Fb", "GET /people/7", "PUT /v1/orders/7"];
  assert.deepEqual(targetsAt(bench.next).sort(), expected.sort());
});

test("a location is compared as legacy would have put it: relative, of next's own origin, and not another site's", async (t) => {
  const bench = await startBench(t, { routes: MOVED });
  const host = new URL(bench.crossfade.proxyUrl).host;
  const cases: readonly (readonly [legacy: string, next: string, outcome: string])[] = [
    ["/v1/users/7", "/people/7", "match"],
    ["/v1/users/7?a=1#b", "/people/7?a=1#b", "match"],
    [`http://${host}/v1/users/7`, `http://${host}/people/7`, "match"],
    ["/v1/users/7", "/people/8", "divergent"],
    ["/v1/users/7", "/v1/users/7", "match"],
    ["https://login.example.com/v1/users/7", "https://login.example.com/people/7", "divergent"],
    ["//login.example.com/people/7", "//login.example.com/people/7", "match"],
  ];
  const counted: Record<string, number> = {};
  for (const [i, [legacy, next, outcome]] of cases.entries()) {
    bench.legacy.answerWith(json(201, {}, { location: legacy }));
    bench.next.answerWith(json(201, {}, { location: next }));
    await bench.send("POST", "/v1/users", {});
    const [route] = await bench.settled(i + 1);
    counted[outcome] = (counted[outcome] ?? 0) + 1;
    assert.equal(route?.outcomes[outcome], counted[outcome], `${legacy} and ${next}`);
  }
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
  const shown = items.flatMap(({ differences }) => differences.map(({ at, shadow }) => [at, shadow]));
  assert.ok(shown.some(([at, shadow]) => at === "header:location" && shadow === "/v1/users/8"));
});

test("a way out of a moved path is not sent to next, where it could lead to what nobody reaches at legacy", async (t) => {
  const routes = `routes:
  - name: all
    match: { path: "/**" }
    mirror: { reads: 100% }
    transform: { path: "/api/**" }
`;
  const bench = await startBench(t, { routes });
  const socket = connect(Number(new URL(bench.crossfade.proxyUrl).port), "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write("DELETE /%2e%2e/internal HTTP/1.1\r\nhost: a\r\n\r\n");
  await bench.legacy.sawAtLeast(1);
  const [route] = await bench.settled(1);
  assert.deepEqual(targetsAt(bench.legacy), ["DELETE /%2e%2e/internal"]);
  assert.deepEqual([route?.reasons["unmapped-value"], route?.repairs], [1, 1]);
  const job = await repair(bench);
  assert.match(job.findings[0]?.why ?? "", /its path has a \. or \.\./);
  assert.deepEqual(bench.next.seen, []);
  // Of the server, not of a path.
  socket.write("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
  await bench.settled(2);
  assert.deepEqual(targetsAt(bench.next), ["OPTIONS *"]);
});

test("values stand where the client's paths have them: an id is learnt from and put into a path that moved", async (t) => {
  const values = `{ learn: [{ at: "answer-header:location", kind: user, segment: 3 }], apply: [{ at: "path:id", kind: user }] }`;
  const routes = MOVED.replace("    transform:", `    values: ${values}\n    transform:`);
  const bench = await startBench(t, { routes });
  bench.legacy.answerWith(json(201, {}, { location: "/v1/users/7" }));
  bench.next.answerWith(json(201, {}, { location: "/people/k3f9" }));
  await bench.send("POST", "/v1/users", {});
  await bench.settled(1);
  bench.legacy.answerWith(json(200, {}));
  bench.next.answerWith(json(200, {}));
  await bench.send("PUT", "/v1/users/7", {});
  const [route] = await bench.settled(2);
  assert.deepEqual(targetsAt(bench.next), ["POST /people", "PUT /people/k3f9"]);
  assert.deepEqual([route?.outcomes["match"], route?.repairs], [2, 0]);
});

test("a repair reads and writes next under next's path, also of an entity that another route made", async (t) => {
  const routes = `routes:
  - name: create
    match: { path: "/users", methods: [POST] }
    entity: users
    transform: { path: "/v2/users" }
  - name: users
    match: { path: "/users/:id" }
    transform: { path: "/v2/users/:id" }
`;
  const pair = await pairOf(t, { users: { 1: { v: 1 } }, routes });
  // The same service, one path further down.
  const below: typeof pair.fresh.answer = (seen, response) => {
    assert.ok(seen.target.startsWith("/v2/users"), seen.target);
    pair.fresh.answer({ ...seen, target: seen.target.slice("/v2".length) }, response);
  };
  pair.next.answerWith(below);
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", { v: 2 });
  await pair.send("POST", "/users", { name: "Ann" });
  await pair.settled(2);
  pair.fresh.before = () => false;
  const before = pair.next.seen.length;
  const job = await repair(pair);
  assert.deepEqual(resultsOf(job), { put: 2 });
  assert.deepEqual(await repairsOf(pair), []);
  assert.deepEqual([...pair.fresh.users].sort(), [...pair.old.users].sort());
  assert.ok(ownRequests(pair.next, before).every((request) => request.includes(" /v2/users")));
  assert.ok(ownRequests(pair.legacy).every((request) => request.includes(" /users")));
});

test("a replay asks each service under its own path, and compares the location as it was compared before", async (t) => {
  const routes = MOVED.replace("    transform:", "    compare: { headers: [location] }\n    transform:");
  const bench = await startBench(t, { routes });
  bench.legacy.answerWith(json(200, { total: 1 }, { location: "/v1/users/7" }));
  bench.next.answerWith(json(200, { total: 2 }, { location: "/people/7" }));
  await bench.send("GET", "/v1/users/7?a=b");
  await bench.settled(1);
  await until(async () => (await bench.api<{ items: unknown[] }>("/api/v1/pairs")).items.length === 1);
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
  const answer = await request(`${bench.crossfade.adminUrl}/api/v1/divergences/${items[0]?.id}/replay`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const { verdict, differences } = (await answer.body.json()) as ReplayResult;
  assert.deepEqual([verdict, differences.map(({ at }) => at)], ["same", ["/total"]]);
  assert.deepEqual(targetsAt(bench.legacy), ["GET /v1/users/7?a=b", "GET /v1/users/7?a=b"]);
  assert.deepEqual(targetsAt(bench.next), ["GET /people/7?a=b", "GET /people/7?a=b"]);
});

test("a try asks each service under its own path", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-try-"));
  const [legacy, next] = await Promise.all([
    startService(json(200, {}, { location: "/v1/users/7" })),
    startService(json(200, {}, { location: "/people/7" })),
  ]);
  t.after(async () => {
    await Promise.all([legacy.close(), next.close()]);
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "a.har"), harText([harEntry({ url: "https://api.example.com/v1/users/7" })]));
  const services = `services: { legacy: { url: "${legacy.url}" }, next: { url: "${next.url}" } }\n`;
  writeFileSync(join(folder, "crossfade.yaml"), services + MOVED);
  const ended = await runCli(["try", "a.har"], { cwd: folder });
  assert.match(ended.stdout, /^1 requests? = 1 match /, ended.stderr);
  assert.deepEqual([targetsAt(legacy), targetsAt(next)], [["GET /v1/users/7"], ["GET /people/7"]]);
});
