/** Who answers reads while legacy is the primary, of one process and of one with workers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "undici";
import { type Bench, type RouteJson, startBench } from "../support/crossfade.ts";
import { type Answer, json } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = (workers = 0): string => `
workers: ${workers}
defaults: { compare: { headers: [content-type, etag] }, reads: { dial: 100% } }
routes:
  - { name: users, match: { path: "/users/**" } }
  - { name: mine, match: { path: "/mine/**" }, reads: { by: "header:x-user" } }
  - { name: other, match: { path: "/other/**" }, reads: { dial: 0% } }
  - { name: mixed, match: { path: "/mixed/**" }, reads: { dial: 30% } }
`;

const says = (side: string): Answer => json(200, { ok: true }, { "x-side": side });

async function side(bench: Bench, path: string, headers: Record<string, string> = {}): Promise<string> {
  return String((await bench.send("GET", path, undefined, headers)).headers["x-side"]);
}

async function startDialled(t: Parameters<typeof startBench>[0], workers = 0): Promise<Bench> {
  const bench = await startBench(t, {
    ...{ routes: ROUTES(workers), store: "sqlite", legacy: says("legacy"), next: says("next") },
  });
  // Nothing is dialled before the store was looked at.
  await until(async () => (await side(bench, "/users/warm")) === "next");
  return bench;
}

async function countsOf(bench: Bench, name: string): Promise<RouteJson["dialledReads"]> {
  return (await bench.status()).routes.find((route) => route.name === name)?.dialledReads as RouteJson["dialledReads"];
}

/** The new service takes writes, and answers them when it is let. */
function holdWrites(bench: Bench): { letAnswer(): void } {
  const waiting: (() => void)[] = [];
  bench.next.answerWith((seen, response) => {
    const answer = (): void => says("next")(seen, response);
    if (seen.method === "GET") answer();
    else waiting.push(answer);
  });
  return { letAnswer: () => waiting.splice(0).forEach((answer) => answer()) };
}

for (const workers of [0, 2]) {
  const how = workers === 0 ? "one process" : "workers";
  test(`reads of a key, of all, and of whoever wrote are legacy's from a write until next has it (${how})`, async (t) => {
    const bench = await startDialled(t, workers);
    const held = holdWrites(bench);
    const asAda = { "x-user": "ada" };
    assert.equal((await bench.send("PUT", "/users/7", { n: 1 }, asAda)).status, 200);
    const seen = async (): Promise<readonly string[]> => [
      await side(bench, "/users/7"),
      await side(bench, "/users/007/avatar"),
      await side(bench, "/users"),
      await side(bench, "/mine/1", asAda),
      await side(bench, "/users/8"),
      await side(bench, "/mine/1", { "x-user": "bob" }),
      await side(bench, "/mine/1"),
      await side(bench, "/other/1"),
    ];
    const pinned = ["legacy", "legacy", "legacy", "legacy"];
    assert.deepEqual(await seen(), [...pinned, "next", "next", "legacy", "legacy"]);
    held.letAnswer();
    await bench.settled(1);
    await until(async () => (await side(bench, "/users/7")) === "next");
    assert.deepEqual(await seen(), ["next", "next", "next", "next", "next", "next", "legacy", "legacy"]);
    await until(async () => (await countsOf(bench, "mine")).pinned === 1);
  });
}

test("what next does not answer, or answers with an error, legacy is asked: its word is the client's", async (t) => {
  const bench = await startDialled(t);
  for (const status of [404, 500, 401]) {
    bench.next.answerWith(json(status, { wrong: true }));
    assert.equal(await side(bench, "/users/1"), "legacy");
  }
  bench.next.answerWith((_seen, response) => response.destroy());
  assert.equal(await side(bench, "/users/1"), "legacy");
  const { askedAgain } = await countsOf(bench, "users");
  assert.equal(askedAgain, 4);
  // Half an answer is not mended.
  bench.next.answerWith((_seen, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  });
  await assert.rejects(bench.send("GET", "/users/1"));
});

