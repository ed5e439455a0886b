import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comparer } from "../../../proxy/compare/comparer.ts";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { CompareSettings } from "../../../proxy/config/compare-settings.ts";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import { type ComparedAgain, compareAgain } from "../../../proxy/pairs/compare-again.ts";
import { Recomparison } from "../../../proxy/pairs/recompare.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import type { PairBody, StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { NOON } from "../../support/evidence.ts";
import { JSON_HEADERS, makePair } from "../../support/pairs.ts";

const RULE = { because: null, until: null, when: null };
const NO_MODULE: Pick<Comparer, "compare"> = { compare: () => assert.fail("no module was to be asked") };
const SECRET = ['"[redacted 00000001]"', '"[redacted 00000002]"'] as const;

function route(compare: Partial<CompareSettings> = {}): RouteSettings {
  return {
    ...DEFAULT_ROUTE,
    name: "users",
    entity: "users",
    match: { path: "/users/**", methods: null, host: null, headers: [] },
    compare: { ...DEFAULT_ROUTE.compare, ...compare },
  };
}

function pairOf(primary: string | PairBody, shadow: string | PairBody, given: Partial<StoredPair> = {}): StoredPair {
  const pair = makePair({ differences: [], outcome: "match", ...given });
  const bodyOf = (body: string | PairBody): PairBody => (typeof body === "string" ? { text: body } : body);
  return {
    ...pair,
    primary: { ...pair.primary, body: bodyOf(primary) },
    shadow: { ...pair.shadow, body: bodyOf(shadow) },
  };
}

async function again(
  pair: StoredPair,
  compare: Partial<CompareSettings> = {},
  comparer = NO_MODULE,
): Promise<ComparedAgain> {
  const result = await compareAgain(pair, route(compare), comparer, NOON);
  assert.ok(!("failed" in result), JSON.stringify(result));
  return result;
}

const placesOf = (differences: ComparedAgain["differences"]): readonly string[] => differences.map(({ at }) => at);

test("a difference that was recorded is known, one beside it is new, and one that is gone has vanished", async () => {
  const differences = [
    { at: "/a", kind: "value", primary: "1", shadow: "2" },
    { at: "/b", kind: "value", primary: "1", shadow: "2" },
  ] as const;
  const pair = pairOf('{"a":1,"c":1}', '{"a":2,"c":2}', { outcome: "divergent", differences });
  const { appeared, vanished, undecided } = await again(pair);
  assert.deepEqual([placesOf(appeared), placesOf(vanished), undecided], [["/c"], ["/b"], []]);
});

test("another kind of difference at a known place is new", async () => {
  const differences = [{ at: "/a", kind: "value", primary: "1", shadow: "2" }] as const;
  const pair = pairOf('{"a":1}', '{"a":null}', { outcome: "divergent", differences });
  assert.deepEqual(placesOf((await again(pair)).appeared), ["/a"]);
});

test("content codings that the headers tell of are undone already", async () => {
  const pair = pairOf('{"a":1}', '{"a":2}');
  const headers = [...JSON_HEADERS, "content-encoding", "gzip"];
  const zipped = { ...pair, primary: { ...pair.primary, headers } };
  assert.deepEqual(placesOf((await again(zipped)).differences), ["/a"]);
  assert.deepEqual(placesOf((await again(zipped, { headers: ["content-encoding"] })).differences), [
    "header:content-encoding",
    "/a",
  ]);
});

test("stand-ins tell same from different; what a newer rule on values would say of them is undecided", async () => {
  const pair = pairOf(`{"token":${SECRET[0]},"pin":${SECRET[0]}}`, `{"token":${SECRET[1]},"pin":${SECRET[0]}}`);
  assert.deepEqual(placesOf((await again(pair)).appeared), ["/token"]);
  const tolerant: Partial<CompareSettings> = { shapes: [{ ...RULE, at: "/token", as: "uuid" }] };
  const newer = await again(pair, tolerant);
  assert.deepEqual([newer.appeared, placesOf(newer.undecided)], [[], ["/token"]]);
  const older = await again({ ...pair, rules: ["shapes /token as uuid"] }, tolerant);
  assert.deepEqual([older.appeared, older.undecided, older.differences], [[], [], []]);
  // One at another place says nothing here.
  const elsewhere = await again(pair, { shapes: [{ ...RULE, at: "/other", as: "uuid" }] });
  assert.deepEqual(placesOf(elsewhere.appeared), ["/token"]);
  const set = await again(pairOf(`{"s":[${SECRET[0]}]}`, `{"s":[${SECRET[1]}]}`), {
    normalise: [{ ...RULE, at: "/s", as: ["sorted-set"] }],
  });
  assert.deepEqual([set.appeared.length, set.undecided.length > 0], [0, true]);
});

