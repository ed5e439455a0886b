import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { openMemoryStore } from "../../adapters/store/memory.ts";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
import type { StoreWrite } from "../../proxy/ports.ts";
import { systemClock } from "../../proxy/process/system-clock.ts";
import { createLoneMember } from "../../proxy/members/members.ts";
import { ALWAYS_OWN } from "../../proxy/members/claims.ts";
import { ALONE } from "../../proxy/members/turns.ts";
import { startBench, type Bench, type BenchOptions } from "../support/crossfade.ts";
import { json, type Answer, type SeenRequest } from "../support/service.ts";

type Mark = Extract<StoreWrite, { type: "repair" }>;

/** A bench that tells what was put on the repair list, one entry for each time. */
async function startMarked(t: TestContext, options: BenchOptions = {}): Promise<Bench & { readonly marks: Mark[] }> {
  const marks: Mark[] = [];
  const store = openMemoryStore({ clock: systemClock });
  const append = store.append.bind(store);
  store.append = (writes) => {
    marks.push(...writes.filter((write) => write.type === "repair"));
    append(writes);
  };
  return {
    ...(await startBench(t, {
      ...options,
      opened: {
        store,
        durable: null,
        notes: [],
        secretKey: null,
        turns: ALONE,
        pins: null,
        transitions: null,
        claim: ALWAYS_OWN,
        calls: null,
        countsBeside: null,
        members: createLoneMember("01JMEMBER", () => systemClock.now()),
      },
    })),
    marks,
  };
}

/** A service that keeps each answer back until it is told what to say. */
function held() {
  const waiting = new Map<string, (answer: Answer) => void>();
  const name = ({ method, target }: SeenRequest): string => `${method} ${target}`;
  return {
    answer: ((seen, response) => {
      waiting.set(name(seen), (answer) => answer(seen, response));
    }) satisfies Answer,
    say(request: string, answer: Answer = json(200, { ok: true })): void {
      const say = waiting.get(request);
      assert.ok(say !== undefined, `${request} is not waiting`);
      waiting.delete(request);
      say(answer);
    },
  };
}

function asked(seen: readonly SeenRequest[]): string[] {
  return seen.map(({ method, target }) => `${method} ${target}`);
}

function marked(marks: readonly Mark[]): (string | null)[][] {
  return marks.map(({ key, reason }) => [key, reason]);
}

async function recordsOf(bench: Bench): Promise<readonly DivergenceRecord[]> {
  const { items } = await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=100");
  return items.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const BATCHES = `routes:
  - { name: batches, match: { path: /items/batch, methods: [POST] }, entity: items, keys: ["body:/items/*/id"] }
  - { name: items, match: { path: "/items/**" } }`;

const batch = (...ids: number[]) => ({ items: ids.map((id) => ({ id, n: 1 })) });

test("a batch waits at the shadow for writes of all of its entities, and later ones wait for it", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, { routes: BATCHES, next: shadow.answer });
  await bench.send("PUT", "/items/2", { n: 0 });
  await bench.send("POST", "/items/batch", batch(1, 2));
  await bench.send("PUT", "/items/1", { n: 2 });
  await bench.send("PUT", "/items/3", { n: 2 });
  await bench.next.sawAtLeast(2);
  assert.deepEqual(asked(bench.next.seen).sort(), ["PUT /items/2", "PUT /items/3"]);
  shadow.say("PUT /items/2");
  await bench.next.sawAtLeast(3);
  assert.equal(asked(bench.next.seen)[2], "POST /items/batch");
  shadow.say("POST /items/batch");
  await bench.next.sawAtLeast(4);
  assert.equal(asked(bench.next.seen)[3], "PUT /items/1");
  shadow.say("PUT /items/1");
  shadow.say("PUT /items/3");
  await bench.settled(4);
  assert.deepEqual(bench.marks, []);
});

test("a batch that fails puts each of its entities on the repair list, and what follows on any of them is tainted by it", async (t) => {
  const bench = await startMarked(t, { routes: BATCHES, next: json(500, {}) });
  await bench.send("POST", "/items/batch", batch(1, 2));
  await bench.settled(1);
  assert.deepEqual(marked(bench.marks), [
    ["items/1", "shadow-refused"],
    ["items/2", "shadow-refused"],
  ]);
  bench.next.answerWith(json(200, { ok: false }));
  await bench.send("PUT", "/items/2", {});
  await bench.settled(2);
  const [failed, follower] = await recordsOf(bench);
  assert.equal(follower?.taintedBy, failed?.id);
});

