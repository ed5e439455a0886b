import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { Snapshot } from "../../../proxy/exchange.ts";
import { goesToPart, type EntityPlace } from "../../../proxy/read-back.ts";
import { prepareEntry, type PreparedEntry } from "../../../proxy/repair/entry.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { createSealer } from "../../../proxy/sealed.ts";
import { loadText } from "../../support/config-file.ts";

const SEALER = createSealer(Buffer.alloc(32, 1));
const SERVICES = `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }\n`;

function snapshotOf(t: TestContext, routes: string): Snapshot {
  const loaded = loadText(t, `${SERVICES}routes:\n${routes}`);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.errors.map(({ text }) => text).join("\n"));
  const { settings } = loaded;
  return { revision: 1, settings, router: compileRouter(settings.routes), epochs: new Map() };
}

function prepare(t: TestContext, routes: string, route: string, write: string, key: string): PreparedEntry {
  const [method = "", path = ""] = write.split(" ");
  const place: EntityPlace = { key, method, path, host: null };
  const sealed = { sealed: SEALER.seal(JSON.stringify(place)), part: goesToPart(place) };
  return prepareEntry({ route, key, place: sealed, notBefore: null, misses: null }, snapshotOf(t, routes), SEALER);
}

const spelled = (entry: PreparedEntry): string =>
  entry.ready ? `${entry.paths.path} below ${entry.paths.above ?? "nothing known"}` : entry.why;

const USERS = `  - { name: users, match: { path: "/users/**" } }\n`;
const SPLIT = `  - { name: create, entity: users, match: { path: /users, methods: [POST] } }
  - { name: one, entity: users, match: { path: "/users/:id", methods: [GET, PUT] } }\n`;
const ANY = `  - { name: any, match: { path: "/**" } }\n`;

test("an entity is read at its own path where the write went to it or to the path above it, and nowhere else", (t) => {
  const table: readonly (readonly [routes: string, route: string, write: string, key: string, expected: RegExp])[] = [
    [USERS, "users", "PUT /users/42", "users/42", /^\/users\/42 below \/users$/],
    [USERS, "users", "PUT /users/42/", "users/42", /^\/users\/42 below \/users$/],
    [USERS, "users", "POST /users", "users/42", /^\/users\/42 below \/users$/],
    [USERS, "users", "PUT /users/a%20b", "users/a b", /^\/users\/a%20b below/],
    [USERS, "users", "POST /users", "users/a/b?c", /^\/users\/a%2Fb%3Fc below \/users$/],
    [USERS, "users", "PUT /users/42/avatar", "users/42", /^a write went below the entity/],
    [USERS, "users", "POST /users/42/avatar", "users/42", /^a write went below the entity/],
    [USERS, "users", "DELETE /users", "users:*", /^the write has no key of its own$/],
    [SPLIT, "create", "POST /users", "users/42", /^\/users\/42 below \/users$/],
    [SPLIT.replace("entity: users", "entity: people"), "create", "POST /users", "people/42", /about another entity/],
    [SPLIT.replace("GET, ", ""), "one", "PUT /users/42", "users/42", /^no route takes a GET/],
    [USERS.replace(" }\n", ", treatAs: write }\n"), "users", "PUT /users/42", "users/42", /^a GET .* is a write/],
    [ANY, "any", "PUT /api/v1/posts/7", "posts/7", /^\/api\/v1\/posts\/7 below \/api\/v1\/posts$/],
    [ANY, "any", "POST /api/v1/posts", "posts/7", /^\/api\/v1\/posts\/7 below/],
    [ANY, "any", "POST /api/v1/posts/7/comments", "posts/7", /^a write went below/],
    [`  - { name: s, match: { path: /settings } }\n`, "s", "PUT /settings", "s:/settings", /^\/settings below nothing/],
    [`  - { name: s, match: { path: /settings } }\n`, "s", "POST /settings", "s:/settings", /^the key is a path/],
  ];
  for (const [routes, route, write, key, expected] of table) {
    assert.match(spelled(prepare(t, routes, route, write, key)), expected, `${write} ${key}`);
  }
});

test("verify.readBack is taken as it is declared, with the id of the key and the names of the write's path", (t) => {
  const routes = `  - name: users
    match: { path: "/tenants/:tenant/users/:id/**" }
    verify: { readBack: "GET /tenants/:tenant/people/:id" }\n`;
  assert.equal(
    spelled(prepare(t, routes, "users", "PUT /tenants/a%20b/users/42/avatar", "users/42")),
    "/tenants/a%20b/people/42 below /tenants/a%20b/people",
  );
  assert.match(spelled(prepare(t, routes, "users", "PUT /elsewhere", "users/42")), /no :tenant for verify.readBack/);
  const path = routes.replace("people/:id", "people/:id/whole");
  assert.match(
    spelled(prepare(t, path, "users", "PUT /tenants/a/users/42", "users/42")),
    /\/42\/whole below nothing known/,
  );
});

