import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestHead, RouteFound } from "../../../proxy/exchange.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { dialledTo, dialPoint, pinsOfWrite } from "../../../proxy/route/pin-names.ts";
import { settingsOf } from "../../support/config-file.ts";

const CONFIG = `
services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
defaults: { compare: { headers: [etag] }, reads: { dial: 100% } }
routes:
  - { name: users, match: { path: "/users/:id?" } }
  - { name: feed, match: { path: "/feed" }, reads: { by: "cookie:sid" } }
  - { name: search, match: { path: "/search" }, reads: { by: "query:user" } }
  - { name: rest, match: { path: "/**" } }
`;

function head(method: string, target: string, headers: readonly string[] = []): RequestHead {
  const [path = "", query = ""] = target.split("?");
  return { method, target, path, query, headers, remoteAddress: "127.0.0.1", scheme: "http" };
}

test("a read asks for its key and for writes of any; one of several for writes of some; all for what nobody can tell", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const names = (...given: Parameters<typeof head>): readonly string[] | null => {
    const request = head(...given);
    return dialledTo(router.match(request) as RouteFound, request);
  };
  assert.deepEqual(names("GET", "/users/042"), ["k:users/42", "a:users", "*"]);
  assert.deepEqual(names("HEAD", "/users?page=2"), ["s:users", "*"]);
  assert.deepEqual(names("GET", "/orders/A1/lines"), ["k:orders/a1", "a:orders", "*"]);
  assert.deepEqual(names("GET", "/orders"), ["s:orders", "*"]);
  assert.deepEqual(names("GET", "/feed", ["Cookie", "a=b; sid=ada"]), ["s:feed", "u:cookie:sid=ada", "*"]);
  assert.deepEqual(names("GET", "/search?q=x&user=ada"), ["s:search", "u:query:user=ada", "*"]);
  assert.deepEqual(names("GET", "/feed"), null);
  assert.deepEqual(names("POST", "/users/1"), null);
  assert.deepEqual(names("GET", "/users/1", ["content-length", "2"]), null);
  assert.deepEqual(names("GET", "/users/1", ["Accept", "text/event-stream, */*"]), null);
});

test("a write pins its keys, what it may be about, and its asker wherever that is asked for", () => {
  const request = head("PUT", "/users/1", ["x-user", "ada"]);
  const by = { source: "header", name: "x-user" } as const;
  const cookie = { source: "cookie", name: "sid" } as const;
  assert.deepEqual(pinsOfWrite({ keys: ["users/1"], lateOf: [], anyOf: [] }, [], request), ["k:users/1", "s:users"]);
  assert.deepEqual(pinsOfWrite({ keys: ["users/1"], lateOf: ["orders"], anyOf: ["users"] }, [by, cookie], request), [
    ...["k:users/1", "s:users", "a:orders", "s:orders", "a:users", "u:header:x-user=ada"],
  ]);
});

test("where a read falls is the entity's or the asker's, evenly", (t) => {
  const router = compileRouter(settingsOf(t, CONFIG).settings.routes);
  const point = (target: string): number => {
    const request = head("GET", target);
    return dialPoint(router.match(request) as RouteFound, request) as number;
  };
  assert.equal(point("/search?user=ada&q=1"), point("/search?q=2&user=ada"));
  const below = Array.from({ length: 2_000 }, (_, n) => point(`/users/${n}`)).filter((at) => at < 0.25).length;
  assert.ok(below > 400 && below < 600, `${below} of 2,000 below 25%`);
});