test("a batch of more keys than are followed is delivered all the same, and its whole collection is marked, in words", async (t) => {
  const bench = await startMarked(t, { routes: BATCHES, next: json(200, { ok: false }) });
  await bench.send("POST", "/items/batch", batch(...Array.from({ length: 101 }, (_, i) => i)));
  const routes = await bench.settled(1);
  assert.equal(routes[0]?.outcomes["divergent"], 1);
  assert.deepEqual(marked(bench.marks), [[null, "keys-not-followed"]]);
  const [record] = await recordsOf(bench);
  assert.match(record?.error ?? "", /names more than 100 keys; .*whole collection/);
});

test("two batches that share entities in opposite orders both end", async (t) => {
  const bench = await startMarked(t, { routes: BATCHES });
  const both = Array.from({ length: 20 }, (_, i) =>
    bench.send("POST", "/items/batch", i % 2 === 0 ? batch(1, 2, 3) : batch(3, 2, 1)),
  );
  await Promise.all(both);
  const routes = await bench.settled(20);
  assert.equal(routes[0]?.outcomes["match"], 20);
});

test("a child that was sent before its parent is sent once more when the parent is there, and that is its verdict", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, { next: shadow.answer });
  await bench.send("PUT", "/orders/7", {});
  await bench.send("POST", "/lines/7", {});
  await bench.next.sawAtLeast(2);
  shadow.say("POST /lines/7", json(404, { error: "no order 7" }));
  await bench.send("PUT", "/later/1", {});
  await bench.next.sawAtLeast(3);
  assert.deepEqual(
    asked(bench.next.seen),
    ["PUT /orders/7", "POST /lines/7", "PUT /later/1"],
    "it waits for the parent",
  );
  shadow.say("PUT /orders/7");
  const copies = await bench.next.sawAtLeast(4);
  assert.deepEqual(asked(copies)[3], "POST /lines/7", "and not for what came later");
  assert.equal(copies[3]?.header("idempotency-key"), copies[1]?.header("idempotency-key"));
  shadow.say("POST /lines/7");
  shadow.say("PUT /later/1");
  const [route] = await bench.settled(3);
  assert.equal(route?.outcomes["match"], 3);
  assert.deepEqual(bench.marks, []);
});

test("what the shadow refuses while nothing earlier is open, or refuses again, is a verdict at once", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, { next: shadow.answer });
  await bench.send("POST", "/lines/7", {});
  await bench.next.sawAtLeast(1);
  shadow.say("POST /lines/7", json(409, {}));
  await bench.settled(1);
  await bench.send("PUT", "/orders/7", {});
  await bench.send("POST", "/lines/8", {});
  await bench.next.sawAtLeast(3);
  shadow.say("POST /lines/8", json(409, {}));
  shadow.say("PUT /orders/7");
  await bench.next.sawAtLeast(4);
  shadow.say("POST /lines/8", json(409, {}));
  const [route] = await bench.settled(3);
  assert.equal(route?.outcomes["divergent"], 2);
  assert.equal(bench.next.seen.length, 4);
});

test("children that wait for a parent that hangs do not wait beyond maxAge, and nothing waits for ever", async (t) => {
  const bench = await startMarked(t, { nextService: "effects: suppressed\nasShadow: { timeout: 4s, maxAge: 2s }" });
  bench.next.answerWith((seen, response) => {
    if (seen.target !== "/orders/7") json(404, {})(seen, response);
  });
  await bench.send("PUT", "/orders/7", {});
  await bench.next.sawAtLeast(1);
  for (let i = 0; i < 10; i++) await bench.send("POST", `/lines/${i}`, {});
  const [route] = await bench.settled(11);
  assert.equal(route?.outcomes["divergent"], 10);
  assert.equal(route?.outcomes["shadow-timeout"], 1);
});

test("a 401 is a verdict in time, and repair once the copy has waited for long", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, {
    next: shadow.answer,
    nextService: "effects: suppressed\nasShadow: { expiresAfter: 2s }",
  });
  await bench.send("PUT", "/users/1", {});
  await bench.next.sawAtLeast(1);
  shadow.say("PUT /users/1", json(401, {}));
  await bench.settled(1);
  assert.deepEqual(marked(bench.marks), [["users/1", "shadow-refused"]]);
  await bench.send("PUT", "/users/2", {});
  await bench.send("PUT", "/users/2?again", {});
  await bench.next.sawAtLeast(2);
  const answeredBy = performance.now();
  while (performance.now() < answeredBy + 2_100) await new Promise((resolve) => setTimeout(resolve, 10));
  shadow.say("PUT /users/2");
  await bench.next.sawAtLeast(3);
  shadow.say("PUT /users/2?again", json(401, {}));
  const [route] = await bench.settled(3);
  assert.equal(route?.reasons["expired"], 1);
  assert.deepEqual(marked(bench.marks)[1], ["users/2", "credentials-expired"]);
  const late = (await recordsOf(bench)).find(({ reason }) => reason === "expired");
  assert.match(late?.error ?? "", /answered 401, too late/);
  assert.equal(late?.shadow?.status, 401);
});

