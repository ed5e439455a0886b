import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { DivergenceRecord } from "../../proxy/evidence/evidence.ts";
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

test("32 clients that make and change what belongs together, a shadow that is fifty times slower: no id is mistaken", async (t) => {
  // Both count, from different numbers: what is mistaken for one of the other's is there as well.
  const old = createIdApi({ makeId: countedFrom(1), makeSecret: (name) => `L.${name}` });
  const fresh = createIdApi({ makeId: countedFrom(20), makeSecret: (name) => `N.${name}` });
  const slow = (answer: typeof old.answer, ms: number): typeof old.answer => {
    return (seen, response) => void setTimeout(() => answer(seen, response), ms);
  };
  const bench = await startBench(t, {
    legacy: slow(old.answer, 1),
    next: slow(fresh.answer, 50),
    routes: ID_API_ROUTES,
    nextService: "effects: suppressed\nasShadow: { timeout: 60s, maxAge: 60s }",
  });
  const ids: number[] = [];
  let eligible = 0;
  const client = async (name: string): Promise<void> => {
    const made = async (path: string, body: object): Promise<number> => {
      eligible += 1;
      return (JSON.parse((await bench.send("POST", path, body)).text) as { id: number }).id;
    };
    const boss = ids.at(-1);
    const id = await made("/users", { name, ...(boss === undefined ? {} : { managerId: boss }) });
    ids.push(id);
    const order = await made(`/users/${id}/orders`, { note: `of ${name}` });
    await bench.send("PUT", `/orders/${order}`, { note: `${name} again`, userId: ids[0] });
    await bench.send("PUT", `/users/${id}`, { name: `${name}!` });
    eligible += 2;
  };
  await Promise.all(Array.from({ length: 32 }, (_, i) => client(`c${i}`)));
  const routes = await bench.settled(eligible);
  assert.equal(eligible, 128);
  assert.deepEqual(
    routes.map(({ outcomes }) => outcomes["match"]),
    [0, 0, 32, 64, 32],
  );
  assert.deepEqual(fresh.refused, []);
  const bosses = ({ users }: IdApi): Record<string, string | undefined> =>
    Object.fromEntries([...users.values()].map(({ name, managerId }) => [name, users.get(String(managerId))?.name]));
  assert.deepEqual(bosses(fresh), bosses(old));
  const owners = ({ users, orders }: IdApi): Record<string, string | undefined> =>
    Object.fromEntries([...orders.values()].map(({ note, userId }) => [note, users.get(String(userId))?.name]));
  assert.deepEqual(owners(fresh), owners(old));
});
