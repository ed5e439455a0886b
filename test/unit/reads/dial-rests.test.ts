import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createDialRests, restsOf } from "../../../proxy/reads/dial-rests.ts";
import { settingsOf } from "../../support/config-file.ts";
import { until } from "../../support/until.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/:id?" } }
  - { name: orders, match: { path: "/orders/:id?" }, touches: [{ entity: users }] }
  - { name: rest, match: { path: "/**" } }
`;

const open = (route: string, repairs: number, gaps = 0, legacyMisses = { repairs, gaps }) => ({
  ...{ route, repairs, gaps, legacyMisses },
});

test("keys on the repair list rest with what is about several of their entity; gaps, whole collections and long lists rest all", async (t) => {
  const { settings } = settingsOf(t, CONFIG);
  const of = async (work: ReturnType<typeof open>, keys: readonly (string | null)[]): Promise<string[]> => {
    return [
      ...(await restsOf(settings, [work], "next", () => Promise.resolve(keys.map((key) => ({ key, misses: null }))))),
    ].sort();
  };
  assert.deepEqual(await of(open("users", 2), ["users/1", "users/007"]), ["k:users/1", "k:users/7", "s:users"]);
  assert.deepEqual(await of(open("users", 1), [null]), ["a:users", "s:users"]);
  assert.deepEqual(await of(open("users", 1), ["users:*"]), ["a:users", "s:users"]);
  const many = Array.from({ length: 1_001 }, (_, n) => `users/${n}`);
  assert.deepEqual(await of(open("users", 1_001), many), ["a:users", "s:users"]);
  assert.deepEqual(await of(open("users", 0, 1), []), ["a:users", "s:users"]);
  assert.deepEqual(await of(open("orders", 1), ["orders/5"]), ["a:users", "k:orders/5", "s:orders", "s:users"]);
  assert.deepEqual(await of(open("rest", 0, 1), []), ["*"]);
  assert.deepEqual(await of(open("a route that was taken out", 0, 1), []), ["*"]);
  assert.deepEqual(await of(open("users", 0), []), []);
});

test("at legacy rests what it may miss itself: what next alone misses is what it is asked for", async (t) => {
  const { settings } = settingsOf(t, CONFIG);
  const of = async (work: ReturnType<typeof open>, keys: readonly RepairKey[]): Promise<string[]> =>
    [...(await restsOf(settings, [work], "legacy", () => Promise.resolve(keys)))].sort();
  const keys: readonly RepairKey[] = [
    { key: "users/1", misses: "legacy" },
    { key: "users/2", misses: "next" },
    { key: "users/3", misses: null },
  ];
  const work = open("users", 3, 1, { repairs: 2, gaps: 0 });
  assert.deepEqual(await of(work, keys), ["k:users/1", "k:users/3", "s:users"]);
  assert.deepEqual(await of(open("users", 3, 1, { repairs: 0, gaps: 0 }), keys), []);
  assert.deepEqual(await of(open("users", 0, 2, { repairs: 0, gaps: 1 }), []), ["a:users", "s:users"]);
  // Of a list that was not read to its end nobody knows.
  const many = Array.from({ length: 1_001 }, (_, n) => ({ key: `users/${n}`, misses: "next" }) as const);
  assert.deepEqual(await of(open("users", 1_001, 0, { repairs: 1, gaps: 0 }), many), ["a:users", "s:users"]);
});

type RepairKey = { readonly key: string; readonly misses: "legacy" | "next" | null };

function watched(t: TestContext) {
  const state = { now: 0, problem: null as string | null, waiting: 0, fails: false, looks: 0, settled: 0, caughtUp: 0 };
  const [doubtful, free] = [[] as { names: string[]; unsureForMs: number }[], [] as string[]];
  const rests = createDialRests({
    store: {
      flush: () => Promise.resolve(),
      health: () => ({ kind: "memory", problem: state.problem, isKeeping: true, lostWrites: 0, pendingWrites: 0 }),
      openWork: () => {
        state.looks += 1;
        return state.fails ? Promise.reject(new Error("away")) : Promise.resolve([]);
      },
      repairWork: () => Promise.resolve([]),
    },
    members: {
      list: () =>
        Promise.resolve([
          { id: "me", isSelf: true, state: "serving" },
          { id: "you", isSelf: false, state: "silent" },
        ]),
    },
    pins: {
      takeDoubtful: () => doubtful.splice(0),
      letGo: (names) => void free.push(...names),
      caughtUp: () => void (state.caughtUp += 1),
    },
    settings: () => settingsOf(t, CONFIG).settings,
    waiting: () => state.waiting,
    earlierSettled: () => void (state.settled += 1),
    monotonic: () => state.now,
  });
  t.after(() => rests.end());
  const looked = async (): Promise<void> => {
    const before = state.looks;
    await until(() => state.looks > before);
    await new Promise(setImmediate);
  };
  return { state, doubtful, free, rests, looked };
}

test("nothing is dialled before a look, after one that is too old, or while writes wait in the journal", async (t) => {
  const { state, rests, looked } = watched(t);
  assert.equal(rests.restsAny([], "next"), true);
  rests.begin();
  await looked();
  await until(() => !rests.restsAny(["k:users/1"], "next"));
  assert.deepEqual(rests.others(), ["you"]);
  assert.equal(state.settled, 1);
  await until(() => state.caughtUp > 0);
  state.waiting = 1;
  assert.equal(rests.restsAny(["k:users/1"], "next"), true);
  await looked();
  const before = state.caughtUp;
  await looked();
  assert.equal(state.caughtUp, before);
  state.waiting = 0;
  state.fails = true;
  state.now = 3_001;
  assert.equal(rests.restsAny(["k:users/1"], "next"), true);
});

test("what a write left stays pinned until it is kept in the store and every member has looked since", async (t) => {
  const { state, doubtful, free, rests, looked } = watched(t);
  state.problem = "the disk is full";
  doubtful.push({ names: ["k:users/1"], unsureForMs: 0 }, { names: ["k:users/2"], unsureForMs: 30_000 });
  rests.begin();
  await looked();
  state.now = 60_000;
  await looked();
  assert.deepEqual([free, state.settled], [[], 0], "nothing is known to be kept");
  state.problem = null;
  await looked();
  state.now += 3_999;
  await looked();
  assert.deepEqual(free, []);
  state.now += 1;
  await until(() => free.length > 0);
  assert.deepEqual(free, ["k:users/1"]);
  state.now += 30_000;
  await until(() => free.length > 1);
  assert.deepEqual(free, ["k:users/1", "k:users/2"]);
});
