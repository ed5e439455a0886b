import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import type { RouteSettings } from "../../../proxy/config/settings.ts";
import type { Locator } from "../../../proxy/config/terms.ts";
import type { PathParams, RequestHead } from "../../../proxy/exchange.ts";
import {
  batchKeys,
  isOfWholeEntity,
  keyAtAnswer,
  keyAtHead,
  keyOfRoute,
  keysAtHead,
  samplePoint,
} from "../../../proxy/route/entity-key.ts";

const DEFAULT_KEY: Locator[] = [
  { source: "path", name: "id" },
  { source: "answer-header", name: "location" },
  { source: "answer", name: "/id" },
  { source: "path", name: "" },
];

function routeWith(entity: string | null, key: Locator[] = DEFAULT_KEY): RouteSettings {
  const match = { path: "/**", methods: null, host: null, headers: [] };
  return { ...DEFAULT_ROUTE, name: "r", match, entity, key };
}

function head(method: string, target: string, headers: string[] = []): RequestHead {
  const [path = "", query = ""] = target.split("?");
  return { method, target, path, query, headers, remoteAddress: "127.0.0.1", scheme: "http" };
}

const NO_PARAMS: PathParams = { named: {}, rest: [] };

function late(
  entity: string | null,
  target: string,
  answer: { headers?: string[]; body?: string },
  key?: Locator[],
  requestBody?: string,
): string | null {
  const found = keyAtAnswer({
    route: routeWith(entity, key),
    params: NO_PARAMS,
    request: head("POST", target),
    requestBody: () => (requestBody === undefined ? null : Buffer.from(requestBody)),
    answerHeaders: answer.headers ?? [],
    answerBody: () => (answer.body === undefined ? null : Buffer.from(answer.body)),
  });
  return found === null ? null : found.key;
}

test("a create and the update of what it made meet in one lane, however the id is spelled", () => {
  const update = keyAtHead({
    route: routeWith("users"),
    params: { named: {}, rest: ["a%20b"] },
    request: head("PUT", "/users/a%20b"),
  });
  assert.deepEqual(update, { known: true, key: "users/a b" });
  assert.equal(late("users", "/users", { headers: ["Location", "http://h:1/users/a%20b?x=1"] }), "users/a b");
  assert.equal(late("users", "/users", { headers: ["Location", "/users/a%20b/"] }), "users/a b");
  assert.equal(late("users", "/users", { body: `{"id":"a b"}` }), "users/a b");
});

test("an id beyond 2^53 keeps all of its digits", () => {
  assert.equal(late("users", "/users", { body: `{"n":1,"id":9007199254740993}` }), "users/9007199254740993");
});

test("a key that needs the answer is not guessed from the head", () => {
  assert.deepEqual(keyAtHead({ route: routeWith("users"), params: NO_PARAMS, request: head("POST", "/users") }), {
    known: false,
  });
});

test("where nothing yields, the path is the key; an answer that is no JSON changes nothing", () => {
  assert.equal(late("users", "/users/import", { body: "<html>" }), "users:/users/import");
  assert.equal(late("users", "/users/import", { body: `{"id":{"x":1}}` }), "users:/users/import");
  assert.equal(late("users", "/users/import", {}, [{ source: "answer", name: "/id" }]), null);
  assert.equal(keyOfRoute(routeWith("users")), "users:*");
});

test("the catch-all route takes collection and id from the path, past what only names the API", () => {
  const key = (target: string) => {
    const found = keyAtHead({ route: routeWith(null), params: NO_PARAMS, request: head("PUT", target) });
    return found.known ? found.key : null;
  };
  assert.equal(key("/posts/1"), "posts/1");
  assert.equal(key("/api/v1/posts/1/comments/5"), "posts/1");
  assert.equal(key("/v2.1/posts/1"), "posts/1");
  assert.equal(key("/posts"), null);
  assert.equal(late(null, "/posts", { body: `{"id":101}` }), "posts/101");
});

test("path:id falls back to the last named parameter, then to what ** caught", () => {
  const key = (params: PathParams) => {
    const found = keyAtHead({ route: routeWith("orders"), params, request: head("PUT", "/x") });
    return found.known ? found.key : null;
  };
  assert.equal(key({ named: { userId: "7", id: "9" }, rest: [] }), "orders/9");
  assert.equal(key({ named: { userId: "7", orderId: "8" }, rest: [] }), "orders/8");
  assert.equal(key({ named: {}, rest: ["42", "avatar"] }), "orders/42");
});

test("query, header, cookie and body locators", () => {
  const at = (locator: Locator, target: string, headers: string[] = []) => {
    const found = keyAtHead({
      route: routeWith("e", [locator]),
      params: NO_PARAMS,
      request: head("POST", target, headers),
    });
    return found.known ? found.key : null;
  };
  assert.equal(at({ source: "query", name: "q" }, "/x?a=1&q=a+b"), "e/a b");
  assert.equal(at({ source: "header", name: "x-tenant" }, "/x", ["X-Tenant", "acme"]), "e/acme");
  assert.equal(at({ source: "cookie", name: "s" }, "/x", ["Cookie", "a=1; s=abc=; b=2"]), "e/abc=");
  assert.equal(at({ source: "cookie", name: "s" }, "/x"), null);
  assert.equal(late("e", "/x", {}, [{ source: "body", name: "/user/id" }], `{"user":{"id":"z"}}`), "e/z");
});

