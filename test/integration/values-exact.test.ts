import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import { startCrossfade } from "../../proxy/main.ts";
import type { ListedValue } from "../../proxy/ids/value-pairs.ts";
import { startBench, type Bench } from "../support/crossfade.ts";
import { json, type Answer } from "../support/service.ts";

const ROUTES = `routes:
  - name: users
    match: { path: "/users/:id?" }
    mirror: { reads: 100% }
    values: { learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }, { at: "body:/ref", kind: user }] }
`;

/** Users 1 and 2 are "k1" and "k2" at next. */
async function startTaught(t: TestContext, options: Parameters<typeof startBench>[1] = {}): Promise<Bench> {
  const bench = await startBench(t, { routes: ROUTES, ...options });
  for (const n of [1, 2]) {
    bench.legacy.answerWith(json(201, { id: n }));
    bench.next.answerWith(json(201, { id: `k${n}` }));
    await bench.send("POST", "/users", { name: "x" });
    await bench.settled(n);
  }
  return bench;
}

async function differencesOf(bench: Bench, legacy: Answer, next: Answer): Promise<string[][]> {
  const { eligible = 0 } = (await bench.status()).routes[0] ?? {};
  bench.legacy.answerWith(legacy);
  bench.next.answerWith(next);
  await bench.send("PUT", "/users/1", { name: "y" });
  await bench.settled(eligible + 1);
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1");
  const [newest] = items;
  return (newest?.differences ?? []).map(({ at, kind, primary, shadow }) => [at, kind, primary ?? "", shadow ?? ""]);
}

test("an id of another entity is a difference, shown as the primary would have put it", async (t) => {
  const bench = await startTaught(t);
  assert.deepEqual(await differencesOf(bench, json(200, { id: 1 }), json(200, { id: "k1" })), []);
  assert.deepEqual(await differencesOf(bench, json(200, { id: 1 }), json(200, { id: "k2" })), [
    ["/id", "conflict", "1", '"k2"'],
    ["/id", "value", "1", "2"],
  ]);
});

test("an id of the primary's in the shadow's answer is a difference although both are equal", async (t) => {
  const bench = await startTaught(t);
  assert.deepEqual(await differencesOf(bench, json(200, { ref: 2 }), json(200, { ref: "2" })), [
    ["/ref", "type", "2", '"2 (unmapped)"'],
  ]);
});

test("of two partners for one value the first stands, and the second is a conflict that no rule excuses", async (t) => {
  const routes = `${ROUTES}    compare: { ignore: [{ at: /id, because: planted }] }\n`;
  const bench = await startTaught(t, { routes });
  assert.deepEqual(await differencesOf(bench, json(200, { id: 1 }), json(200, { id: "z9" })), [
    ["/id", "conflict", "1", '"z9"'],
  ]);
  bench.next.answerWith(json(200, { id: "k1" }));
  await bench.send("PUT", "/users/1", { name: "z" });
  await bench.settled(4);
  assert.equal(bench.next.seen.at(-1)?.target, "/users/k1");
});

test("only the value is replaced in a body: digits, spaces, order and names said twice stay to the byte", async (t) => {
  const bench = await startTaught(t);
  bench.legacy.answerWith(json(200, { ok: 1 }));
  bench.next.answerWith(json(200, { ok: 1 }));
  const body = '{ "big":9007199254740993 ,"ref" :\t1, "a":1.0e+2,"ref":"2", "s":"\\u00e9é\\/","__proto__":{"ref":1} }';
  await bench.send("PUT", "/users/1", body, { "content-digest": "sha-256=:abc=:" });
  await bench.settled(3);
  const seen = bench.next.seen.at(-1);
  assert.equal(seen?.body.toString(), body.replace(":\t1,", ':\t"k1",').replace('"ref":"2"', '"ref":"k2"'));
  assert.equal(seen?.header("content-length"), String(seen?.body.length));
  assert.equal(seen?.header("content-digest"), null);
  assert.equal(bench.legacy.seen.at(-1)?.body.toString(), body);
  assert.equal(bench.legacy.seen.at(-1)?.header("content-digest"), "sha-256=:abc=:");
});

test("a compressed body cannot be mapped: the copy is skipped and repaired; a compressed answer can", async (t) => {
  const bench = await startTaught(t);
  const { proxyUrl } = bench.crossfade;
  await request(`${proxyUrl}/users/1`, {
    method: "PUT",
    body: gzipSync('{"ref":1}'),
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
  });
  const [users] = await bench.settled(3);
  assert.deepEqual([users?.reasons["unmapped-value"], bench.next.seen.length], [1, 2]);
  const { items } = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    items.map(({ key, reason }) => [key, reason]),
    [["users/1", "unmapped-value"]],
  );
  bench.legacy.answerWith(json(200, { id: 2 }));
  bench.next.answerWith((_seen, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    response.end(gzipSync('{"id":"k2"}'));
  });
  await bench.send("GET", "/users/2");
  assert.equal((await bench.settled(4))[0]?.outcomes["match"], 3);
  assert.equal(bench.next.seen.at(-1)?.target, "/users/k2");
});

