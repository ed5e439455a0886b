/** What next, as the primary, has not and legacy has: who answers a client, and how it is brought over. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { request } from "undici";
import { type Bench, type RouteJson, startBench } from "../support/crossfade.ts";
import { moveAll } from "../support/move-all.ts";
import { hang, json } from "../support/service.ts";
import { type Stateful, stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

const ROUTES = (more = "", workers = 0): string => `
workers: ${workers}
routes:
  - name: users
    match: { path: "/users/**" }
    phase: dual-write
    reads: { fallback: true }
    ${more.split("\n").join("\n    ")}
`;

interface Stage extends Bench {
  readonly old: Stateful;
  readonly fresh: Stateful;
}

interface StageOptions {
  readonly old: Record<string, unknown>;
  readonly fresh?: Record<string, unknown>;
  readonly routes?: string;
  readonly legacyService?: string;
  readonly nextService?: string;
}

/** With next as the primary, and legacy looked at at least once. */
async function startStage(t: TestContext, { old, fresh = {}, routes = ROUTES(), ...services }: StageOptions) {
  const [before, after] = [stateful({ warm: { n: 0 }, ...old }), stateful(fresh)];
  const bench = await startBench(t, {
    routes,
    store: "sqlite",
    legacy: before.answer,
    next: after.answer,
    ...services,
  });
  await moveAll(bench, "advance");
  await until(async () => (await bench.send("GET", "/users/warm")).status === 200);
  await until(async () => (await readsOf(bench)).copies["copied"] === 1);
  return { ...bench, old: before, fresh: after } satisfies Stage;
}

async function readsOf(bench: Bench): Promise<RouteJson["fallbackReads"]> {
  return (await bench.status()).routes.find(({ name }) => name === "users")
    ?.fallbackReads as RouteJson["fallbackReads"];
}

/** What clients asked, or wrote: not what is brought over. */
const pathsOf = (bench: Bench["legacy"], method: string): string[] =>
  bench.seen
    .filter((seen) => seen.method === method && seen.header("x-crossfade-shadow") === null)
    .map(({ target }) => target);

for (const workers of [0, 2]) {
  const how = workers === 0 ? "one process" : "workers";
  test(`what next has not legacy answers, and it is brought over once, on condition that it is not there (${how})`, async (t) => {
    const stage = await startStage(t, { old: { 7: { id: 7, name: "Ada" } }, routes: ROUTES("", workers) });
    const asAll = (): Promise<readonly string[]> =>
      Promise.all(Array.from({ length: 10 }, async () => (await stage.send("GET", "/users/7")).text));
    // On a machine that has much else to do the parent may not answer a worker in time: then next's 404 stands, that once.
    await until(async () => new Set(await asAll()).has('{"id":7,"name":"Ada"}'));
    await until(() => stage.fresh.users.has("7"));
    assert.equal(stage.fresh.users.get("7"), '{"id":7,"name":"Ada"}');
    await until(async () => (await readsOf(stage)).copies["copied"] === 2);
    const puts = stage.next.seen.filter(({ method, target }) => method === "PUT" && target === "/users/7");
    assert.deepEqual(
      puts.map((seen) => [
        seen.header("if-none-match"),
        seen.header("x-crossfade-shadow") !== null,
        seen.header("x-crossfade-epoch"),
      ]),
      [["*", true, "2"]],
    );
    const asked = pathsOf(stage.legacy, "GET").length;
    assert.equal((await stage.send("GET", "/users/7")).text, '{"id":7,"name":"Ada"}');
    assert.equal(pathsOf(stage.legacy, "GET").length, asked, "next has it, and nobody asks legacy");
    // Workers tell their parent of it a little later.
    await until(async () => (await readsOf(stage)).legacy >= 2);
    // What was brought over is no write of a client's, and mirrored nowhere.
    assert.ok(!stage.legacy.seen.some(({ method }) => method === "PUT"));
    assert.equal((await stage.settled(0))[0]?.eligible, 0);
  });
}

test("where legacy has it not either, or says something else, the client gets next's answer as it was", async (t) => {
  const stage = await startStage(t, { old: {} });
  stage.fresh.before = (seen, response) => {
    if (seen.target !== "/users/8") return false;
    json(404, '{"error":"next has no 8"}', { "x-side": "next" })(seen, response);
    return true;
  };
  const answers = [json(404, { from: "legacy" }), json(410, {}), json(500, {}), json(302, {}), json(401, {})];
  const nextSaid = async (): Promise<void> => {
    const { status, text, headers } = await stage.send("GET", "/users/8");
    assert.deepEqual([status, text, headers["x-side"]], [404, '{"error":"next has no 8"}', "next"]);
  };
  for (const answer of answers) {
    stage.legacy.answerWith(answer);
    await nextSaid();
  }
  const { neither, failed } = await readsOf(stage);
  assert.deepEqual([neither, failed], [2, 3]);
});