test("headers of our own do not run out: with stripped credentials a late 401 is a verdict", async (t) => {
  const bench = await startMarked(t, {
    next: json(401, {}),
    nextService: "effects: suppressed\nasShadow: { credentials: strip, expiresAfter: 1ms }",
  });
  bench.next.answerWith((seen, response) => void setTimeout(() => json(401, {})(seen, response), 20));
  await bench.send("PUT", "/users/1", {});
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["divergent"], 1);
});

test("a shadow that asks to be left alone for a while is asked again after it, with POST too where it says 429", async (t) => {
  const times: number[] = [];
  const bench = await startMarked(t);
  bench.next.answerWith((seen, response) => {
    times.push(performance.now());
    const busy = seen.method === "POST" ? json(429, {}) : json(503, {}, { "retry-after": "1" });
    (times.length % 2 === 1 ? busy : json(200, { ok: true }))(seen, response);
  });
  await bench.send("POST", "/users/1/reset", {});
  await bench.settled(1);
  await bench.send("PUT", "/users/1", {});
  const [route] = await bench.settled(2);
  assert.equal(route?.outcomes["match"], 2);
  assert.ok((times[3] as number) - (times[2] as number) >= 990);
  assert.deepEqual(bench.marks, []);
});

test("a second attempt that is refused says nothing where the first may have been applied: DELETE, cut off, then 404", async (t) => {
  const bench = await startMarked(t);
  bench.next.answerWith((seen, response) => {
    if (bench.next.seen.length === 1) response.socket?.destroy();
    else json(404, {})(seen, response);
  });
  await bench.send("DELETE", "/users/1");
  const [route] = await bench.settled(1);
  assert.equal(route?.outcomes["shadow-error"], 1);
  assert.deepEqual(marked(bench.marks), [["users/1", "late-attempt"]]);
});

test("an attempt that may land late holds its repair until maxWork has passed, whether a second one succeeded or not", async (t) => {
  const bench = await startMarked(t, { nextService: "effects: suppressed\nasShadow: { timeout: 2s, maxWork: 90s }" });
  const cutOnce: Answer = (seen, response) => {
    if (bench.next.seen.length === 1) response.socket?.destroy();
    else json(200, { ok: true })(seen, response);
  };
  bench.next.answerWith(cutOnce);
  const before = Date.now();
  await bench.send("PUT", "/users/1", {});
  await bench.settled(1);
  bench.next.answerWith(() => {});
  await bench.send("PUT", "/users/2", {});
  await bench.settled(2);
  bench.next.answerWith(json(500, {}));
  await bench.send("PUT", "/users/3", {});
  const [route] = await bench.settled(3);
  assert.equal(route?.outcomes["match"], 1);
  const [late, timeout, refused] = bench.marks;
  assert.deepEqual(marked(bench.marks), [
    ["users/1", "late-attempt"],
    ["users/2", "shadow-timeout"],
    ["users/3", "shadow-refused"],
  ]);
  for (const mark of [late, timeout]) {
    const at = Date.parse(mark?.notBefore ?? "");
    assert.ok(at >= before + 90_000 && at <= Date.now() + 90_000, String(mark?.notBefore));
  }
  assert.equal(refused?.notBefore, null);
});

test("a write that broke off at the primary holds its repair until the primary's maxWork has passed", async (t) => {
  const bench = await startMarked(t, { legacyService: "asPrimary: { maxWork: 2m }" });
  bench.legacy.answerWith((_seen, response) => response.socket?.destroy());
  const before = Date.now();
  await bench.send("PUT", "/users/1", {});
  await bench.settled(1);
  assert.deepEqual(marked(bench.marks), [["users/1", "unknown"]]);
  assert.ok(Date.parse(bench.marks[0]?.notBefore ?? "") >= before + 120_000);
});