test("an upload session and a lock: two values in one Location, a token in If, the other side's ETag in If-Match", async (t) => {
  const routes = `routes:
  - name: uploads
    match: { path: "/v2/uploads/:id?" }
    values:
      learn:
        - { at: "answer-header:location", kind: upload }
        - { at: "answer-header:location", kind: state, query: _state }
        - { at: "answer-header:lock-token", kind: lock }
        - { at: "answer-header:etag", kind: etag }
      apply:
        - { at: "path:id", kind: upload }
        - { at: "query:_state", kind: state }
        - { at: "header:if", kind: lock }
        - { at: "header:if-match", kind: etag }
        - { at: "body:/self", kind: upload, segment: 3 }
        - { at: "body:/self", kind: state, query: _state }
    compare: { headers: [location, lock-token, etag] }
`;
  const session = (name: string): Answer =>
    json(
      202,
      { ok: true },
      {
        location: `/v2/uploads/${name}?digest=x&_state=s-${name}%3D`,
        "lock-token": `<opaquelocktoken:${name}>`,
        etag: `W/"${name}"`,
      },
    );
  const bench = await startBench(t, { routes, legacy: session("aaa"), next: session("bbbb") });
  await bench.send("POST", "/v2/uploads");
  await bench.settled(1);
  bench.legacy.answerWith(json(200, {}));
  bench.next.answerWith(json(200, {}));
  await bench.send(
    "PATCH",
    "/v2/uploads/aaa?_state=s-aaa%3D&part=1",
    { self: "http://h/v2/uploads/aaa?_state=s-aaa%3D" },
    {
      if: "(<opaquelocktoken:aaa>) (Not <DAV:no-lock>)",
      "if-match": '"other", W/"aaa"',
    },
  );
  const [uploads] = await bench.settled(2);
  // What was accepted only is read back, at a time of its own.
  const seen = bench.next.seen.find(({ method }) => method === "PATCH");
  assert.equal(seen?.target, "/v2/uploads/bbbb?_state=s-bbbb%3D&part=1");
  assert.equal(seen?.header("if"), "(<opaquelocktoken:bbbb>) (Not <DAV:no-lock>)");
  assert.equal(seen?.header("if-match"), '"other", W/"bbbb"');
  assert.equal(seen?.body.toString(), '{"self":"http://h/v2/uploads/bbbb?_state=s-bbbb%3D"}');
  assert.equal(uploads?.outcomes["match"], 2);
});

test("a create is given the primary's id, in its body or in a header, and nothing else is", async (t) => {
  const routes = `routes:
  - name: posts
    match: { path: "/posts/:id?" }
    values:
      learn: [{ at: "answer:/id", kind: post }]
      give: [{ from: "answer:/id", at: "body:/id" }, { from: "answer-header:location", at: "header:x-id" }]
`;
  const bench = await startBench(t, {
    routes,
    legacy: json(201, { id: 9007199254740993n.toString() }, { location: "/posts/77" }),
  });
  bench.legacy.answerWith((seen, response) =>
    json(201, '{"id":9007199254740993}', { location: "/posts/77" })(seen, response),
  );
  bench.next.answerWith((seen, response) => json(201, seen.body.toString())(seen, response));
  await bench.send("POST", "/posts", '{"title": "a"}', { "x-id": "mine" });
  await bench.send("POST", "/posts", "{}");
  await bench.settled(2);
  const [first, second] = bench.next.seen;
  assert.equal(first?.body.toString(), '{"id":9007199254740993,"title": "a"}');
  assert.equal(first?.header("x-id"), "77");
  assert.equal(second?.body.toString(), '{"id":9007199254740993}');
  bench.next.answerWith(json(200, { id: 1 }));
  await bench.send("PUT", "/posts/77", '{"title":"b"}');
  await bench.settled(3);
  assert.equal(bench.next.seen.at(-1)?.body.toString(), '{"title":"b"}');
});

test("pairs outlive the process; tokens are in no file and in no list", async (t) => {
  const routes = `routes:
  - name: login
    match: { path: /login }
    values: { learn: [{ at: "answer:/token", kind: session }, { at: "answer:/id", kind: user }] }
  - name: notes
    match: { path: "/notes/:user" }
    values: { apply: [{ at: "header:authorization", kind: session }, { at: "path:user", kind: user }] }
`;
  const bench = await startBench(t, {
    routes,
    store: "sqlite",
    legacy: json(200, { token: "legacy-secret-4711", id: 5 }),
    next: json(200, { token: "next-secret-4712", id: "k5" }),
  });
  await bench.send("POST", "/login", { name: "Ann" });
  await bench.settled(1);
  const { items } = await bench.api<{ items: ListedValue[] }>("/api/v1/values");
  assert.deepEqual(items.map(({ kind, legacy, next, secret }) => [kind, legacy, next, secret]).toSorted(), [
    ["session", null, null, true],
    ["user", "5", "k5", false],
  ]);
  const ofKind = await bench.api<{ items: ListedValue[] }>("/api/v1/values?kind=user");
  assert.equal(ofKind.items.length, 1);
  await bench.crossfade.stop();
  for (const file of ["crossfade.db", "divergences.ndjson"]) {
    assert.doesNotMatch(readFileSync(join(bench.folder, file), "latin1"), /legacy-secret|next-secret/, file);
  }
  const loaded = loadSettings({ file: bench.configFile, flags: {}, env: process.env });
  assert.ok(loaded.ok);
  const again = await startCrossfade({ settings: loaded.settings, logLevel: "silent" });
  t.after(() => again.stop(200));
  await request(`${again.proxyUrl}/notes/5`, {
    method: "PUT",
    headers: { authorization: "Bearer legacy-secret-4711" },
  });
  await bench.next.sawAtLeast(2);
  assert.equal(bench.next.seen[1]?.target, "/notes/k5");
  assert.equal(bench.next.seen[1]?.header("authorization"), "Bearer next-secret-4712");
});
