/** What next has not: which reads, when legacy may be asked, and until when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createFallback } from "../../../proxy/reads/fallback.ts";
import { isOver } from "../../../proxy/reads/fallback-ends.ts";
import type { RequestHead, RouteFound } from "../../../proxy/exchange.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { wholeRead } from "../../../proxy/route/pin-names.ts";
import { type RowJobEnd, tablesDigest } from "../../../proxy/rows/row-jobs.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes:
  - { name: users, match: { path: "/users/**" }, phase: next-primary, reads: { fallback: true } }
  - { name: plain, match: { path: "/plain/**" }, phase: next-primary }
collections:
  - { name: users, route: users, source: { sqlite: ./a.db, table: users, key: id }, target: { sqlite: ./b.db, table: users, key: id } }
`;

function headOf(method: string, path: string, headers: string[] = []): RequestHead {
  const [plain = "", query = ""] = path.split("?");
  return { method, target: path, path: plain, query, headers, remoteAddress: "", scheme: "http" };
}

test("one whole entity can be asked of legacy in next's place; parts, lists, streams of events and bodies cannot", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const of = (method: string, path: string, headers?: string[]) => {
    const head = headOf(method, path, headers);
    return wholeRead(router.match(head) as RouteFound, head);
  };
  assert.deepEqual(of("GET", "/users/042?fields=name"), { key: "users/042", names: ["k:users/42", "a:users", "*"] });
  assert.equal(of("HEAD", "/users/7")?.key, "users/7");
  for (const path of ["/users", "/users/7/avatar", "/users?id=7"]) assert.equal(of("GET", path), null, path);
  assert.equal(of("OPTIONS", "/users/7"), null);
  assert.equal(of("GET", "/users/7", ["accept", "text/event-stream"]), null);
  assert.equal(of("GET", "/users/7", ["content-length", "2"]), null);
});

test("legacy is asked while it is confirmed to have what next was told, and the route falls back", (t) => {
  const { settings } = settingsOf(t, CONFIG);
  const state = { holds: false, rests: false, broken: false, over: false, mirrors: true, whole: true };
  const fallback = createFallback({
    pins: {
      holdsAny: () => state.holds,
      get isWhole() {
        return state.whole;
      },
    },
    rests: {
      restsAny: (_names, service) => {
        assert.equal(service, "legacy");
        return state.rests;
      },
      others: () => [],
    },
    shared: null,
    mirroringEnabled: () => state.mirrors,
    snapshot: () => ({ settings, revision: 3 }),
    isBroken: ({ name }) => name === "legacy" && state.broken,
    ends: { isOver: () => state.over },
    counts: { count() {} },
    missed() {},
  });
  const ask = (route = "users", revision = 3) => fallback.mayAsk({ route, names: ["k:users/7"], revision });
  assert.equal(ask(), true);
  assert.deepEqual([ask("plain"), ask("nobody"), ask("users", 2)], [false, false, false]);
  for (const name of ["holds", "rests", "broken", "over"] as const) {
    state[name] = true;
    assert.equal(ask(), false, name);
    state[name] = false;
  }
  for (const name of ["mirrors", "whole"] as const) {
    state[name] = false;
    assert.equal(ask(), false, name);
    state[name] = true;
  }
  assert.equal(ask(), true);
});

test("it ends with comparisons of all rows that found them equal and began after the cutover", (t) => {
  const { settings } = settingsOf(t, CONFIG);
  const [users, plain] = settings.routes;
  const [collection] = settings.collections;
  assert.ok(users !== undefined && plain !== undefined && collection !== undefined);
  const cutOverAt = Date.parse("2026-11-20T12:00:00Z");
  const found = (begunAt: string, missing = 0): RowJobEnd => ({
    ...{ job: "reconcile", collection: "users", tables: tablesDigest(collection), begunAt, endedAt: begunAt },
    ...{ sourceRows: 9, targetRows: 9 - missing, missing, mismatched: 0, extra: 0, unmade: 0, around: null },
  });
  const over = (ends: readonly RowJobEnd[], at: number | null = cutOverAt): boolean =>
    isOver(settings, users, ends, at);
  assert.equal(over([]), false);
  assert.equal(over([found("2026-11-20T12:00:00Z")]), true);
  assert.equal(over([found("2026-11-20T11:59:59Z")]), false, "before the cutover");
  assert.equal(over([found("2026-11-21T12:00:00Z", 1)]), false, "not clean");
  assert.equal(over([{ ...found("2026-11-21T12:00:00Z"), tables: "others" }]), false, "of other tables");
  assert.equal(over([found("2026-11-21T12:00:00Z")], null), false, "nobody noted the cutover");
  assert.equal(isOver(settings, plain, [found("2026-11-21T12:00:00Z")], cutOverAt), false, "no collection of its own");
});
