import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROUTE } from "../../../proxy/config/defaults.ts";
import { parseLocator } from "../../../proxy/config/locator.ts";
import type { RouteSettings, Touch } from "../../../proxy/config/settings.ts";
import type { About } from "../../../proxy/exchange.ts";
import { foldId, namesEntity } from "../../../proxy/reach.ts";
import { reachAtAnswer, reachAtHead } from "../../../proxy/route/write-reach.ts";

const match = { path: "/**", methods: null, host: null, headers: [] };

function touch(entity: string, at: string | null): Touch {
  const parsed = at === null ? null : parseLocator(at);
  return { entity, at: parsed?.ok === true ? parsed.value : null };
}

function from(touches: readonly Touch[], body: string | null = "{}", answer: string | null = "{}") {
  const route: RouteSettings = { ...DEFAULT_ROUTE, name: "orders", match, entity: "orders", touches };
  const request = {
    method: "POST",
    target: "/orders/7?user=9",
    path: "/orders/7",
    query: "user=9",
    headers: [],
    remoteAddress: "",
    scheme: "http",
  } as const;
  return {
    route,
    params: { named: {}, rest: ["7"] },
    request,
    requestBody: () => (body === null ? null : Buffer.from(body)),
    answerHeaders: [],
    answerBody: () => (answer === null ? null : Buffer.from(answer)),
  };
}

const ABOUT: About = { key: "orders/7", moreKeys: [], keys: ["orders/7"], made: false, entity: true, unfollowed: null };

test("the head tells keys and touched ones that stand there; what it cannot tell is late, what nobody tells is any", () => {
  const touches = [touch("users", "query:user"), touch("carts", "body:/cart"), touch("stock", null)];
  assert.deepEqual(reachAtHead(from(touches), ["orders/7"]), {
    keys: ["orders/7", "users/9"],
    lateOf: ["carts"],
    anyOf: ["stock"],
  });
  assert.deepEqual(reachAtHead(from([]), []), { keys: [], lateOf: ["orders"], anyOf: [] });
  assert.deepEqual(reachAtHead(from([]), ["orders:/orders/import"]), { keys: [], lateOf: [], anyOf: ["orders"] });
});

test("once body and answer are there nothing is late: lists are read whole, and what cannot be read is any", () => {
  const touches = [touch("users", "body:/lines/*/user"), touch("carts", "answer:/cart")];
  const body = '{"lines":[{"user":1},{"user":"a"},{"user":1}]}';
  assert.deepEqual(reachAtAnswer(from(touches, body, '{"cart":5}'), ABOUT), {
    keys: ["orders/7", "users/1", "users/a", "carts/5"],
    lateOf: [],
    anyOf: [],
  });
  assert.deepEqual(reachAtAnswer(from(touches, body, null), ABOUT).anyOf, ["carts"]);
  const many = JSON.stringify({ lines: Array.from({ length: 300 }, (_, user) => ({ user })) });
  assert.deepEqual(reachAtAnswer(from(touches, many), ABOUT).anyOf, ["users"]);
});

test("a key that is a path or a lane of the whole route names no row", () => {
  assert.deepEqual(reachAtAnswer(from([]), { ...ABOUT, keys: ["orders:*"], entity: false }).anyOf, ["orders"]);
  assert.deepEqual(reachAtAnswer(from([]), { ...ABOUT, unfollowed: "too many" }).anyOf, ["orders"]);
  assert.deepEqual(["users/4:2", "users:/a/b", "users:*"].map(namesEntity), [true, false, false]);
});

test("ids that a database takes for one are one", () => {
  for (const same of [
    ["42", "+42", "0042", " 42 "],
    ["0", "000"],
    ["ABC", "abc"],
    [
      "6ECD8C99-4036-403D-BF84-CF8400F67836",
      "{6ecd8c99-4036-403d-bf84-cf8400f67836}",
      "6ecd8c994036403dbf84cf8400f67836",
    ],
    ["\u00e9", "e\u0301"],
  ]) {
    assert.equal(new Set(same.map(foldId)).size, 1, same.join());
  }
  assert.equal(new Set(["42", "420", "4-2", "a42"].map(foldId)).size, 4);
});