test("where a body was left out, status and headers alone are compared", async () => {
  const left = (digest: string): PairBody => ({ leftOut: "unreadable", bytes: 9, digest });
  const same = await again(pairOf(left("aa"), left("aa")));
  assert.deepEqual([same.differences, same.headsOnly], [[], false]);
  const differences = [
    { at: "", kind: "body", primary: "9 bytes", shadow: "9 bytes" },
    { at: "header:location", kind: "header", primary: "/a", shadow: "/b" },
  ] as const;
  const other = await again(pairOf(left("aa"), left("bb"), { outcome: "divergent", differences }));
  assert.deepEqual([other.appeared, placesOf(other.vanished), other.headsOnly], [[], ["header:location"], true]);
  const oneText = await again({ ...pairOf("{}", left("bb")) });
  assert.deepEqual([oneText.differences, oneText.headsOnly], [[], true]);
});

test("beyond the differences that were listed nothing is called new", async () => {
  const differences = [{ at: "/a", kind: "value", primary: "1", shadow: "2" }] as const;
  const pair = pairOf('{"a":1,"c":1}', '{"a":2,"c":2}', { outcome: "divergent", differences, moreDifferences: 5 });
  const { appeared, undecided } = await again(pair);
  assert.deepEqual([appeared, placesOf(undecided)], [[], ["/c"]]);
});

test("a module is asked, its failure is told, and of stand-ins it decides only what it decided then", async () => {
  const module = { file: "/m.mjs", sha256: "abc", imports: [], hooks: ["judge"] } as const;
  const difference = { at: "/token", kind: "value", primary: SECRET[0], shadow: SECRET[1] } as const;
  const verdict = {
    outcome: "divergent",
    differences: [difference],
    moreDifferences: 0,
    excused: 0,
    excusedBy: [],
  } as const;
  const asked: Parameters<Comparer["compare"]>[0][] = [];
  const comparer = { compare: (pair: (typeof asked)[0]) => (asked.push(pair), Promise.resolve(verdict)) };
  const pair = pairOf(`{"token":${SECRET[0]}}`, `{"token":${SECRET[1]}}`);
  assert.deepEqual(placesOf((await again(pair, { module }, comparer)).undecided), ["/token"]);
  assert.deepEqual((await again({ ...pair, rules: ["module abc"] }, { module }, comparer)).differences, []);
  assert.deepEqual([asked[0]?.hooks?.route, asked[0]?.hooks?.method], ["users", "PUT"]);
  const hookFailure = { step: "judge", why: "threw", costly: false } as const;
  const failing = { compare: () => Promise.resolve({ ...verdict, hookFailure }) };
  assert.deepEqual(await compareAgain(pair, route({ module }), failing, NOON), { failed: "judge: threw" });
});

test("a request is compared as the route that takes it now; one that none takes is told of", async () => {
  const byHeader: RouteSettings = {
    ...route({ ignore: [{ ...RULE, at: "/total", because: "agreed" }] }),
    name: "beta",
    match: { path: "/users/**", methods: null, host: null, headers: [["x-beta", "1"]] },
  };
  const recomparison = new Recomparison({ router: compileRouter([byHeader, route()]), comparer: NO_MODULE, now: NOON });
  const plain = makePair();
  const beta = { ...plain, request: { ...plain.request, headers: ["X-Beta", "1"] } };
  const hidden = {
    ...beta,
    request: { ...beta.request, headers: ["X-Beta", "[redacted 00000001]"], redacted: ["header:x-beta"] },
  };
  const gone = { ...plain, request: { ...plain.request, target: "/orders/1" } };
  for (const pair of [plain, beta, hidden, gone]) await recomparison.add(pair);
  const { sums, notCompared } = recomparison.report();
  assert.deepEqual([sums.unchanged, sums.vanished, sums.notCompared], [2, 1, 1]);
  assert.deepEqual(notCompared, [{ why: "no route takes what was of users", pairs: 1 }]);
});
