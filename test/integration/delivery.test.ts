import assert from "node:assert/strict";
import { test } from "node:test";
import { startBench } from "../support/crossfade.ts";
import { json, type Answer } from "../support/service.ts";

/** Takes the first request of each connection's life and ends the connection without an answer. */
function breaksOnce(): Answer {
  let broken = false;
  return (seen, response) => {
    if (broken) return json(200, { ok: true })(seen, response);
    broken = true;
    response.socket?.destroy();
  };
}

async function repairsOf(bench: { api<T>(path: string): Promise<T> }): Promise<string[][]> {
  const { items } = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  return items.map(({ key, reason }) => [key, reason]);
}

test("an idempotent copy whose connection broke is sent again once with the same idempotency key, and its key is marked for verification although it succeeded", async (t) => {
  const bench = await startBench(t, { next: breaksOnce() });
  await bench.send("PUT", "/users/1", { a: 1 });
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["match"], 1);
  assert.equal(bench.next.seen.length, 2);
  assert.equal(bench.next.seen[0]?.header("idempotency-key"), bench.next.seen[1]?.header("idempotency-key"));
  assert.deepEqual(await repairsOf(bench), [["users/1", "late-attempt"]]);
});

test("a POST whose connection broke is not sent again to a service that ignores the idempotency key: repair by state", async (t) => {
  const bench = await startBench(t, { next: breaksOnce() });
  await bench.send("POST", "/users/1/reset", {});
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["shadow-error"], 1);
  assert.equal(bench.next.seen.length, 1);
  assert.deepEqual(await repairsOf(bench), [["users/1", "shadow-error"]]);
});

test("a POST is sent again to a service that honours the key; the client's own key is kept", async (t) => {
  const bench = await startBench(t, { next: breaksOnce(), nextService: "effects: suppressed\nidempotency: honoured" });
  await bench.send("POST", "/users/1/reset", {}, { "Idempotency-Key": "mine" });
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["match"], 1);
  assert.deepEqual(
    bench.next.seen.map((seen) => seen.header("idempotency-key")),
    ["mine", "mine"],
  );
});

test("what follows a failed write in its lane says which one it is tainted by", async (t) => {
  const bench = await startBench(t, { legacy: json(200, { v: 1 }), next: json(404, { error: "no such user" }) });
  await bench.send("PUT", "/users/1", {});
  await bench.settled(1);
  bench.next.answerWith(json(200, { v: 2 }));
  await bench.send("PUT", "/users/1", {});
  await bench.send("PUT", "/users/2", {});
  await bench.settled(3);
  const { items } = await bench.api<{ items: { id: string; key: string; taintedBy: string | null }[] }>(
    "/api/v1/divergences",
  );
  const byKey = (key: string) => items.filter((item) => item.key === key).sort((a, b) => (a.id < b.id ? -1 : 1));
  const [failed, follower] = byKey("users/1");
  assert.equal(failed?.taintedBy, null);
  assert.equal(follower?.taintedBy, failed?.id);
  assert.equal(byKey("users/2")[0]?.taintedBy, null);
});

test("headers of the shadow leg: credentials stripped where declared, declared headers set, host of the target, no Expect and no trailers", async (t) => {
  const bench = await startBench(t, {
    nextService:
      "effects: suppressed\nhost: target\nasShadow: { credentials: strip, headers: { x-env: shadow, x-kept: ours } }",
  });
  await bench.send(
    "PUT",
    "/users/1",
    {},
    {
      authorization: "Bearer s",
      cookie: "sid=1",
      "x-kept": "theirs",
      "x-other": "1",
      traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    },
  );
  const [copy] = await bench.next.sawAtLeast(1);
  await bench.settled(1);
  assert.equal(copy?.header("authorization"), null);
  assert.equal(copy?.header("cookie"), null);
  assert.equal(copy?.header("x-env"), "shadow");
  assert.deepEqual(
    copy?.headers.filter((_part, i) => copy.headers[i - 1] === "x-kept"),
    ["ours"],
  );
  assert.equal(copy?.header("x-other"), "1");
  assert.equal(copy?.header("host"), new URL(bench.next.url).host);
  const parent = (copy?.header("traceparent") ?? "").split("-");
  assert.equal(parent[1], "a".repeat(32));
  assert.notEqual(parent[2], "b".repeat(16));
  assert.equal(parent[3], "01");
  const [original] = bench.legacy.seen;
  assert.equal(original?.header("authorization"), "Bearer s");
  assert.equal(original?.header("x-kept"), "theirs");
  assert.equal(original?.header("traceparent"), `00-${"a".repeat(32)}-${"b".repeat(16)}-01`);
});

test("overlapping writes of one key are both delivered and the key is marked for verification by state", async (t) => {
  const held: (() => void)[] = [];
  const bench = await startBench(t);
  bench.legacy.answerWith((seen, response) => void held.push(() => json(200, { ok: true })(seen, response)));
  const both = [bench.send("PUT", "/users/1", { n: 1 }), bench.send("PUT", "/users/1", { n: 2 })];
  await bench.legacy.sawAtLeast(2);
  for (const release of held) release();
  await Promise.all(both);
  const [route] = await bench.settled(2);
  assert.equal(route?.outcomes["match"], 2);
  assert.equal(bench.next.seen.length, 2);
  assert.deepEqual(await repairsOf(bench), [["users/1", "overlap"]]);
});

test("gzip on one side only is no difference, and an id inside a gzipped answer still names the lane", async (t) => {
  const { gzipSync } = await import("node:zlib");
  const bench = await startBench(t, { next: json(201, { id: 5, name: "Ann" }) });
  bench.legacy.answerWith((_seen, response) => {
    response.writeHead(201, { "content-type": "application/json", "content-encoding": "gzip" });
    response.end(gzipSync(`{"name":"Ann","id":5}`));
  });
  await bench.send("POST", "/users", {});
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["match"], 1);
  bench.next.answerWith(json(500, {}));
  await bench.send("POST", "/users", {});
  await bench.settled(2);
  assert.deepEqual(
    (await repairsOf(bench)).map(([key]) => key),
    ["users/5"],
  );
});

test("a pair of 10 MB answers that differ in one place is compared off the event loop and found", async (t) => {
  const rows = Array.from({ length: 100_000 }, (_, i) => ({
    id: i,
    name: `row ${i}`,
    tags: ["a", "b"],
    value: i * 1.5,
  }));
  const changed = structuredClone(rows);
  (changed[70_000] as { value: number }).value = -1;
  const bench = await startBench(t, {
    legacy: json(200, rows),
    next: json(200, changed),
    limits: "limits: { bodyInMemory: 1MiB }",
  });
  await bench.send("PUT", "/export/1", {});
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["divergent"], 1, JSON.stringify(route));
  const { items } = await bench.api<{ items: { differences: { at: string; kind: string }[] }[] }>(
    "/api/v1/divergences",
  );
  assert.deepEqual(
    items[0]?.differences.map(({ at, kind }) => [at, kind]),
    [["/70000/value", "value"]],
  );
});