test("hostile targets and ids do not throw", () => {
  for (const target of ["*", "", "//", "/%zz/%", "http://h/p", `/${"a/".repeat(10_000)}`]) {
    keyAtHead({ route: routeWith(null), params: { named: {}, rest: ["%zz"] }, request: head("PUT", target) });
    late(null, target, { headers: ["location", "%%%"], body: "{" });
  }
});

test("sampling spreads neighbouring keys evenly and is the same each time", () => {
  const points = Array.from({ length: 20_000 }, (_, i) => samplePoint(`users/${i}`));
  assert.deepEqual(
    points.slice(0, 10),
    Array.from({ length: 10 }, (_, i) => samplePoint(`users/${i}`)),
  );
  for (const share of [0.01, 0.5, 0.99]) {
    const sampled = points.filter((point) => point < share).length / points.length;
    assert.ok(Math.abs(sampled - share) < 0.01, `${sampled} of the keys for a share of ${share}`);
  }
  assert.ok(points.every((point) => point >= 0 && point < 1));
});

function batchOf(
  keys: Locator[],
  given: { requestBody?: string | null; answer?: string | null; target?: string; named?: Record<string, string> } = {},
) {
  const { requestBody = "", answer = "", target = "/items/batch", named = {} } = given;
  return batchKeys({
    route: { ...routeWith("items"), keys },
    params: { named, rest: [] },
    request: head("POST", target),
    requestBody: () => (requestBody === null ? null : Buffer.from(requestBody)),
    answerHeaders: [],
    answerBody: () => (answer === null ? null : Buffer.from(answer)),
  });
}

const IDS: Locator = { source: "body", name: "/items/*/id" };

test("a batch is about every entity that its locators find, each once", () => {
  const requestBody = `{"items":[{"id":1},{"id":"a b"},{"id":1},{"id":null},{"x":2}]}`;
  assert.deepEqual(batchOf([IDS], { requestBody }), { kind: "keys", keys: ["items/1", "items/a b"] });
  const more: Locator[] = [IDS, { source: "answer", name: "/*/id" }, { source: "query", name: "parent" }];
  assert.deepEqual(batchOf(more, { requestBody, answer: `[{"id":1},{"id":7}]`, target: "/items/batch?parent=9" }), {
    kind: "keys",
    keys: ["items/1", "items/a b", "items/7", "items/9"],
  });
  assert.deepEqual(batchOf([IDS], { requestBody: `{"items":[]}` }), { kind: "none" });
  assert.deepEqual(batchOf([IDS], { requestBody: "no JSON" }), { kind: "none" });
});

test("more keys than are followed, more values than are read, and bodies that are not there are told apart from none", () => {
  const of = (count: number, id: (i: number) => number): string =>
    JSON.stringify({ items: Array.from({ length: count }, (_, i) => ({ id: id(i) })) });
  const hundred = batchOf([IDS], { requestBody: of(100, (i) => i) });
  assert.equal(hundred.kind === "keys" && hundred.keys.length, 100);
  assert.deepEqual(batchOf([IDS], { requestBody: of(101, (i) => i) }), { kind: "too-many" });
  assert.equal(batchOf([IDS], { requestBody: of(200, (i) => i % 2) }).kind, "keys");
  assert.deepEqual(batchOf([IDS], { requestBody: of(201, (i) => i % 2) }), { kind: "too-many" });
  assert.deepEqual(batchOf([IDS], { requestBody: null }), { kind: "unread" });
  assert.deepEqual(batchOf([{ source: "answer", name: "/*/id" }], { answer: null }), { kind: "unread" });
});

test("keys of a batch are known from the head where nothing else has to tell, and a read is about one entity", () => {
  const keys: Locator[] = [
    { source: "path", name: "id" },
    { source: "query", name: "to" },
  ];
  const from = (list: Locator[], target: string) => ({
    route: { ...routeWith("users"), keys: list },
    params: { named: { id: "1" }, rest: [] },
    request: head("POST", target),
  });
  assert.deepEqual(keysAtHead(from(keys, "/users/1/transfer?to=2"), "write"), ["users/1", "users/2"]);
  assert.deepEqual(keysAtHead(from(keys, "/users/1/transfer?to=2"), "read"), ["users/1"]);
  assert.deepEqual(keysAtHead(from([...keys, IDS], "/users/1/transfer?to=2"), "write"), []);
  assert.deepEqual(keysAtHead(from([], "/users/1"), "write"), ["users/1"]);
});

test("a path is of the whole entity where its id is the last part, and only there", () => {
  for (const [path, key] of [
    ["/users/42", "users/42"],
    ["/users/42/", "users/42"],
    ["/api/v1/users/a%20b", "users/a b"],
    ["/users/import", "users:/users/import"],
  ] as const) {
    assert.equal(isOfWholeEntity(path, key), true, path);
  }
  for (const [path, key] of [
    ["/users/42/avatar", "users/42"],
    ["/users/42/42", "users/42"],
    ["/users", "users/42"],
    ["/users", "users:*"],
    ["/users/142", "users/42"],
    ["/users/import/now", "users:/users/import"],
  ] as const) {
    assert.equal(isOfWholeEntity(path, key), false, path);
  }
});
