import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence.ts";
import { startBench, type Bench, type BenchOptions } from "../support/crossfade.ts";
import { countedFrom, createIdApi, ID_API_ROUTES, wordIds, type IdApi } from "../support/id-api.ts";

interface Pair extends Bench {
  readonly old: IdApi;
  readonly fresh: IdApi;
}

async function startPair(t: TestContext, options: BenchOptions = {}): Promise<Pair> {
  const old = createIdApi({ makeId: countedFrom(101), makeSecret: (name) => `L.${name}.aaaa` });
  const fresh = createIdApi({ makeId: wordIds("k"), makeSecret: (name) => `N-${name}-bbbb` });
  const bench = await startBench(t, { legacy: old.answer, next: fresh.answer, routes: ID_API_ROUTES, ...options });
  return { ...bench, old, fresh };
}

async function recordsOf(bench: Bench): Promise<readonly DivergenceRecord[]> {
  return (await bench.api<{ items: DivergenceRecord[] }>("/api/v1/divergences?limit=1000")).items;
}

/** Creates and follow-ups of every kind; returns how many exchanges are eligible. */
async function play({ send }: Pair): Promise<number> {
  const ann = JSON.parse((await send("POST", "/users", { name: "Ann" })).text) as { id: number };
  const bob = JSON.parse((await send("POST", "/users", { name: "Bob", managerId: ann.id })).text) as { id: number };
  await send("PUT", `/users/${bob.id}?as=${ann.id}`, { name: "Bobby", managerId: ann.id });
  const order = JSON.parse((await send("POST", `/users/${ann.id}/orders`, { note: "one" })).text) as { id: number };
  await send("PUT", `/orders/${order.id}`, `note=two&userId=${bob.id}`, {
    "content-type": "application/x-www-form-urlencoded",
  });
  await send("GET", `/users/${ann.id}`);
  const { token } = JSON.parse((await send("POST", "/login", { name: "Ann" })).text) as { token: string };
  await send("POST", "/notes", { text: "by token" }, { authorization: `Bearer ${token}` });
  await send("POST", "/notes", { text: "by session" }, { cookie: `theme=dark; sid=${token}` });
  await send("DELETE", `/users/${bob.id}`);
  return 10;
}

test("two services with ids, tokens and sessions of their own are sent what each of them knows, and are found alike", async (t) => {
  const pair = await startPair(t);
  const routes = await pair.settled(await play(pair));
  assert.deepEqual(pair.fresh.refused, []);
  const records = await recordsOf(pair);
  assert.deepEqual(
    records.map(({ method, path, outcome, reason, differences, error }) => [
      method,
      path,
      outcome,
      reason,
      differences,
      error,
    ]),
    [],
  );
  assert.deepEqual(
    routes.map(({ name, outcomes, repairs }) => [name, outcomes["match"], repairs]),
    [
      ["login", 1, 0],
      ["notes", 2, 0],
      ["user-orders", 1, 0],
      ["users", 5, 0],
      ["orders", 1, 0],
    ],
  );
  const [freshAnn] = pair.fresh.users.values();
  const [freshOrder] = pair.fresh.orders.values();
  assert.equal(pair.fresh.users.size, 1);
  assert.deepEqual([freshAnn?.name, freshOrder?.note], ["Ann", "two"]);
  assert.deepEqual(pair.fresh.notes, pair.old.notes);
});

test("without values the same requests end in 404 and 401 at the shadow", async (t) => {
  const routes = ID_API_ROUTES.replace(/ {4}values:\n(?: {6}.*\n)+/g, "");
  assert.doesNotMatch(routes, /values/);
  const pair = await startPair(t, { routes });
  await pair.settled(await play(pair));
  assert.ok(pair.fresh.refused.length >= 6, pair.fresh.refused.join("; "));
});