test("behind a lost write relative ones are not replayed, up to one that stands alone; what comes later is sent", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, {
    next: shadow.answer,
    nextService: "effects: suppressed\nasShadow: { timeout: 3s }",
  });
  await bench.send("POST", "/users/1/add?lost", {});
  await bench.next.sawAtLeast(1);
  await bench.send("POST", "/users/1/add?b", {});
  await bench.send("PATCH", "/users/1", {});
  await bench.send("PUT", "/users/1/avatar", {});
  await bench.send("PUT", "/users/1", {});
  await bench.send("POST", "/users/1/add?c", {});
  // Nothing answers the first: it times out.
  await bench.next.sawAtLeast(2);
  assert.equal(asked(bench.next.seen)[1], "PUT /users/1");
  shadow.say("PUT /users/1");
  await bench.next.sawAtLeast(3);
  shadow.say("POST /users/1/add?c");
  const [route] = await bench.settled(6);
  assert.equal(route?.outcomes["shadow-timeout"], 1);
  assert.equal(route?.reasons["expired"], 3);
  assert.equal(route?.outcomes["match"], 2);
  assert.deepEqual(asked(bench.next.seen).slice(1), ["PUT /users/1", "POST /users/1/add?c"]);
  const [lost, ...rest] = await recordsOf(bench);
  for (const record of rest) {
    assert.equal(record.taintedBy, lost?.id);
    assert.match(record.error ?? "", /^not replayed/);
  }
  const { items } = await bench.api<{ items: { key: string; times: number }[] }>("/api/v1/repairs");
  assert.deepEqual(
    items.map(({ key, times }) => [key, times]),
    [["users/1", 4]],
    "one entry",
  );

  await bench.send("PATCH", "/users/1?live", {});
  await bench.next.sawAtLeast(4);
  shadow.say("PATCH /users/1?live");
  await bench.settled(7);
});

test("one 500 costs one write: what waits behind a refused write is sent, tainted", async (t) => {
  const shadow = held();
  const bench = await startMarked(t, { next: shadow.answer });
  await bench.send("PATCH", "/users/1?a", {});
  await bench.send("PATCH", "/users/1?b", {});
  await bench.send("PATCH", "/users/1?c", {});
  await bench.next.sawAtLeast(1);
  shadow.say("PATCH /users/1?a", json(500, {}));
  await bench.next.sawAtLeast(2);
  shadow.say("PATCH /users/1?b", json(200, { ok: false }));
  await bench.next.sawAtLeast(3);
  shadow.say("PATCH /users/1?c");
  const [route] = await bench.settled(3);
  assert.equal(route?.outcomes["match"], 1);
  assert.equal(route?.outcomes["divergent"], 2);
  const [refused, follower] = await recordsOf(bench);
  assert.equal(follower?.taintedBy, refused?.id);
});

test("a lane whose head outlives maxAge is given up with it, and leaves one repair entry", async (t) => {
  const bench = await startMarked(t, { nextService: "effects: suppressed\nasShadow: { maxAge: 3s }" });
  await bench.next.close();
  for (let i = 0; i < 5; i++) await bench.send("PATCH", `/users/${i}`, {});
  for (let i = 0; i < 20; i++) await bench.send("PATCH", "/users/1", {});
  const [route] = await bench.settled(25);
  assert.equal(
    Object.values(route?.outcomes ?? {}).reduce((sum, count) => sum + count, 0),
    25,
  );
  const lane = (await recordsOf(bench)).filter(({ key }) => key === "users/1");
  const behind = lane.filter(({ error }) => error?.startsWith("not replayed"));
  assert.equal(behind.length, 20);
  assert.ok(behind.every(({ taintedBy }) => taintedBy === lane[0]?.id));
  const { items } = await bench.api<{ items: { key: string }[] }>("/api/v1/repairs");
  assert.deepEqual(items.map(({ key }) => key).sort(), ["users/0", "users/1", "users/2", "users/3", "users/4"]);
});

test("creates of one id that overlap are marked, and posts that are about no entity are not", async (t) => {
  const atOnce = async (bench: Bench, legacy: ReturnType<typeof held>, path: string, answer: Answer): Promise<void> => {
    const before = bench.legacy.seen.length;
    const both = [bench.send("POST", `${path}?a`, {}), bench.send("POST", `${path}?b`, {})];
    await bench.legacy.sawAtLeast(before + 2);
    legacy.say(`POST ${path}?a`, answer);
    legacy.say(`POST ${path}?b`, answer);
    await Promise.all(both);
  };
  const legacy = held();
  const bench = await startMarked(t, { legacy: legacy.answer });
  await atOnce(bench, legacy, "/events", json(200, { ok: true }));
  await bench.settled(2);
  assert.deepEqual(bench.marks, []);
  bench.next.answerWith(json(201, { id: 7 }));
  await atOnce(bench, legacy, "/sessions", json(201, { id: 7 }));
  await bench.settled(4);
  assert.deepEqual(marked(bench.marks), [["sessions/7", "overlap"]]);
});

test("what follows a write that had no room names it", async (t) => {
  const bench = await startMarked(t, {
    limits: "limits: { bodyInMemory: 1KiB, bodyOnDisk: 2KiB }",
    next: json(200, { ok: false }),
  });
  await bench.send("PUT", "/users/1", { text: "x".repeat(5_000) });
  await bench.send("PATCH", "/users/1", {});
  await bench.settled(2);
  const [lost, follower] = await recordsOf(bench);
  assert.equal(lost?.reason, "body-too-large");
  assert.equal(follower?.taintedBy, lost?.id);
});
