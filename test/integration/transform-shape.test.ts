/** A rewrite with other methods, headers and members of bodies than legacy, through a real proxy between real services. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { headerOf } from "../../proxy/exchange.ts";
import { startBench } from "../support/crossfade.ts";
import { pairOf, refuse } from "../support/repair-pair.ts";
import { repair, repairsOf, resultsOf } from "../support/repairs.ts";
import { json } from "../support/service.ts";
import { until } from "../support/until.ts";

const SHAPED = `routes:
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    compare: { headers: [content-type, x-total] }
    transform:
      methods: { PUT: PATCH }
      headers: [{ legacy: x-user, next: x-actor }, { legacy: x-total, next: x-count }]
      body:
        - { legacy: /name, next: /profile/fullName }
        - { legacy: /items/*/sku, next: /items/*/code }
        - { legacy: /page, next: /meta/page, of: answer }
`;

test("a copy has next's method, headers and members; the primary and the client see none of it", async (t) => {
  const bench = await startBench(t, { routes: SHAPED });
  bench.legacy.answerWith(json(200, { ok: true }));
  bench.next.answerWith(json(200, { ok: true }));
  const body = '{"n":9007199254740993,"name":"Ann","items":[{"sku":"a"},{"sku":"b"}],"page":1}';
  const answer = await request(`${bench.crossfade.proxyUrl}/users/7`, {
    method: "PUT",
    headers: { "content-type": "application/json", "x-user": "42", "x-actor": "forged", "content-md5": "x" },
    body,
  });
  assert.equal(await answer.body.text(), '{"ok":true}');
  await bench.settled(1);
  const [atLegacy, atNext] = [bench.legacy.seen[0], bench.next.seen[0]];
  assert.deepEqual([atLegacy?.method, atLegacy?.body.toString()], ["PUT", body]);
  assert.deepEqual(
    ["x-user", "x-actor"].map((name) => headerOf(atLegacy?.headers ?? [], name)),
    ["42", "forged"],
  );
  assert.equal(atNext?.method, "PATCH");
  const shaped = '{"n":9007199254740993,"items":[{"code":"a"},{"code":"b"}],"page":1,"profile":{"fullName":"Ann"}}';
  assert.equal(atNext?.body.toString(), shaped);
  const sent = ["x-actor", "x-user", "content-md5", "content-length"].map((name) => headerOf(atNext.headers, name));
  assert.deepEqual(sent, ["42", null, null, String(shaped.length)]);
});

test("next's answer is compared as legacy would have put it, compressed or not; a real difference is named at legacy's place", async (t) => {
  const bench = await startBench(t, { routes: SHAPED });
  const next = { profile: { fullName: "Ann" }, items: [{ code: "a" }], meta: { page: 1 } };
  bench.legacy.answerWith(json(200, { name: "Ann", items: [{ sku: "a" }], page: 1 }, { "x-total": "3" }));
  bench.next.answerWith(json(200, next, { "x-count": "3" }));
  await bench.send("GET", "/users/7");
  bench.next.answerWith((_seen, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip", "x-count": "3" });
    response.end(gzipSync(JSON.stringify(next)));
  });
  await bench.settled(1);
  await bench.send("GET", "/users/7");
  const [route] = await bench.settled(2);
  assert.equal(route?.outcomes["match"], 2);
  bench.next.answerWith(json(200, { ...next, profile: { fullName: "Bob" } }, { "x-count": "4" }));
  await bench.send("GET", "/users/7");
  await bench.settled(3);
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
  assert.deepEqual(items[0]?.differences.map(({ at }) => at).sort(), ["/name", "header:x-total"]);
});

test("fields of a form are renamed where they stand, the rest stays to the byte", async (t) => {
  const bench = await startBench(t, {
    routes: `routes:
  - name: forms
    match: { path: "/**" }
    transform: { body: [{ legacy: /first name, next: /firstName }] }
`,
  });
  await request(`${bench.crossfade.proxyUrl}/f`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "a=%7e+1&first+name=Ann+B&first%20name&b",
  });
  await bench.settled(1);
  assert.equal(bench.next.seen[0]?.body.toString(), "a=%7e+1&firstName=Ann+B&firstName&b");
});

test("a body that cannot be changed is not sent: skipped, with its reason on the repair list", async (t) => {
  const bench = await startBench(t, { routes: SHAPED });
  await request(`${bench.crossfade.proxyUrl}/users/7`, {
    method: "PUT",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: gzipSync('{"name":"Ann"}'),
  });
  const [route] = await bench.settled(1);
  assert.equal(route?.reasons["unmapped-value"], 1);
  await until(async () => (await repairsOf(bench)).length === 1);
  assert.deepEqual(bench.next.seen, []);
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences");
  assert.match(JSON.stringify(items[0]), /body is compressed, so that transform\.body cannot change it/);
});

test("a repair gives next the state in its own members, and reads it back as legacy's", async (t) => {
  const pair = await pairOf(t, {
    users: { 1: { name: "Ann" } },
    routes: `routes:
  - name: users
    match: { path: "/users/:id?" }
    transform: { body: [{ legacy: /name, next: /fullName }] }
`,
  });
  pair.fresh.users.clear();
  pair.fresh.before = refuse(503);
  await pair.send("PUT", "/users/1", { name: "Bob" });
  await pair.settled(1);
  pair.fresh.before = () => false;
  assert.deepEqual(resultsOf(await repair(pair)), { put: 1 });
  assert.equal(pair.fresh.users.get("1"), '{"fullName":"Bob"}');
  await pair.send("PUT", "/users/1", { name: "Cid" });
  const [route] = await pair.settled(2);
  assert.equal(route?.repairs, 0);
  assert.equal(pair.fresh.users.get("1"), '{"fullName":"Cid"}');
});