test("a share falls to next by entity, and stays; writes, and reads with a body or of events, do not", async (t) => {
  const bench = await startDialled(t);
  const first: string[] = [];
  for (let n = 0; n < 60; n++) first.push(await side(bench, `/mixed/${n}`));
  const share = first.filter((who) => who === "next").length / first.length;
  assert.ok(share > 0.1 && share < 0.5, `${share}`);
  for (let n = 0; n < 60; n += 7) assert.equal(await side(bench, `/mixed/${n}`), first[n]);
  assert.equal(await side(bench, "/users/1", { accept: "text/event-stream" }), "legacy");
  const withBody = await request(`${bench.crossfade.proxyUrl}/users/1`, { method: "GET", body: "{}" });
  assert.equal(withBody.headers["x-side"], "legacy");
  await withBody.body.dump();
  assert.equal((await bench.send("DELETE", "/users/1")).headers["x-side"], "legacy");
});

test("a key that next refused stays with legacy, and the others go on", async (t) => {
  const bench = await startDialled(t);
  bench.next.answerWith((seen, response) => (seen.method === "PUT" ? json(409, {}) : says("next"))(seen, response));
  await bench.send("PUT", "/users/9", {});
  await bench.settled(1);
  // For longer than what it left takes to be seen on the repair list.
  const until6 = performance.now() + 6_000;
  while (performance.now() < until6) {
    assert.equal(await side(bench, "/users/9"), "legacy");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual([await side(bench, "/users/8"), await side(bench, "/users")], ["next", "legacy"]);
});

test("the API dials a route and takes it back; nothing is dialled while the kill switch is thrown", async (t) => {
  const bench = await startDialled(t);
  const patch = async (path: string, method: "PATCH" | "POST", body: unknown) => {
    const headers = { "content-type": "application/json" };
    const answer = await request(bench.crossfade.adminUrl + path, { method, headers, body: JSON.stringify(body) });
    return { status: answer.statusCode, text: await answer.body.text() };
  };
  const refused = await patch("/api/v1/routes/other", "PATCH", { dial: "200%" });
  assert.deepEqual([refused.status, /dial is \\"200%\\", no share|dial/.test(refused.text)], [400, true]);
  assert.equal((await patch("/api/v1/routes/other", "PATCH", { dial: "100%", reason: "a try" })).status, 200);
  await until(async () => (await side(bench, "/other/1")) === "next");
  assert.match((await bench.status()).warnings.join("\n"), /other: 100% of reads are answered by next/);
  await patch("/api/v1/routes/other", "PATCH", { dial: null });
  assert.equal(await side(bench, "/other/1"), "legacy");
  assert.equal((await patch("/api/v1/mirror", "POST", { enabled: false })).status, 200);
  assert.equal(await side(bench, "/users/1"), "legacy");
});

test("a client keeps its ids where next answers, and legacy does where any of them has no partner", async (t) => {
  const bench = await startBench(t, {
    routes: `
routes:
  - name: things
    match: { path: "/things/:id?" }
    compare: { headers: [content-type, etag] }
    reads: { dial: 100% }
    values: { learn: [{ at: "answer:/id", kind: thing }], apply: [{ at: "path:id", kind: thing }, { at: "body:/other", kind: thing }] }
`,
    legacy: json(200, { id: 7 }, { "x-side": "legacy" }),
    next: json(200, { id: "seven" }, { "x-side": "next" }),
  });
  await bench.send("POST", "/things", {});
  await bench.settled(1);
  await until(async () => (await side(bench, "/things/7")) === "next");
  assert.equal(bench.next.seen.at(-1)?.target, "/things/seven");
  assert.deepEqual(JSON.parse((await bench.send("GET", "/things/7")).text), { id: 7 });
  const asked = bench.next.seen.length;
  assert.equal(await side(bench, "/things/8"), "legacy");
  assert.equal(bench.next.seen.length, asked, "nobody knows what 8 is to next: it is not asked");
  bench.next.answerWith(json(200, { id: "seven", other: "unheard-of" }, { "x-side": "next" }));
  assert.equal(await side(bench, "/things/7"), "legacy");
});
