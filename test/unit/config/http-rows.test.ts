import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const HEAD = `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: users, match: { path: "/users/**" }, phase: legacy-only }]
collections:
  - name: users
    route: users
`;

function config(source: string, target = "sqlite: ./b.db, table: users, key: id"): string {
  return `${HEAD}    source: { ${source} }\n    target: { ${target} }\n`;
}

test("an API needs its URL and key alone, and the rest has defaults", (t) => {
  const { settings } = settingsOf(t, config('http: "https://legacy.example.com/v1/users/", key: id'));
  assert.deepEqual(settings.collections[0]?.source, {
    database: {
      kind: "http",
      url: "https://legacy.example.com/v1/users/",
      headers: [],
      requestsPerSecond: null,
      paging: { by: "whole" },
      limit: null,
      pageRows: 100,
      items: "",
      total: null,
      item: "/v1/users/:id",
      create: "PUT",
      kinds: {},
      leaveOut: [],
      effects: null,
    },
    table: "/v1/users/",
    key: ["id"],
    version: null,
    tombstone: null,
  });
});

const HTTP = 'http: "http://127.0.0.1:3000/users", key: id';

for (const [what, source, says] of [
  ["a database too", `${HTTP}, sqlite: ./a.db`, /names 2 databases; leave one of sqlite, http/],
  ["a table", `${HTTP}, table: users`, /table is of a database, and this place is http:; leave it out/],
  ["no table of a database", "sqlite: ./a.db, key: id", /source\.table is missing; write the table's name/],
  [
    "an API's setting of a database",
    "sqlite: ./a.db, table: u, key: id, rate: 5/s",
    /rate is of an http: place, and this one is sqlite:/,
  ],
  ["two ways to go on", `${HTTP}, list: { after: a, page: p }`, /list has after and page; a list goes on in one way/],
  ["a cursor that nothing tells", `${HTTP}, list: { cursor: c }`, /cursor is there without next/],
  ["a first page of no pages", `${HTTP}, list: { first: 0 }`, /first is of a list with page/],
  [
    "a key of two with one parameter",
    'http: "http://h/users", key: [a, b], item: "/:a/:b", list: { after: x }',
    /after has 1 parameter for a key of 2 \(a, b\)/,
  ],
  [
    "a key of two without a path",
    'http: "http://h/users", key: [a, b]',
    /item is missing; the key has 2 columns: write \/:a\/:b/,
  ],
  ["a path without the key", `${HTTP}, item: /users/one`, /item is \/users\/one, without :id/],
  ["a path with another column", `${HTTP}, item: "/:x/:id"`, /item has :x, which is not of the key \(id\)/],
  ["a path that is a pattern", `${HTTP}, item: "/users/**"`, /neither text nor :column/],
  ["a key that is left out", `${HTTP}, leaveOut: [id]`, /leaveOut has id, which tells rows apart/],
  ["a kind that is none", `${HTTP}, kinds: { a: jsn }`, /did you mean json\?/],
  ["a login in the URL", 'http: "http://u:p@h/users", key: id', /holds a user or password; send them in headers/],
  [
    "a next of the request",
    `${HTTP}, list: { next: "query:x" }`,
    /cannot be asked for here; write one of answer:…, answer-header:…/,
  ],
  ["a place of two", `${HTTP}, list: { items: "/a/*" }`, /holds \*, which names no one place/],
  ["a header of Crossfade's", `${HTTP}, headers: { If-Match: x }`, /is written by Crossfade itself/],
  ["effects of a source", `${HTTP}, effects: suppressed`, /has effects, which are of writes to the target/],
] as const) {
  test(`an API with ${what} is refused with its place`, (t) => {
    assert.match(errorsOf(t, config(source)).join("\n"), says);
  });
}

test("an API outside loopback is written only where it says that its writes cause nothing else", (t) => {
  const source = "sqlite: ./a.db, table: users, key: id";
  const target = (host: string, more = ""): string => config(source, `http: "https://${host}/users", key: id${more}`);
  assert.match(errorsOf(t, target("next.example.com")).join(), /does not say what its writes cause beside the rows/);
  assert.match(
    errorsOf(t, target("next.example.com", ", effects: real")).join(),
    /a backfill would do them for every row/,
  );
  assert.deepEqual(errorsOf(t, target("next.example.com", ", effects: sandboxed")), []);
  assert.deepEqual(errorsOf(t, target("localhost")), []);
  const same = config(HTTP, `${HTTP}, headers: { x: y }`);
  assert.match(errorsOf(t, same).join(), /target is the source itself/);
});
