import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { FREEZE_MS } from "../../proxy/rows/backfill-window.ts";
import { type Bench, type BenchOptions, startBench } from "../support/crossfade.ts";
import type { SeenRequest } from "../support/service.ts";
import { startJournaled } from "../support/journaled.ts";
import { startSite, type TestMember } from "../support/member.ts";
import { stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

const COLLECTION = `collections:
  - { name: users, route: users, source: { sqlite: ./legacy.db, table: users, key: id }, target: { sqlite: ./next.db, table: users, key: id } }
`;
const ROUTES = `routes:
  - { name: users, match: { path: "/users/**" }, phase: backfilling }
  - name: orders
    match: { path: "/orders/**" }
    touches: [{ entity: users, at: "body:/user" }]
  - name: raise
    match: { path: /raise }
    touches: [{ entity: users }]
`;

interface Job {
  readonly id: string;
  /** A POST below the backfill. */
  ask<T = Record<string, unknown>>(what: string, body?: unknown): Promise<{ readonly status: number } & T>;
}

async function post(bench: Bench, path: string, body: unknown): Promise<{ status: number } & Record<string, unknown>> {
  const headers = { "content-type": "application/json" };
  const answer = await request(bench.crossfade.adminUrl + path, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  return { ...((await answer.body.json()) as Record<string, unknown>), status: answer.statusCode };
}

async function begin(bench: Bench): Promise<Job> {
  const opened = await post(bench, "/api/v1/backfills", { collection: "users" });
  assert.equal(opened.status, 200, JSON.stringify(opened));
  const id = String(opened["id"]);
  return { id, ask: async (what, body = {}) => (await post(bench, `/api/v1/backfills/${id}/${what}`, body)) as never };
}

async function position(job: Job, what: "window" | "mark"): Promise<number> {
  return (await job.ask<{ at: number }>(what)).at;
}

interface Frozen {
  readonly end: string;
  readonly freeze: number;
  readonly touched: readonly string[];
  readonly why: string;
}

/** A window that nothing was read in, and a freeze of these rows. */
async function freeze(job: Job, ids: readonly string[]): Promise<Frozen> {
  const since = await position(job, "window");
  const read = await position(job, "mark");
  return await job.ask<Frozen>("freeze", { since, read, ids });
}

async function users(t: TestContext, options: BenchOptions = {}) {
  const legacy = stateful({ 1: { n: 1 }, 2: { n: 2 }, "Ab-1": { n: 3 } });
  const next = stateful();
  const bench = await startBench(t, {
    legacy: legacy.answer,
    next: next.answer,
    routes: ROUTES + COLLECTION,
    ...options,
  });
  return { bench, legacy, next };
}

/** The service takes such requests and answers them once it is told to. */
function held(
  state: ReturnType<typeof stateful>,
  which: (seen: SeenRequest) => boolean,
): { letGo(): void; count(): number } {
  const waiting: (() => void)[] = [];
  let open = false;
  state.before = (seen, response) => {
    if (open || !which(seen)) return false;
    waiting.push(() => state.answer(seen, response));
    return true;
  };
  return {
    count: () => waiting.length,
    letGo() {
      open = true;
      for (const go of waiting) go();
    },
  };
}

const writesSeen = (bench: Bench): readonly string[] =>
  bench.next.seen.filter(({ method }) => method !== "GET").map(({ method, target }) => `${method} ${target}`);

test("a freeze holds back the copies of its rows and nobody's answer; others go on, and a thaw lets them go", async (t) => {
  const { bench } = await users(t);
  const job = await begin(bench);
  const frozen = await freeze(job, ["1", "3"]);
  assert.deepEqual([frozen.end, frozen.touched], ["frozen", []]);
  for (const [method, path, body] of [
    ["PUT", "/users/1", { n: 5 }],
    ["PUT", "/users/2", { n: 5 }],
    ["POST", "/orders/7", { user: 3 }],
    ["POST", "/orders/8", { user: 4 }],
    ["POST", "/raise", {}],
  ] as const) {
    await bench.send(method, path, body);
  }
  await until(() => writesSeen(bench).length === 2);
  assert.deepEqual(writesSeen(bench).toSorted(), ["POST /orders/8", "PUT /users/2"]);
  assert.equal((await job.ask<{ holds: boolean }>("confirm", { freeze: frozen.freeze })).holds, true);
  await job.ask("thaw", { freeze: frozen.freeze });
  await bench.settled(5);
  assert.equal(writesSeen(bench).length, 5);
  assert.equal((await job.ask<{ holds: boolean }>("confirm", { freeze: frozen.freeze })).holds, false);
});

test("a freeze that nobody ends lifts itself, and its job is told that it does not hold", async (t) => {
  const { bench } = await users(t);
  const job = await begin(bench);
  const frozen = await freeze(job, ["1"]);
  const sentAt = performance.now();
  await bench.send("PUT", "/users/1", { n: 5 });
  await bench.settled(1);
  assert.ok(performance.now() - sentAt > FREEZE_MS / 2);
  assert.deepEqual(writesSeen(bench), ["PUT /users/1"]);
  assert.equal((await job.ask<{ holds: boolean }>("confirm", { freeze: frozen.freeze })).holds, false);
});

test("rows that were written in the window are named, however their keys are spelled, and not held back", async (t) => {
  const { bench, next } = await users(t);
  next.users.set("AB-1", "{}");
  const job = await begin(bench);
  const since = await position(job, "window");
  await bench.send("PUT", "/users/AB-1", { n: 5 });
  await bench.send("PUT", "/users/0002", { n: 5 });
  await bench.send("POST", "/orders/7", { user: 9 });
  await bench.settled(3);
  const read = await position(job, "mark");
  const frozen = await job.ask<Frozen>("freeze", { since, read, ids: ["ab-1", "2", "9", "10"] });
  assert.deepEqual([frozen.end, frozen.touched.toSorted()], ["frozen", ["2", "9", "ab-1"]]);
  await bench.send("PUT", "/users/2", { n: 6 });
  await bench.settled(4);
});

test("a write that is on its way to the shadow, or at the primary, is in the window", async (t) => {
  const { bench, legacy, next } = await users(t);
  const shadow = held(next, ({ target }) => target === "/users/1");
  const primary = held(legacy, ({ target }) => target === "/users/2");
  await bench.send("PUT", "/users/1", { n: 5 });
  const second = bench.send("PUT", "/users/2", { n: 5 });
  await until(() => shadow.count() === 1 && primary.count() === 1);
  const job = await begin(bench);
  const frozen = await freeze(job, ["1", "2", "3"]);
  assert.deepEqual(frozen.touched.toSorted(), ["1", "2"]);
  shadow.letGo();
  primary.letGo();
  await second;
  await bench.settled(2);
});

test("a create that has no key yet is waited for, and its row is in the window then", async (t) => {
  const { bench, legacy } = await users(t);
  const primary = held(legacy, ({ method }) => method === "POST");
  const create = bench.send("POST", "/users", { n: 5 });
  await until(() => primary.count() === 1);
  const job = await begin(bench);
  const since = await position(job, "window");
  const read = await position(job, "mark");
  const asked = job.ask<Frozen>("freeze", { since, read, ids: ["101", "1"] });
  await new Promise((resolve) => setTimeout(resolve, 100));
  primary.letGo();
  await create;
  assert.deepEqual((await asked).touched, ["101"]);
});

test("a create that began after all was read is not waited for", async (t) => {
  const { bench, legacy } = await users(t);
  const primary = held(legacy, ({ method }) => method === "POST");
  const job = await begin(bench);
  const since = await position(job, "window");
  const read = await position(job, "mark");
  const create = bench.send("POST", "/users", { n: 5 });
  await until(() => primary.count() === 1);
  const frozen = await job.ask<Frozen>("freeze", { since, read, ids: ["101", "1"] });
  assert.deepEqual([frozen.end, frozen.touched], ["frozen", []]);
  primary.letGo();
  await create;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(writesSeen(bench), []);
  await job.ask("thaw", { freeze: frozen.freeze });
  await bench.settled(1);
});

test("a create whose primary hangs: later, and for what", async (t) => {
  const { bench, legacy } = await users(t);
  const primary = held(legacy, ({ method }) => method === "POST");
  const create = bench.send("POST", "/users", { n: 5 });
  await until(() => primary.count() === 1);
  const later = await freeze(await begin(bench), ["1"]);
  assert.equal(later.end, "later");
  assert.match(later.why, /has not answered a write of users that tells its key with its answer/);
  primary.letGo();
  await create;
});

test("a write of which nothing says what it changes leaves the window dirty", async (t) => {
  const { bench } = await users(t);
  const job = await begin(bench);
  const since = await position(job, "window");
  await bench.send("POST", "/raise", {});
  await bench.settled(1);
  const read = await position(job, "mark");
  const dirty = await job.ask<Frozen>("freeze", { since, read, ids: ["1"] });
  assert.deepEqual([dirty.end, dirty.why], ["dirty", "nothing says what a write of raise changes"]);
  assert.equal((await freeze(job, ["1"])).end, "frozen");
});

test("what next has not while rows are copied is skipped(not-copied), on the repair list, and no divergence", async (t) => {
  const { bench, next } = await users(t);
  next.putCreates = 404;
  const job = await begin(bench);
  await bench.send("PUT", "/users/1", { n: 5 });
  await bench.send("PATCH", "/users/2", {});
  const [route] = await bench.settled(2);
  assert.deepEqual([route?.reasons["not-copied"], route?.repairs], [2, 2]);
  const { items } = await bench.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(items.map(({ key, reason }) => [key, reason]).toSorted(), [
    ["users/1", "not-copied"],
    ["users/2", "not-copied"],
  ]);
  await job.ask("end", { how: "done" });
  await bench.send("PATCH", "/users/2", {});
  const [after] = await bench.settled(3);
  assert.deepEqual([after?.reasons["not-copied"], after?.outcomes["divergent"]], [2, 1]);
});

test("rows that are left to repair are repaired by state", async (t) => {
  const { bench, next } = await users(t);
  const job = await begin(bench);
  assert.deepEqual(await job.ask("repairs", { ids: ["1", "Ab-1"] }), { left: 2, status: 200 });
  await post(bench, "/api/v1/repairs/run", { route: "users" });
  await until(async () => (await bench.api<{ items: unknown[] }>("/api/v1/repairs")).items.length === 0);
  assert.deepEqual(
    [...next.users],
    [
      ["1", '{"n":1}'],
      ["Ab-1", '{"n":3}'],
    ],
  );
});

test("a repair waits for a freeze of its row, and is a write like any other for the next window", async (t) => {
  const { bench, next } = await users(t);
  const job = await begin(bench);
  await job.ask("repairs", { ids: ["1"] });
  const frozen = await freeze(job, ["1"]);
  await post(bench, "/api/v1/repairs/run", { route: "users" });
  await new Promise((resolve) => setTimeout(resolve, 150));
  assert.deepEqual([...next.users], []);
  const shadow = held(next, ({ method }) => method === "PUT");
  await job.ask("thaw", { freeze: frozen.freeze });
  await until(() => shadow.count() === 1);
  assert.deepEqual((await freeze(job, ["1"])).touched, ["1"]);
  shadow.letGo();
  await until(() => next.users.size === 1);
});

test("a later backfill takes over: the earlier is told, and its freeze stands to its end", async (t) => {
  const { bench } = await users(t);
  const first = await begin(bench);
  const frozen = await freeze(first, ["1"]);
  const second = await begin(bench);
  const refused = await first.ask<{ detail: string }>("confirm", { freeze: frozen.freeze });
  assert.equal(refused.status, 409);
  assert.match(refused.detail, /was replaced by a later one of its collection/);
  const beganAt = performance.now();
  let asked = await freeze(second, ["1"]);
  while (asked.end === "later") asked = await freeze(second, ["1"]);
  assert.equal(asked.end, "frozen");
  assert.ok(performance.now() - beganAt > FREEZE_MS / 2);
  assert.equal((await post(bench, "/api/v1/backfills/01NONE/window", {})).status, 404);
});

test("what is held back when the process ends is the next one's to deliver", async (t) => {
  const { bench } = await users(t, { store: "sqlite" });
  const job = await begin(bench);
  await freeze(job, ["1"]);
  await bench.send("PUT", "/users/1", { n: 5 });
  const { left, abandoned } = await bench.crossfade.stop(200);
  assert.deepEqual([left, abandoned], [1, 0]);
  assert.deepEqual(writesSeen(bench), []);
});

for (const [what, options, says] of [
  [
    "a route that is legacy-only",
    { routes: `routes:\n  - { name: users, match: { path: "/users/**" }, phase: legacy-only }\n${COLLECTION}` },
    /route users is in legacy-only/,
  ],
  [
    "ids that differ",
    {
      routes: `routes:\n  - { name: users, match: { path: "/users/**" }, values: { learn: [{ at: "answer:/id", kind: u }], apply: [{ at: "path:id", kind: u }] } }\n${COLLECTION}`,
    },
    /ids of their own on route users/,
  ],
  [
    "a route without an entity",
    { routes: `routes:\n  - { name: users, match: { path: "/**" } }\n${COLLECTION}` },
    /takes its entity from each path.*; write entity: NAME/,
  ],
] as const) {
  test(`rows are not brought over beside live writes of ${what}`, async (t) => {
    const { bench } = await users(t, options);
    const refused = await post(bench, "/api/v1/backfills", { collection: "users" });
    assert.equal(refused.status, 409);
    assert.match(String(refused["detail"]), says);
  });
}

test("an unknown collection, and orders that cannot be read, are told with what to send", async (t) => {
  const { bench } = await users(t);
  const unknown = await post(bench, "/api/v1/backfills", { collection: "user" });
  assert.deepEqual(
    [unknown.status, unknown["detail"]],
    [404, 'the configuration that runs here has no collection "user"; there are users'],
  );
  const job = await begin(bench);
  for (const [body, says] of [
    [{ since: 1, read: 2 }, /^ids is missing; send /],
    [{ since: 2, read: 1, ids: [] }, /^read is 1, which is before since \(2\)/],
    [{ since: -1, read: 1, ids: [] }, /^since is -1, which is no whole number from 0 on/],
    [{ since: 1, read: 2, ids: [7] }, /^ids is 7, which is no text of 1 to 1024 characters/],
  ] as const) {
    const refused = await job.ask<{ detail: string }>("freeze", body);
    assert.equal(refused.status, 400);
    assert.match(refused.detail, says);
  }
});

/** A freeze of two rows, asked of one member. */
async function frozenAt(
  { post: ask }: TestMember,
  id: string,
  between: () => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const { at: since } = (await ask(`/api/v1/backfills/${id}/window`, {})).body;
  await between();
  const { at: read } = (await ask(`/api/v1/backfills/${id}/mark`, {})).body;
  return (await ask(`/api/v1/backfills/${id}/freeze`, { since, read, ids: ["1", "2"] })).body;
}

test("members on one Redis: what another one took is touched, its copies wait for the freeze, and those of one that starts meanwhile too", async (t) => {
  const site = await startSite(t);
  const config = { routes: ROUTES, more: COLLECTION };
  const [one, two] = [await site.start("one", config), await site.start("two", config)];
  const ask = async (what: string, body: unknown = {}): Promise<Record<string, unknown>> =>
    (await one.post(`/api/v1/backfills${what}`, body)).body;
  const { id } = await ask("", { collection: "users" });
  const frozen = (between: () => Promise<unknown>): Promise<Record<string, unknown>> =>
    frozenAt(one, String(id), between);
  const first = await frozen(() => two.write("/users/1"));
  assert.deepEqual([first["end"], first["touched"]], ["frozen", ["1"]], JSON.stringify(first));
  await site.next.sawAtLeast(1);
  await two.write("/users/2");
  const confirm = (number: unknown): Promise<Record<string, unknown>> =>
    ask(`/${String(id)}/confirm`, { freeze: number });
  // However long the third one takes to start.
  const confirming = setInterval(() => void confirm(first["freeze"]), 500);
  t.after(() => clearInterval(confirming));
  const three = await site.start("three", config);
  // It was not there when the freeze began: all rows of the entity wait there.
  await three.write("/users/3");
  await two.write("/users/4");
  await site.next.sawAtLeast(2);
  const targets = (): readonly string[] =>
    site.next.seen.filter(({ method }) => method === "PUT").map(({ target }) => target);
  assert.deepEqual(targets(), ["/users/1", "/users/4"]);
  clearInterval(confirming);
  assert.equal((await confirm(first["freeze"]))["holds"], false);
  await ask(`/${String(id)}/thaw`, { freeze: first["freeze"] });
  await until(() => targets().length === 4);
  const joined = await frozen(async () => undefined);
  assert.equal(joined["end"], "frozen", JSON.stringify(joined));
  assert.equal((await confirm(joined["freeze"]))["holds"], true);
  await ask(`/${String(id)}/end`, { how: "stopped" });
  const again = await ask("", { collection: "users" });
  const left = await frozenAt(one, String(again["id"]), () => three.stop());
  assert.equal(left["end"], "later");
  assert.match(String(left["why"]), /a member/);
});

test("what worker processes take is held back too: the lanes are the parent's", async (t) => {
  const bench = await startJournaled(t, { config: `workers: 2\n${ROUTES}${COLLECTION}` });
  const admin = bench.running().adminUrl;
  const headers = { "content-type": "application/json" };
  const ask = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const answer = await request(admin + path, { method: "POST", headers, body: JSON.stringify(body) });
    return (await answer.body.json()) as Record<string, unknown>;
  };
  const { id } = await ask("/api/v1/backfills", { collection: "users" });
  const { at: since } = await ask(`/api/v1/backfills/${String(id)}/window`, {});
  assert.equal(await bench.send("PUT", "/users/1", "{}"), 200);
  await bench.settled(1);
  const { at: read } = await ask(`/api/v1/backfills/${String(id)}/mark`, {});
  const { freeze: number, touched } = await ask(`/api/v1/backfills/${String(id)}/freeze`, {
    since,
    read,
    ids: ["1", "2"],
  });
  assert.deepEqual(touched, ["1"]);
  assert.equal(await bench.send("PUT", "/users/2", "{}"), 200);
  assert.equal(await bench.send("PUT", "/users/3", "{}"), 200);
  await bench.next.sawAtLeast(2);
  assert.deepEqual(
    bench.next.seen.map(({ target }) => target),
    ["/users/1", "/users/3"],
  );
  await ask(`/api/v1/backfills/${String(id)}/thaw`, { freeze: number });
  await bench.settled(3);
  assert.equal(bench.next.seen.at(-1)?.target, "/users/2");
});
