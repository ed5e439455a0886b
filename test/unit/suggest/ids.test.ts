/** Which ids are proposed for mapping, and which numbers are not, however equal they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SeenExchange } from "../../../proxy/suggest/id-sightings.ts";
import { suggestValues } from "../../../proxy/suggest/ids.ts";

const NOTHING: ReadonlyMap<string, ReadonlySet<string>> = new Map();
let last = 0;

function seen(method: string, path: string, given: Partial<SeenExchange> = {}): SeenExchange {
  last += 1;
  const at = String(last).padStart(6, "0");
  const route = path.split("/")[1] ?? "";
  return {
    id: at,
    time: at,
    route,
    method,
    path,
    status: 200,
    shadowStatus: 200,
    answered: [],
    asked: [],
    setsCookie: null,
    hasCredentials: null,
    ...given,
  };
}

/** Creates of both kinds with the same numbers at the primary. */
function created(at = "answer:/id"): SeenExchange[] {
  return [1, 2, 3, 4].flatMap((n) =>
    ["users", "orders"].map((of) =>
      seen("POST", `/${of}`, { answered: [{ at, segment: null, primary: String(n), shadow: `${of}-${n}-x` }] }),
    ),
  );
}

function spelled(exchanges: readonly SeenExchange[], has = NOTHING): readonly string[] {
  return suggestValues(exchanges, has, []).flatMap(({ route, learn, apply, doubts }) => [
    ...learn.map(({ at, kind }) => `${route} learn ${at} ${kind}`),
    ...apply.map(({ at, kind }) => `${route} apply ${at} ${kind}`),
    ...doubts.map((doubt) => `${route} doubt ${doubt}`),
  ]);
}

test("where two kinds have the same numbers, the name of the place says which is meant", () => {
  const paths = [1, 2].flatMap((n) => [
    seen("PUT", `/users/${n}`, { asked: [{ at: "path:id", value: String(n) }] }),
    seen("PUT", `/orders/${n}`, {
      asked: [
        { at: "path:id", value: String(n) },
        { at: "body:/userId", value: String(n) },
      ],
    }),
  ]);
  assert.deepEqual(spelled([...created(), ...paths]), [
    "users learn answer:/id user",
    "users apply path:id user",
    "orders learn answer:/id order",
    "orders apply path:id order",
    "orders apply body:/userId user",
  ]);
});

test("numbers that are equal to ids by chance are not mapped", () => {
  const users = created().filter(({ route }) => route === "users");
  const used = seen("PUT", "/users/1", { asked: [{ at: "path:id", value: "1" }] });
  const places = ["body:/quantity", "body:/age", "query:page"];
  const carts = [1, 2, 3].map((n) => seen("PUT", "/carts", { asked: places.map((at) => ({ at, value: String(n) })) }));
  assert.deepEqual(spelled([...users, used, ...carts]), ["users learn answer:/id user", "users apply path:id user"]);
});

test("values that never come back, and values that one side gave twice, are not proposed", () => {
  assert.deepEqual(spelled(created("answer:/etag")), []);
  const twice = ["a", "b", "a", "b"].map((shadow, n) =>
    seen("POST", "/users", { answered: [{ at: "answer:/id", segment: null, primary: String(n), shadow }] }),
  );
  assert.deepEqual(spelled([...twice, seen("PUT", "/users/1", { asked: [{ at: "path:id", value: "1" }] })]), []);
});

test("what a route maps already is not proposed again", () => {
  const used = seen("PUT", "/users/1", { asked: [{ at: "path:id", value: "1" }] });
  const has = new Map([["users", new Set(["learn answer:/id", "apply path:id"])]]);
  assert.deepEqual(spelled([...created(), used], has), []);
});

test("a session that one side alone opens is told, with what to do about it", () => {
  const answers = [seen("POST", "/login", { setsCookie: { primary: true, shadow: false } })];
  assert.match(
    spelled(answers).join("\n"),
    /^login doubt 1 answers set a cookie of the primary alone: .*exclude the routes/,
  );
});
