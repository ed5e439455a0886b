import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { json, type Answer } from "../support/service.ts";
import { startBench, sumOf, type RouteJson } from "../support/crossfade.ts";

function only(routes: RouteJson[]): RouteJson {
  assert.equal(routes.length, 1);
  return routes[0] as RouteJson;
}

test("a write that the primary accepts reaches the shadow once, with the same method, target and body", async (t) => {
  const bench = await startBench(t, { legacy: json(201, { id: 1 }), next: json(201, { id: 1 }) });
  const answer = await bench.send("POST", "/users?x=%2F&y", { name: "Ann" }, { "X-Case": "Kept", cookie: "s=1" });
  assert.equal(answer.status, 201);
  const [copy] = await bench.next.sawAtLeast(1);
  const route = only(await bench.settled(1));
  assert.equal(bench.next.seen.length, 1);
  assert.equal(bench.legacy.seen.length, 1);
  assert.ok(copy !== undefined);
  assert.equal(`${copy.method} ${copy.target} ${copy.body.toString()}`, `POST /users?x=%2F&y {"name":"Ann"}`);
  assert.ok(copy.headers.includes("Kept") && copy.headers.includes("s=1"));
  assert.match(copy.header("x-crossfade-shadow") ?? "", /^v1\.[0-9A-Z]{26}\.[0-9a-f]{32}$/);
  assert.match(copy.header("x-crossfade-exchange") ?? "", /^[0-9A-Z]{26}$/);
  assert.equal(copy.header("idempotency-key"), copy.header("x-crossfade-exchange"));
  assert.match(copy.header("x-crossfade-order") ?? "", /^\d+\.\d+$/);
  assert.match(copy.header("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d$/);
  const [original] = bench.legacy.seen;
  assert.equal(
    original?.headers.some((part) => part.toLowerCase().startsWith("x-crossfade")),
    false,
  );
  assert.deepEqual([route.eligible, route.outcomes["match"], sumOf(route)], [1, 1, 1]);
});

test("what the primary did not apply never reaches the shadow: 4xx, 5xx, 301, 304, 307, 308", async (t) => {
  const bench = await startBench(t);
  const statuses = [400, 404, 409, 422, 500, 503, 301, 307, 308];
  for (const status of statuses) {
    bench.legacy.answerWith(json(status, { error: status }));
    assert.equal((await bench.send("POST", "/users", { status })).status, status);
  }
  const route = only(await bench.settled(statuses.length));
  assert.equal(bench.next.seen.length, 0);
  assert.equal(route.reasons["not-accepted"], statuses.length);
  assert.equal(route.outcomes["skipped"], statuses.length);
});

test("302 and 303 after a form are accepted, and redirects are not followed on either leg", async (t) => {
  const redirect: Answer = (_seen, response) => {
    response.writeHead(303, { location: "/elsewhere", "content-length": 0 });
    response.end();
  };
  const bench = await startBench(t, { legacy: redirect, next: redirect });
  assert.equal(
    (await bench.send("POST", "/form", "a=1", { "content-type": "application/x-www-form-urlencoded" })).status,
    303,
  );
  const route = only(await bench.settled(1));
  assert.equal(route.outcomes["match"], 1);
  assert.deepEqual(
    bench.next.seen.map(({ target }) => target),
    ["/form"],
  );
  assert.deepEqual(
    bench.legacy.seen.map(({ target }) => target),
    ["/form"],
  );
});

test("ids beyond 2^53 that are one apart are one precision difference at their pointer, and pass to the client digit for digit", async (t) => {
  const bench = await startBench(t, {
    legacy: json(200, `{"user":{"id":9007199254740993,"ok":1.0}}`),
    next: json(200, `{"user":{"ok":1,"id":9007199254740992}}`),
  });
  assert.equal((await bench.send("PUT", "/users/7", { a: 1 })).text, `{"user":{"id":9007199254740993,"ok":1.0}}`);
  const route = only(await bench.settled(1));
  assert.equal(route.outcomes["divergent"], 1);
  const { items } = await bench.api<{ items: Record<string, unknown>[] }>("/api/v1/divergences");
  assert.equal(items.length, 1);
  assert.deepEqual(items[0]?.["differences"], [
    { at: "/user/id", kind: "precision", primary: "9007199254740993", shadow: "9007199254740992" },
  ]);
  assert.equal(items[0]?.["key"], "users/7");
});

test("a divergence is one line of the log with the documented fields, and one group however often it comes", async (t) => {
  const bench = await startBench(t, {
    legacy: json(201, { id: 101, name: "Ann" }),
    next: json(201, { id: "k3f9" }),
    store: "sqlite",
  });
  for (let i = 0; i < 5; i++) await bench.send("POST", "/posts", { i });
  await bench.settled(5);
  await bench.crossfade.stop();
  const lines = readFileSync(join(bench.folder, "divergences.ndjson"), "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 5);
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const [first] = records;
  const documented = [
    "id",
    "time",
    "route",
    "phase",
    "outcome",
    "reason",
    "key",
    "method",
    "path",
    "traceId",
    "group",
    "taintedBy",
    "build",
    "primary",
    "shadow",
    "differences",
  ];
  for (const name of documented) assert.ok(first !== undefined && name in first, name);
  assert.equal(first?.["outcome"], "divergent");
  assert.equal(first?.["key"], "posts/101");
  assert.equal(new Set(records.map((record) => record["group"])).size, 1);
});

test("a shadow that refuses or breaks what the primary accepted is divergent by status, told once, and its key is on the repair list", async (t) => {
  const bench = await startBench(t, { legacy: json(200, { id: 1, a: 1 }), next: json(500, { error: "boom" }) });
  await bench.send("PUT", "/users/1", { a: 1 });
  assert.equal(only(await bench.settled(1)).outcomes["divergent"], 1);
  const { items } = await bench.api<{ items: { differences: unknown }[] }>("/api/v1/divergences");
  assert.deepEqual(items[0]?.differences, [{ at: "", kind: "status", primary: "200", shadow: "500" }]);
  const repairs = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    repairs.items.map(({ key, reason }) => [key, reason]),
    [["users/1", "shadow-refused"]],
  );
});

test("reads are mirrored only by sampling, by entity, and 0 % and 100 % are exact", async (t) => {
  const route = (share: string) =>
    `routes:\n  - { name: users, match: { path: "/users/**" }, mirror: { reads: ${share} } }\n`;
  for (const [share, wanted] of [
    ["0%", 0],
    ["100%", 40],
  ] as const) {
    const bench = await startBench(t, { routes: route(share) });
    for (let i = 0; i < 40; i++) await bench.send("GET", `/users/${i % 20}`);
    const [users] = await bench.settled(wanted);
    assert.equal(users?.eligible, wanted);
    assert.equal(bench.next.seen.length, wanted);
  }
  const bench = await startBench(t, { routes: route("50%") });
  for (let round = 0; round < 3; round++) for (let i = 0; i < 60; i++) await bench.send("GET", `/users/${i}`);
  await bench.settled(1);
  const seenBy = new Map<string, number>();
  for (const { target } of bench.next.seen) seenBy.set(target, (seenBy.get(target) ?? 0) + 1);
  assert.ok(seenBy.size > 10 && seenBy.size < 50, `${seenBy.size} of 60 entities sampled`);
  assert.ok(
    [...seenBy.values()].every((times) => times === 3),
    "an entity is sampled always or never",
  );
});

test("writes of one entity reach the shadow in the order in which the primary answered them, the create first", async (t) => {
  const bench = await startBench(t, {
    legacy: (seen, response) => json(seen.method === "POST" ? 201 : 200, { id: 7 })(seen, response),
    next: (seen, response) => {
      // The create is the slowest by far.
      setTimeout(
        () => json(seen.method === "POST" ? 201 : 200, { id: 7 })(seen, response),
        seen.method === "POST" ? 150 : 0,
      );
    },
  });
  await bench.send("POST", "/users", { n: 0 });
  for (let n = 1; n < 10; n++) await bench.send("PUT", "/users/7", { n });
  const route = only(await bench.settled(10));
  assert.deepEqual(
    bench.next.seen.map(({ body }) => (JSON.parse(body.toString()) as { n: number }).n),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(route.outcomes["match"], 10);
  assert.equal(route.repairs, 0);
});

test("a copy that comes back to the proxy with a valid mark is forwarded and not mirrored again; a forged mark counts for nothing", async (t) => {
  const bench = await startBench(t);
  await bench.send("PUT", "/users/1", {});
  const [copy] = await bench.next.sawAtLeast(1);
  await bench.settled(1);
  const mark = copy?.header("x-crossfade-shadow") ?? "";
  await bench.send("PUT", "/users/1", {}, { "x-crossfade-shadow": mark });
  await bench.send(
    "PUT",
    "/users/1",
    {},
    { "x-crossfade-shadow": `${mark.slice(0, -1)}${mark.endsWith("0") ? "1" : "0"}` },
  );
  const route = only(await bench.settled(3));
  assert.equal(bench.legacy.seen.length, 3);
  assert.equal(bench.next.seen.length, 2);
  assert.equal(route.reasons["loop"], 1);
  assert.equal(
    bench.legacy.seen.some((seen) => seen.header("x-crossfade-shadow") !== null),
    false,
  );
});

test("a request that no route matches goes to legacy and is not mirrored", async (t) => {
  const bench = await startBench(t, { routes: `routes:\n  - { name: users, match: { path: "/users/**" } }\n` });
  assert.equal((await bench.send("POST", "/other", {})).status, 200);
  await bench.send("POST", "/users", {});
  await bench.settled(1);
  assert.deepEqual(
    bench.legacy.seen.map(({ target }) => target),
    ["/other", "/users"],
  );
  assert.deepEqual(
    bench.next.seen.map(({ target }) => target),
    ["/users"],
  );
});