test("errors of next's, what it says is gone, lists, parts and reads with a body are no misses", async (t) => {
  const stage = await startStage(t, { old: { 7: { id: 7 } } });
  const asked = (): number => stage.legacy.seen.length;
  const before = asked();
  for (const status of [410, 500, 401, 400]) {
    stage.next.answerWith(json(status, { from: "next" }));
    assert.equal((await stage.send("GET", "/users/7")).status, status);
  }
  stage.next.answerWith(json(404, { from: "next" }));
  for (const path of ["/users", "/users/7/avatar", "/users?id=7"])
    assert.equal((await stage.send("GET", path)).status, 404, path);
  assert.equal((await stage.send("GET", "/users/7", undefined, { accept: "text/event-stream" })).status, 404);
  assert.equal((await stage.send("GET", "/users/7", {})).status, 404);
  assert.equal(asked(), before);
  stage.legacy.answerWith(json(200, {}));
  assert.equal((await stage.send("HEAD", "/users/7")).status, 200);
});

test("what a client deleted stays so, from before next has done it until legacy has, and after", async (t) => {
  const stage = await startStage(t, { old: { 7: { id: 7 } }, fresh: { 7: { id: 7 } } });
  // legacy takes its time for what next has done.
  const held: (() => void)[] = [];
  stage.old.before = (seen, response) => {
    if (seen.method !== "DELETE") return false;
    held.push(() => {
      stage.old.before = () => false;
      stage.old.answer(seen, response);
    });
    return true;
  };
  assert.equal((await stage.send("DELETE", "/users/7")).status, 204);
  assert.equal((await stage.send("GET", "/users/7")).status, 404);
  await until(() => held.length === 1);
  assert.equal((await stage.send("GET", "/users/7")).status, 404);
  assert.equal(stage.old.users.has("7"), true);
  held[0]?.();
  await stage.settled(1);
  assert.equal((await stage.send("GET", "/users/7")).status, 404);
  assert.deepEqual([...stage.fresh.users.keys()], ["warm"]);
});

test("what legacy did not take of a deletion does not bring it back: its key rests while it is on the repair list", async (t) => {
  const stage = await startStage(t, { old: { 7: { id: 7 } }, fresh: { 7: { id: 7 } } });
  stage.old.before = (seen, response) => {
    if (seen.method !== "DELETE") return false;
    json(500, {})(seen, response);
    return true;
  };
  assert.equal((await stage.send("DELETE", "/users/7")).status, 204);
  await stage.settled(1);
  // For longer than what it left takes to be seen on the repair list.
  const end = performance.now() + 6_000;
  while (performance.now() < end) {
    assert.equal((await stage.send("GET", "/users/7")).status, 404);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(stage.fresh.users.has("7"), false);
});

test("a legacy that hangs holds up each client for as long as its time-out, a few of them, and then nobody", async (t) => {
  const stage = await startStage(t, { old: {}, legacyService: "asShadow: { timeout: 300ms }" });
  stage.legacy.answerWith(hang);
  const ask = async (id: number): Promise<void> => assert.equal((await stage.send("GET", `/users/${id}`)).status, 404);
  await Promise.all(Array.from({ length: 100 }, (_, id) => ask(id)));
  const waited = stage.legacy.seen.filter(({ target }) => /^\/users\/\d+$/.test(target)).length;
  // 64 at once, and those that came in the places of the first few that had waited in vain.
  assert.ok(waited >= 5 && waited <= 64 + 4, String(waited));
  const { failed, unasked } = await readsOf(stage);
  assert.deepEqual([failed, unasked >= 100 - waited], [waited, true]);
  const asked = stage.legacy.seen.length;
  await Promise.all(Array.from({ length: 20 }, (_, id) => ask(id)));
  assert.equal(stage.legacy.seen.length, asked, "it is left alone for a while");
});

test("a write that comes while an entity is brought over waits for that, and is the newer one", async (t) => {
  const stage = await startStage(t, { old: { 7: { id: 7, from: "legacy" } } });
  const held: (() => void)[] = [];
  stage.fresh.before = (seen, response) => {
    if (seen.method !== "PUT" || seen.header("x-crossfade-shadow") === null) return false;
    held.push(() => {
      stage.fresh.before = () => false;
      stage.fresh.answer(seen, response);
    });
    return true;
  };
  assert.equal((await stage.send("GET", "/users/7")).status, 200);
  await until(() => held.length === 1);
  const put = stage.send("PUT", "/users/7", { id: 7, from: "client" });
  const other = await stage.send("PUT", "/users/9", { id: 9 });
  assert.equal(other.status, 200, "other keys go on");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const own = stage.next.seen.filter((seen) => seen.method === "PUT" && seen.target === "/users/7");
  assert.equal(own.length, 1, "the client's waits");
  held[0]?.();
  assert.equal((await put).status, 200);
  await stage.settled(2);
  assert.deepEqual(
    [stage.fresh.users.get("7"), stage.old.users.get("7")],
    ['{"id":7,"from":"client"}', '{"id":7,"from":"client"}'],
  );
});

test("where next does not say whether it took an entity, writes of it are refused until it shows it or can apply it no more", async (t) => {
  const stage = await startStage(t, {
    old: { 7: { id: 7, from: "legacy" } },
    nextService: "effects: suppressed\nasPrimary: { maxWork: 6s }",
  });
  stage.fresh.before = (seen) => seen.method === "PUT" && seen.header("x-crossfade-shadow") !== null;
  assert.equal((await stage.send("GET", "/users/7")).status, 200);
  await until(() => stage.next.seen.some(({ method, target }) => method === "PUT" && target === "/users/7"));
  const refused = await stage.send("PUT", "/users/7", { id: 7, from: "client" });
  assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "1"]);
  assert.match(refused.text, /being brought over/);
  // It lands late, as a slow service would have it.
  stage.fresh.users.set("7", '{"id":7,"from":"legacy"}');
  await until(async () => (await stage.send("PUT", "/users/7", { id: 7, from: "client" })).status === 200);
  assert.equal(stage.fresh.users.get("7"), '{"id":7,"from":"client"}');
  assert.equal((await readsOf(stage)).copies["failed"], 1);
});

