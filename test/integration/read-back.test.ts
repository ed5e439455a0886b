/** Mirrored writes that are read back at both services: what is told of it, and what it leaves on the repair list. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Bench, type RouteJson, startBench } from "../support/crossfade.ts";
import { json } from "../support/service.ts";
import { type Stateful, stateful } from "../support/stateful.ts";
import { until } from "../support/until.ts";

const ROUTES = (share = "100%", more = ""): string => `
routes:
  - { name: users, match: { path: "/users/**" }, phase: dual-write, verify: { share: ${share} }, repair: { rate: 1000/s }${more} }
`;

interface Stage extends Bench {
  readonly old: Stateful;
  readonly fresh: Stateful;
}

async function startStage(t: TestContext, routes = ROUTES(), services = "effects: suppressed"): Promise<Stage> {
  const [old, fresh] = [stateful(), stateful()];
  const bench = await startBench(t, {
    ...{ routes, store: "sqlite", legacy: old.answer, next: fresh.answer, repairEveryMs: 3_600_000 },
    nextService: services,
  });
  return { ...bench, old, fresh };
}

const routeOf = async (bench: Bench): Promise<RouteJson> => (await bench.status()).routes[0] as RouteJson;
const ended = async (bench: Bench, result: string, times = 1): Promise<void> =>
  until(async () => (await routeOf(bench)).readBacks[result] === times);
const reads = ({ seen }: Bench["legacy"]): string[] =>
  seen.filter(({ method }) => method === "GET").map(({ target }) => target);

interface DivergenceJson {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly outcome: string;
  readonly group: string | null;
  readonly differences: readonly { readonly at: string; readonly kind: string }[];
  readonly readBack?: { readonly of: string; readonly ageMs: number };
}

const divergences = async (bench: Bench): Promise<readonly DivergenceJson[]> =>
  (await bench.api<{ items: readonly DivergenceJson[] }>("/api/v1/divergences")).items;

test("a write that both services answered alike and keep alike is equal, and leaves nothing", async (t) => {
  const stage = await startStage(t);
  await stage.send("PUT", "/users/7", { id: 7, n: 1 });
  await stage.send("POST", "/users", { id: 8 });
  await ended(stage, "equal", 2);
  assert.deepEqual(new Set(reads(stage.legacy)), new Set(["/users/7", "/users/8"]));
  assert.deepEqual(new Set(reads(stage.next)), new Set(["/users/7", "/users/8"]));
  const { repairs, outcomes, eligible } = await routeOf(stage);
  assert.deepEqual([repairs, outcomes["match"], eligible], [0, 2, 2]);
  assert.deepEqual(await divergences(stage), []);
});

test("answers that are alike and states that are not: evidence of its own, the key on the repair list, and no second outcome", async (t) => {
  const stage = await startStage(t);
  // next says that it took it, and did not.
  stage.fresh.before = (seen, response) => {
    if (seen.method !== "PUT") return false;
    stage.fresh.users.set("7", '{"id":7,"n":0}');
    json(200, seen.body.toString())(seen, response);
    return true;
  };
  await stage.send("PUT", "/users/7", { id: 7, n: 1 });
  await ended(stage, "differs");
  const { outcomes, eligible, repairs } = await routeOf(stage);
  assert.deepEqual([outcomes["match"], outcomes["divergent"], eligible], [1, 0, 1]);
  await until(async () => (await divergences(stage)).length === 1);
  const [found] = await divergences(stage);
  assert.ok(found !== undefined);
  const { method, path, key, outcome, differences } = found;
  assert.deepEqual([method, path, key, outcome], ["GET", "/users/7", "users/7", "divergent"]);
  assert.deepEqual(
    differences.map(({ at, kind }) => `${at} ${kind}`),
    ["/n value"],
  );
  assert.ok(found.readBack !== undefined && found.readBack.of !== found.id && found.readBack.ageMs > 1_000);
  assert.notEqual(found.group, null);
  const group = await stage.api<{ count: number; route: string }>(`/api/v1/groups/${found.group}`);
  assert.deepEqual([group.count, group.route], [1, "users"]);
  await until(async () => (await routeOf(stage)).repairs === 1);
  assert.ok(repairs <= 1);
  const { items } = await stage.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    items.map((item) => [item.key, item.reason]),
    [["users/7", "read-back"]],
  );
  const line = JSON.parse(readFileSync(join(stage.folder, "divergences.ndjson"), "utf8").trim()) as DivergenceJson;
  assert.deepEqual(line, found);
});

test("what next shows a moment later is equal: it is looked at again before it is told", async (t) => {
  const stage = await startStage(t);
  let looks = 0;
  stage.fresh.before = (seen, response) => {
    if (seen.method !== "GET" || ++looks > 2) return false;
    json(200, { id: 7, n: "of before" })(seen, response);
    return true;
  };
  await stage.send("PUT", "/users/7", { id: 7, n: 1 });
  await ended(stage, "equal");
  assert.equal(looks, 3);
  assert.deepEqual(await divergences(stage), []);
});

test("202 is read back whatever the share, until the service can do no more; what is not there by then is on the list", async (t) => {
  const stage = await startStage(t, ROUTES("0%"), "effects: suppressed\nasShadow: { maxWork: 8s }");
  const jobs: (() => void)[] = [];
  stage.fresh.before = (seen, response) => {
    if (seen.method !== "PUT") return false;
    const [, , id = ""] = seen.target.split("/");
    jobs.push(() => void stage.fresh.users.set(id, seen.body.toString()));
    json(202, seen.body.toString())(seen, response);
    return true;
  };
  await stage.send("PUT", "/users/7", { id: 7 });
  await stage.send("PUT", "/users/8", { id: 8 });
  await until(() => jobs.length === 2);
  setTimeout(() => jobs[0]?.(), 2_000);
  await ended(stage, "equal");
  assert.equal((await routeOf(stage)).readBacks["differs"], 0);
  await until(async () => {
    const { items } = await stage.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
    return items.length === 1 && items[0]?.key === "users/8" && items[0].reason === "read-back";
  });
  // Others are not read.
  stage.fresh.before = () => false;
  await stage.send("PUT", "/users/9", { id: 9 });
  await stage.settled(3);
  assert.ok(!reads(stage.legacy).includes("/users/9"));
});

test("GraphQL with errors is read back where its entity can be read, and a next that hangs ends it without a client or a copy that waits", async (t) => {
  const stage = await startStage(
    t,
    `
routes:
  - name: graphql
    match: { path: /graphql }
    phase: dual-write
    treatAs: graphql
    entity: users
    key: ["body:/variables/id"]
    verify: { readBack: "GET /users/:id" }
  - { name: users, match: { path: "/users/**" }, phase: dual-write }
`,
    "effects: suppressed\nasShadow: { timeout: 1s, maxWork: 1s }",
  );
  const partly = json(200, { data: { rename: null }, errors: [{ message: "name is taken" }] });
  for (const service of [stage.old, stage.fresh]) {
    service.before = (seen, response) => {
      if (seen.target === "/graphql") partly(seen, response);
      return seen.target === "/graphql" || (service === stage.fresh && seen.method === "GET");
    };
  }
  const document = { query: "mutation M($id: ID!) { rename(id: $id) }", variables: { id: "7" } };
  await stage.send("POST", "/graphql", document);
  await stage.settled(1);
  const begunAt = performance.now();
  await stage.send("PUT", "/users/8", { id: 8 });
  await stage.settled(2);
  assert.ok(performance.now() - begunAt < 5_000, "another key's copy went out");
  await ended(stage, "failed");
  const { items } = await stage.api<{ items: { key: string; reason: string }[] }>("/api/v1/repairs");
  assert.deepEqual(
    items.map(({ key, reason }) => [key, reason]),
    [["users/7", "read-back"]],
  );
});
