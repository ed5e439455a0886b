import assert from "node:assert/strict";
import { test } from "node:test";
import { startBench, sumOf } from "../support/crossfade.ts";
import { hang, json, type Answer } from "../support/service.ts";

const reset: Answer = (_seen, response) => void response.socket?.destroy();
const nonsense: Answer = (_seen, response) => void response.socket?.end("this is not HTTP\r\n\r\n");
const cutShort: Answer = (_seen, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": 1000 });
  response.write("{");
  setImmediate(() => response.socket?.destroy());
};

const FAST = "effects: suppressed\nasShadow: { timeout: 300ms, maxAge: 2s }";

test("with the shadow hanging, every client is answered while no copy is, and each copy ends shadow-timeout or given up, with its key on the repair list", async (t) => {
  const bench = await startBench(t, { next: hang, nextService: FAST });
  for (let i = 0; i < 30; i++) assert.equal((await bench.send("PUT", `/users/${i % 6}`, { i })).text, `{"ok":true}`);
  const before = (await bench.status()).routes[0];
  assert.equal(before?.eligible, 30);
  assert.equal(sumOf(before as never) + (before?.pending ?? 0), 30);
  const [route] = await bench.settled(30);
  assert.ok(route !== undefined);
  assert.equal(sumOf(route), 30);
  assert.equal(route.outcomes["match"], 0);
  assert.ok((route.outcomes["shadow-timeout"] ?? 0) > 0);
  const repairs = await bench.api<{ items: { key: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    repairs.items.map(({ key }) => key).sort(),
    [0, 1, 2, 3, 4, 5].map((i) => `users/${i}`),
  );
  const status = await bench.status();
  assert.equal(status.queue.bytes, 0);
  assert.equal(status.queue.waiting, 0);
});

for (const [name, answer] of Object.entries({
  resetting: reset,
  "talking nonsense": nonsense,
  "cutting its answers short": cutShort,
})) {
  test(`with the shadow ${name}, clients get the primary's answers and each copy ends shadow-error`, async (t) => {
    const bench = await startBench(t, { next: answer, nextService: FAST });
    for (let i = 0; i < 4; i++) assert.equal((await bench.send("POST", "/things", { i })).status, 200);
    const [route] = await bench.settled(4);
    assert.equal(route?.outcomes["shadow-error"], 4);
    assert.ok((route?.repairs ?? 0) >= 0);
  });
}

test("a shadow that was away is sent what waited once it is back, in order; nothing is lost", async (t) => {
  const bench = await startBench(t, { nextService: "effects: suppressed\nasShadow: { timeout: 5s, maxAge: 60s }" });
  const held: (() => void)[] = [];
  bench.next.answerWith((seen, response) => void held.push(() => json(200, { ok: true })(seen, response)));
  for (let n = 0; n < 20; n++) assert.equal((await bench.send("PUT", "/users/1", { n })).status, 200);
  assert.equal((await bench.status()).queue.waiting, 20);
  assert.equal(bench.next.seen.length, 1, "one at a time per key");
  bench.next.answerWith(json(200, { ok: true }));
  for (const release of held) release();
  const [route] = await bench.settled(20);
  assert.equal(route?.outcomes["match"], 20);
  assert.deepEqual(
    bench.next.seen.map(({ body }) => (JSON.parse(body.toString()) as { n: number }).n),
    Array.from({ length: 20 }, (_, n) => n),
  );
});

test("with the shadow refusing connections, attempts are repeated until maxAge and the accounting sums", async (t) => {
  const bench = await startBench(t, { nextService: "effects: suppressed\nasShadow: { timeout: 300ms, maxAge: 1s }" });
  await bench.next.close();
  for (let i = 0; i < 10; i++) assert.equal((await bench.send("PUT", `/users/${i}`, {})).status, 200);
  const [route] = await bench.settled(10);
  assert.ok(route !== undefined);
  assert.equal(sumOf(route), 10);
  assert.equal((route.outcomes["shadow-error"] ?? 0) + (route.reasons["breaker-open"] ?? 0), 10);
  const repairs = await bench.api<{ items: unknown[] }>("/api/v1/repairs");
  assert.equal(repairs.items.length, 10);
});

test("over the byte budget copies are dropped with a reason, the client is served, and the memory comes back", async (t) => {
  const bench = await startBench(t, {
    nextService: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 60s }",
    limits: "limits: { queued: 1MiB }",
  });
  const held: (() => void)[] = [];
  bench.next.answerWith((seen, response) => void held.push(() => json(200, { ok: true })(seen, response)));
  const body = "x".repeat(80_000);
  for (let i = 0; i < 40; i++) {
    const { status } = await bench.send("PUT", `/users/${i}`, body, { "content-type": "text/plain" });
    assert.equal(status, 200);
    assert.ok((await bench.status()).queue.bytes <= 1024 * 1024);
  }
  const { routes } = await bench.status();
  const dropped = routes[0]?.reasons["queue-full"] ?? 0;
  // 1 MiB holds 11 bodies of 80,000 bytes and what a waiting copy costs beside them.
  assert.equal(dropped, 29);
  await bench.next.sawAtLeast(11);
  for (const release of held) release();
  const [route] = await bench.settled(40);
  assert.ok(route !== undefined);
  assert.equal(sumOf(route), 40);
  assert.equal(route.outcomes["match"], 11);
  assert.equal((await bench.status()).queue.bytes, 0);
});

test("bodies above the memory cap are mirrored and compared from the spool; above the second cap they are skipped with a repair entry", async (t) => {
  const bench = await startBench(t, { limits: "limits: { bodyInMemory: 16KiB, bodyOnDisk: 1MiB }" });
  const echo: Answer = (seen, response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.end(seen.body);
  };
  bench.legacy.answerWith(echo);
  bench.next.answerWith(echo);
  const medium = "m".repeat(500_000);
  const large = "l".repeat(2_000_000);
  assert.equal((await bench.send("PUT", "/files/1", medium)).text, medium);
  assert.equal((await bench.send("PUT", "/files/2", large)).text, large);
  const [route] = await bench.settled(2);
  assert.equal(route?.outcomes["match"], 1);
  assert.equal(route?.reasons["body-too-large"], 1);
  assert.equal(bench.next.seen.length, 1);
  assert.ok(bench.next.seen[0]?.body.equals(Buffer.from(medium)));
  const repairs = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    repairs.items.map(({ key, reason }) => [key, reason]),
    [["files/2", "body-too-large"]],
  );
});