test("a row whose id differs at next is looked up or made there under an id of next's own, which clients never see", async (t) => {
  const values = `values: { learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }], find: { read: "GET /users", by: [{ at: "answer:/email", query: email }] } }`;
  const routes = `
routes:
  - { name: users, match: { path: "/users/:id?" }, phase: dual-write, reads: { fallback: true }, ${values} }
`;
  const old = stateful({ warm: { id: "warm", email: "w" }, 101: { id: "101", email: "ann" } });
  const made = new Map<string, { id: string; email: string }>();
  const bench = await startBench(t, {
    ...{ routes, store: "sqlite", legacy: old.answer },
    next: (seen, response) => {
      const [, id = ""] = /^\/users(?:\/([^/?]+))?/.exec(seen.target) ?? [];
      if (seen.method === "GET" && id === "") return json(200, [])(seen, response);
      if (seen.method === "GET")
        return made.has(id) ? json(200, made.get(id))(seen, response) : json(404, {})(seen, response);
      if (seen.method !== "POST") return json(405, {})(seen, response);
      const user = { ...(JSON.parse(seen.body.toString()) as { email: string }), id: `k${made.size}` };
      made.set(user.id, user);
      json(201, user)(seen, response);
    },
  });
  await moveAll(bench, "advance");
  await until(async () => (await bench.send("GET", "/users/101")).status === 200);
  await until(() => [...made.values()].some(({ email }) => email === "ann"));
  await until(async () => (await readsOf(bench)).copies["copied"] === 1);
  const asked = bench.legacy.seen.length;
  const { text } = await bench.send("GET", "/users/101");
  assert.equal(bench.legacy.seen.length, asked);
  assert.deepEqual(JSON.parse(text), { email: "ann", id: "101" });
});

test("retire counts what legacy answered, and nothing falls back once next is alone", async (t) => {
  const stage = await startStage(t, { old: { 7: { id: 7 } } });
  const retire = async () => {
    const answer = await request(`${stage.crossfade.adminUrl}/api/v1/routes/users/retire?quiet=1h`);
    const { conditions } = (await answer.body.json()) as {
      conditions: { name: string; figure: number; state: string }[];
    };
    return conditions.find(({ name }) => name === "fallbacks");
  };
  const { legacy } = await readsOf(stage);
  await until(async () => (await retire())?.figure === legacy);
  assert.equal((await retire())?.state, "missing");
  await moveAll(stage, "advance");
  assert.equal((await stage.send("GET", "/users/7")).status, 404);
});
