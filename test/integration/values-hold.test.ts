import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import { startBench, type Bench } from "../support/crossfade.ts";
import { json, type Answer, type SeenRequest } from "../support/service.ts";
import { until } from "../support/until.ts";

const ROUTES = `routes:
  - name: posts
    match: { path: "/posts/:id?" }
    values: { learn: [{ at: "answer:/id", kind: post }], apply: [{ at: "path:id", kind: post }] }
  - name: comments
    match: { path: "/comments" }
    values: { learn: [{ at: "answer:/id", kind: comment }], apply: [{ at: "body:/postId", kind: post }] }
`;

/** A shadow that keeps each answer back until it is told what to say. */
function held() {
  const waiting: { readonly seen: SeenRequest; readonly say: (answer: Answer) => void }[] = [];
  return {
    answer: ((seen, response) => void waiting.push({ seen, say: (answer) => answer(seen, response) })) satisfies Answer,
    async say(request: string, answer: Answer): Promise<void> {
      const found = () => waiting.findIndex(({ seen }) => `${seen.method} ${seen.target}` === request);
      await until(() => found() !== -1);
      waiting.splice(found(), 1)[0]?.say(answer);
    },
  };
}

/** Makes 1, 2, 3, … of everything. */
function counting(): Answer {
  let last = 0;
  return (seen, response) => json(seen.method === "POST" ? 201 : 200, { id: ++last })(seen, response);
}

async function startHeld(t: TestContext, routes = ROUTES, nextService?: string) {
  const shadow = held();
  const more = nextService === undefined ? {} : { nextService };
  const bench = await startBench(t, { legacy: counting(), next: shadow.answer, routes, ...more });
  return { shadow, bench };
}

function asked(bench: Bench): string[] {
  return bench.next.seen.map(({ method, target, body }) => `${method} ${target} ${body.toString()}`.trim());
}

async function recordsOf(bench: Bench): Promise<readonly DivergenceRecord[]> {
  return (await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=100")).items;
}

test("a copy that needs an id waits, in a lane of its own, for the shadow's answer to the write that makes it", async (t) => {
  const { shadow, bench } = await startHeld(t);
  await bench.send("POST", "/posts", { title: "a" });
  await bench.send("POST", "/comments", { postId: 1, text: "b" });
  await bench.send("POST", "/posts", { title: "c" });
  await bench.next.sawAtLeast(2);
  assert.deepEqual(
    asked(bench).map((line) => line.split(" ", 2).join(" ")),
    ["POST /posts", "POST /posts"],
  );
  await shadow.say("POST /posts", json(201, { id: "pa" }));
  await bench.next.sawAtLeast(3);
  assert.equal(asked(bench)[2], 'POST /comments {"postId":"pa","text":"b"}');
  await shadow.say("POST /comments", json(201, { id: "cb" }));
  await shadow.say("POST /posts", json(201, { id: "pc" }));
  const routes = await bench.settled(3);
  assert.deepEqual(
    routes.map(({ outcomes }) => outcomes["match"]),
    [2, 1],
  );
});

test("what needs an id that its create did not get at the shadow is not sent, and is on the repair list", async (t) => {
  const { shadow, bench } = await startHeld(t);
  await bench.send("POST", "/posts", { title: "a" });
  await bench.send("POST", "/comments", { postId: 1, text: "b" });
  await shadow.say("POST /posts", json(500, { error: "out of ids" }));
  const routes = await bench.settled(2);
  assert.equal(bench.next.seen.length, 1);
  assert.deepEqual(
    routes.map(({ name, reasons }) => [name, reasons]),
    [
      ["posts", {}],
      ["comments", { "unmapped-value": 1 }],
    ],
  );
  const skipped = (await recordsOf(bench)).find(({ route }) => route === "comments");
  assert.match(
    skipped?.error ?? "",
    /^the value of kind post at body:\/postId was made by a write that the shadow did not get/,
  );
  const repairs = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs?route=comments");
  assert.deepEqual(
    repairs.items.map(({ key, reason }) => [key, reason]),
    [["comments/2", "unmapped-value"]],
  );
  // Later too, when nobody is under way any more.
  await bench.send("PUT", "/posts/1", { title: "c" });
  assert.equal((await bench.settled(3))[0]?.reasons["unmapped-value"], 1);
});

test("an id that nobody has learnt and nobody makes passes as it is, or keeps the copy from being sent, as the route says", async (t) => {
  const passing = await startHeld(t);
  await passing.bench.send("PUT", "/posts/7", { title: "a" });
  await passing.shadow.say("PUT /posts/7", json(200, { id: 1 }));
  await passing.bench.settled(1);
  const skipping = await startHeld(t, ROUTES.replace("values: {", "values: { unmapped: skip,"));
  await skipping.bench.send("PUT", "/posts/7", { title: "a" });
  assert.deepEqual((await skipping.bench.settled(1))[0]?.reasons, { "unmapped-value": 1 });
  assert.equal(skipping.bench.next.seen.length, 0);
});

test("what a copy passed on unmapped teaches nothing: the shadow only says it back", async (t) => {
  const bench = await startBench(t, {
    routes: ROUTES,
    legacy: json(200, { id: 7 }),
    next: json(200, { id: 7 }),
  });
  await bench.send("PUT", "/posts/7", { title: "a" });
  await bench.settled(1);
  assert.deepEqual((await bench.api<{ items: unknown[] }>("/api/v1/values")).items, []);
});

test("a wait ends with maxAge: the copy is left to repair, and the lane goes on", async (t) => {
  const next = "effects: suppressed\nasShadow: { timeout: 5s, maxAge: 1s }";
  const { shadow, bench } = await startHeld(t, ROUTES, next);
  await bench.send("POST", "/posts", { title: "a" });
  await bench.send("POST", "/comments", { postId: 1, text: "b" });
  await until(async () => (await bench.status()).routes[1]?.reasons["unmapped-value"] === 1);
  const [skipped] = (await recordsOf(bench)).filter(({ route }) => route === "comments");
  assert.match(skipped?.error ?? "", /was not known in time/);
  await shadow.say("POST /posts", json(201, { id: "pa" }));
  await bench.settled(2);
  await bench.send("POST", "/comments", { postId: 1, text: "again" });
  await bench.next.sawAtLeast(2);
  assert.match(asked(bench)[1] ?? "", /"postId":"pa"/);
  await shadow.say("POST /comments", json(201, { id: "c" }));
  await bench.settled(3);
});

test("a stop ends every wait: what waits is accounted for as dropped", async (t) => {
  const { bench } = await startHeld(t);
  await bench.send("POST", "/posts", { title: "a" });
  await bench.send("POST", "/comments", { postId: 1, text: "b" });
  await bench.next.sawAtLeast(1);
  const report = await bench.crossfade.stop(300);
  assert.equal(report.abandoned, 2);
  assert.equal(bench.next.seen.length, 1);
});