test("what stands in the way of a repair is said, and names no part of the key", (t) => {
  const snapshot = snapshotOf(t, USERS);
  const why = (work: Parameters<typeof prepareEntry>[0], sealer = SEALER, at = snapshot): string =>
    spelled(prepareEntry(work, at, sealer));
  assert.match(
    why({ route: "users", key: null, place: null, notBefore: null, misses: null }),
    /whole collection, which reconcile alone clears/,
  );
  assert.match(
    why({ route: "gone", key: "gone/1", place: null, notBefore: null, misses: null }),
    /no longer in the configuration/,
  );
  const place = { sealed: SEALER.seal("{}"), part: false };
  assert.match(
    why({ route: "users", key: "users/1", place, notBefore: null, misses: null }, createSealer(Buffer.alloc(32, 2))),
    /another key file/,
  );
  assert.match(
    why({ route: "users", key: "users/[redacted 12345678]", place: null, notBefore: null, misses: null }),
    /exact key was not kept/,
  );
  const declared = USERS.replace(" }\n", ', verify: { readBack: "GET /users/:id" } }\n');
  // Marked by an earlier version: its key is shown whole, and that is enough where the route declares the path.
  assert.match(
    why(
      { route: "users", key: "users/1", place: null, notBefore: null, misses: null },
      SEALER,
      snapshotOf(t, declared),
    ),
    /^\/users\/1 below/,
  );
  const legacyOnly = snapshotOf(t, USERS.replace(" }\n", ", phase: legacy-only }\n"));
  assert.match(
    why({ route: "users", key: "users/1", place: null, notBefore: null, misses: null }, SEALER, legacyOnly),
    /phase legacy-only has no shadow/,
  );
});

const VALUES = `values: { learn: [{ at: "answer:/id", kind: user }], apply: [{ at: "path:id", kind: user }] }`;

test("an entity that each service gives an id of its own is read where that is mapped, and nowhere else", (t) => {
  const mapped = `  - { name: users, match: { path: "/users/:id?" }, ${VALUES} }\n`;
  const entry = prepare(t, mapped, "users", "POST /users", "users/42");
  assert.equal(spelled(entry), "/users/42 below /users");
  const { kind, text } = (entry.ready ? entry.values?.own : null) ?? { kind: "", text: "" };
  assert.deepEqual([kind, text], ["user", "42"]);

  const split = `  - { name: create, entity: users, match: { path: /users, methods: [POST] }, values: { learn: [{ at: "answer:/id", kind: user }] } }
  - { name: one, entity: users, match: { path: "/users/:id" } }\n`;
  const unmapped = /each service has an id of its own for it .*route one maps .*apply: \[\{ at: path:/;
  assert.match(spelled(prepare(t, split, "create", "POST /users", "users/42")), unmapped);
  // The route of the write alone does not tell it.
  assert.match(spelled(prepare(t, split, "one", "PUT /users/42", "users/42")), /no path: place of route one maps it/);
  const whole = split.replace(`"/users/:id" }`, `"/users/:id" }, values: { apply: [{ at: "path:id", kind: user }] }`);
  assert.match(spelled(prepare(t, whole, "create", "POST /users", "users/42")), /^\/users\/42 below \/users$/);

  // What is no entity has no id.
  const settings = mapped + `  - { name: s, entity: users, match: { path: /settings } }\n`;
  assert.match(spelled(prepare(t, settings, "s", "PUT /settings", "users:/settings")), /^\/settings below nothing/);

  const elsewhere = mapped.replace(" }\n", `, verify: { readBack: "GET /people/:id" } }\n`);
  assert.match(spelled(prepare(t, elsewhere, "users", "PUT /users/42", "users/42")), /no route takes a GET/);
  const taken =
    elsewhere +
    `  - { name: people, match: { path: "/people/:name" }, values: { apply: [{ at: "path:name", kind: user }] } }\n`;
  assert.match(spelled(prepare(t, taken, "users", "PUT /users/42", "users/42")), /^\/people\/42 below/);
  // Tokens alone: both services call the entity the same.
  const tokens = `  - { name: notes, match: { path: "/notes/:id" }, values: { apply: [{ at: "header:authorization", kind: token }] } }\n`;
  const note = prepare(t, tokens, "notes", "PUT /notes/7", "notes/7");
  assert.deepEqual([spelled(note), note.ready ? note.values?.own : ""], ["/notes/7 below /notes", null]);
});

test("what the shadow of before never got says nothing of the one of now", (t) => {
  const routes = `  - { name: users, match: { path: "/users/:id?" }, ${VALUES} }\n`;
  const exact: EntityPlace = { key: "users/42", method: "POST", path: "/users", host: null };
  const place = { sealed: SEALER.seal(JSON.stringify(exact)), part: false, uncreated: true } as const;
  const isUncreated = (misses: "legacy" | "next" | null, notBefore: string | null = null): unknown => {
    const entry = prepareEntry(
      { route: "users", key: "users/42", place, notBefore, misses },
      snapshotOf(t, routes),
      SEALER,
    );
    return entry.ready ? entry.values?.isUncreated : entry.why;
  };
  assert.deepEqual([isUncreated("next"), isUncreated("legacy"), isUncreated(null)], [true, false, false]);
  assert.equal(isUncreated("next", "2026-11-28T00:00:00.000Z"), false);
});

test("what is sealed is opened by its key alone, whole or not at all, and looks different each time", () => {
  const text = JSON.stringify({ key: "users/ann@example.com" });
  const [one, two] = [SEALER.seal(text), SEALER.seal(text)];
  assert.notEqual(one, two);
  assert.ok(!Buffer.from(one, "base64url").includes("ann"));
  assert.equal(SEALER.open(one), text);
  assert.equal(createSealer(Buffer.alloc(32, 2)).open(one), null);
  const bytes = Buffer.from(one, "base64url");
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  assert.equal(SEALER.open(bytes.toString("base64url")), null);
  assert.equal(SEALER.open("short"), null);
});
