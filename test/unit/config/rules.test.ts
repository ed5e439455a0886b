import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { loadSettings } from "../../../proxy/config/load.ts";
import { errorsOf, loadText, settingsOf, spellMessages } from "../../support/config-file.ts";

function services(next: string, legacy = '{ url: "http://127.0.0.1:3000" }'): string {
  return `services:\n  legacy: ${legacy}\n  next: ${next}\n`;
}
const LOOPBACK = services('{ url: "http://127.0.0.1:4000" }');
const REMOTE = "https://next.example.com";

function route(name: string, path: string, more = ""): string {
  return `  - { name: ${name}, match: { path: "${path}" }${more} }\n`;
}

function warningsOf(t: TestContext, yaml: string): string[] {
  return spellMessages(settingsOf(t, yaml).warnings);
}

test("two services on one origin are refused, however it is spelled", (t) => {
  for (const url of [
    "http://127.0.0.1:3000",
    "http://localhost:3000/",
    "http://[::1]:3000",
    "https://127.0.0.1:3000",
  ]) {
    const [error = ""] = errorsOf(t, services(`{ url: "${url}" }`));
    assert.match(
      error,
      /^crossfade\.yaml:3:16 services\.next\.url is \S+, the same origin as services\.legacy\.url; one service would get every write twice/,
    );
  }
  const third = `${LOOPBACK}  billing: { url: "http://127.0.0.1:4000" }\n`;
  assert.match(errorsOf(t, third)[0] ?? "", /:4:19 services\.billing\.url .* as services\.next\.url/);
});

test("a service that is the proxy itself is refused", (t) => {
  assert.match(
    errorsOf(t, services('{ url: "http://localhost:8080" }'))[0] ?? "",
    /proxy's own listen \(127\.0\.0\.1:8080\)/,
  );
  assert.match(errorsOf(t, services('{ url: "http://127.0.0.1:9090" }'))[0] ?? "", /proxy's own admin\.listen/);
  assert.match(errorsOf(t, `${LOOPBACK}listen: 0.0.0.0:4000\n`)[0] ?? "", /proxy's own listen \(0\.0\.0\.0:4000\)/);
  assert.deepEqual(errorsOf(t, `${LOOPBACK}listen: 127.0.0.1:0\nadmin: { listen: "127.0.0.1:0" }\n`), []);
});

test("Unix sockets are of this machine, and told apart by their paths", (t) => {
  const unix = (next: string, more = ""): string[] =>
    errorsOf(t, `${services(`{ url: "${next}" }`, '{ url: "unix:/run/legacy.sock" }')}${more}`);
  assert.deepEqual(unix("unix:/run/next.sock"), []);
  assert.match(
    unix("unix:///run/x/../legacy.sock")[0] ?? "",
    /^crossfade\.yaml:3:16 services\.next\.url is unix:\/run\/legacy\.sock, the same origin as services\.legacy\.url; one service would get every write twice/,
  );
  assert.match(
    unix("unix:/run/next.sock", "listen: unix:/run/next.sock\n")[0] ?? "",
    /services\.next\.url is unix:\/run\/next\.sock, the address of the proxy's own listen \(unix:\/run\/next\.sock\); requests would go in circles/,
  );
  assert.deepEqual(warningsOf(t, services('{ url: "unix:/run/next.sock" }')), []);
});

test("both listeners on one port are refused", (t) => {
  const [error = ""] = errorsOf(t, `${LOOPBACK}listen: 0.0.0.0:9090\n`);
  assert.match(error, /admin\.listen is 127\.0\.0\.1:9090, which listen \(0\.0\.0\.0:9090\) takes already/);
});

test("an admin listener outside loopback needs tokens of different holders", (t) => {
  const open = errorsOf(t, `${LOOPBACK}admin: { listen: "0.0.0.0:9090" }\n`);
  assert.match(
    open[0] ?? "",
    /^crossfade\.yaml:4:18 admin\.listen is 0\.0\.0\.0:9090, outside loopback and without tokens/,
  );
  const token = '{ name: ops, role: operate, token: "0123456789abcdef" }';
  assert.deepEqual(errorsOf(t, `${LOOPBACK}admin: { listen: "0.0.0.0:9090", tokens: [${token}] }\n`), []);
  const twice = errorsOf(t, `${LOOPBACK}admin: { tokens: [${token}, ${token}] }\n`);
  assert.match(twice[0] ?? "", /admin\.tokens\[1\]\.name is "ops" a second time/);
  assert.match(twice[1] ?? "", /admin\.tokens\[1\]\.token is the token of ops as well/);
});

test("writes are mirrored outside loopback only to declared effects, or as accepted in words", (t) => {
  const routes = (more: string): string => `routes:\n${route("users", "/users/**", more)}`;
  const undeclared = `${services(`{ url: "${REMOTE}" }`)}${routes("")}`;
  const real = `${services(`{ url: "${REMOTE}", effects: real }`)}${routes("")}`;
  assert.match(
    errorsOf(t, undeclared)[0] ?? "",
    /^crossfade\.yaml:3:16 services\.next\.url is https:\/\/next\.example\.com, outside loopback, whose effects are not declared; writes of route users are mirrored/,
  );
  assert.match(errorsOf(t, real)[0] ?? "", /whose effects are declared real/);
  for (const effects of ["suppressed", "sandboxed"]) {
    assert.deepEqual(errorsOf(t, `${services(`{ url: "${REMOTE}", effects: ${effects} }`)}${routes("")}`), []);
  }
  for (const more of [
    ", mirror: { writes: false }",
    ", phase: legacy-only",
    ', mirror: { acceptRealEffects: "mail goes to a test inbox" }',
  ]) {
    assert.deepEqual(errorsOf(t, `${services(`{ url: "${REMOTE}" }`)}${routes(more)}`), [], more);
  }
  const short = `${services(`{ url: "${REMOTE}" }`)}${routes(', mirror: { acceptRealEffects: "ok" }')}`;
  assert.match(errorsOf(t, short)[0] ?? "", /acceptRealEffects is "ok", of 2 characters; write 10 to 500 characters/);
  assert.deepEqual(errorsOf(t, `${LOOPBACK}${routes("")}`), []);
});

test("legacy declares its effects before it becomes the shadow", (t) => {
  const yaml = (effects: string): string =>
    `${services('{ url: "http://127.0.0.1:4000" }', `{ url: "https://old.example.com"${effects} }`)}routes:\n${route("users", "/**", ", phase: next-primary")}`;
  const flags = { adoptPhases: true };
  assert.match(
    errorsOf(t, yaml(""), { flags })[0] ?? "",
    /services\.legacy\.url is https:\/\/old\.example\.com, outside loopback, whose effects are not declared/,
  );
  assert.deepEqual(errorsOf(t, yaml(", effects: suppressed"), { flags }), []);
});

test("the same rule holds for flags, in words about flags", () => {
  const load = (effects?: string) =>
    loadSettings({ file: null, flags: { legacy: "http://127.0.0.1:1", next: REMOTE, effects }, env: {} });
  const refused = load();
  assert.ok(!refused.ok);
  assert.match(
    spellMessages(refused.errors)[0] ?? "",
    /^--next is https:\/\/next\.example\.com, outside loopback.* start with --effects suppressed/,
  );
  assert.ok(load("suppressed").ok);
});

test("a file that has next as primary is told how a route gets there", (t) => {
  const yaml = `${LOOPBACK}routes:\n${route("users", "/users/**", ", phase: next-primary")}${route("rest", "/**", ", phase: next-only")}`;
  const advice = spellMessages(settingsOf(t, yaml).advice);
  assert.equal(advice.length, 2);
  assert.match(
    advice[0] ?? "",
    /^crossfade\.yaml:5:57 routes\[0\]\.phase is next-primary, which a route reaches by crossfade phase, not by its file; .*--adopt-phases/,
  );
  assert.deepEqual(settingsOf(t, yaml, { flags: { adoptPhases: true } }).advice, []);
});

test("routes of one entity have one group, and are told where they are in different phases", (t) => {
  const of = (one: string, other: string): string =>
    `${LOOPBACK}routes:\n${route("make", "/users", `, entity: users${one}`)}${route("one", "/users/:id", `, entity: users${other}`)}`;
  assert.match(
    errorsOf(t, of(", group: a", ", group: b"))[0] ?? "",
    /routes\[1\]\.group is b, and of make it is a: both are about users, whose writes have one order/,
  );
  assert.match(errorsOf(t, of("", ", group: b"))[0] ?? "", /routes\[1\]\.group is b, and of make it is missing/);
  assert.deepEqual(errorsOf(t, of(", group: a", ", group: a")), []);
  assert.match(
    warningsOf(t, of("", ", phase: legacy-only")).join(),
    /routes\[1\]\.phase is legacy-only, and of make, which it moves together with, dual-write/,
  );
});

test("route names and their services are checked", (t) => {
  const twice = errorsOf(t, `${LOOPBACK}routes:\n${route("a", "/a")}${route("a", "/b")}`);
  assert.deepEqual(twice, ['crossfade.yaml:6:13 routes[1].name is "a", the name of routes[0] too; write another one']);
  for (const next of ["billing", "legacy", "constructor"]) {
    const [error = ""] = errorsOf(t, `${LOOPBACK}routes:\n${route("a", "/a", `, next: ${next}`)}`);
    assert.match(error, /^crossfade\.yaml:5:45 routes\[0\]\.next is "\w+", and .*; write next$/);
  }
  const third = `${LOOPBACK}  billing: { url: "http://127.0.0.1:5000" }\nroutes:\n${route("a", "/a", ", next: billing")}`;
  assert.equal(settingsOf(t, third).settings.routes[0]?.next, "billing");
  assert.match(
    errorsOf(t, `${LOOPBACK}  "a b": { url: "http://127.0.0.1:5000" }\n`)[0] ?? "",
    /:4:3 services\["a b"\] is no name for a service/,
  );
});

test("an ignore rule that is past is told apart and refuses nothing; its last day still counts", (t) => {
  const yaml = (until: string): string =>
    `${LOOPBACK}defaults: { compare: { ignore: [{ at: /a, because: clock, until: ${until} }] } }\nroutes:\n${route("a", "/a")}${route("b", "/b")}`;
  const expired = (until: string): string[] => spellMessages(settingsOf(t, yaml(until)).expired);
  // The tests' clock stands at 2026-11-22.
  assert.deepEqual(expired("2026-11-21"), [
    "crossfade.yaml:4:66 defaults.compare.ignore[0].until is past (2026-11-21): /a is excused no longer; write a later date, or take the rule out",
  ]);
  assert.deepEqual(expired("2026-11-22"), []);
  assert.equal(expired("2026-11-21T23:59:59Z").length, 1);
});

test("limits must leave room for what they bound", (t) => {
  assert.match(
    errorsOf(t, `${LOOPBACK}limits: { queued: 1MiB, bodyInMemory: 2MiB }\n`)[0] ?? "",
    /:4:39 limits\.bodyInMemory is 2MiB, more than limits\.queued \(1MiB\)/,
  );
  assert.match(
    errorsOf(t, `${LOOPBACK}limits: { bodyOnDisk: 1KiB }\n`)[0] ?? "",
    /limits\.bodyOnDisk is 1KiB, less than limits\.bodyInMemory/,
  );
  assert.match(
    warningsOf(t, `${LOOPBACK}limits: { spool: 1MiB }\n`)[0] ?? "",
    /limits\.spool is 1MiB, less than one body/,
  );
});

test("a remote next over plain http is a warning", (t) => {
  const yaml = services('{ url: "http://next.example.com", effects: suppressed }');
  assert.match(
    warningsOf(t, yaml)[0] ?? "",
    /^crossfade\.yaml:3:16 services\.next\.url is http:\/\/next\.example\.com, outside loopback and without TLS/,
  );
});

test("a service that no route uses is a warning", (t) => {
  assert.match(
    warningsOf(t, `${LOOPBACK}  billing: { url: "http://127.0.0.1:5000" }\n`)[0] ?? "",
    /:4:3 services\.billing is used by no route/,
  );
});

test("a route that another one hides is a warning; one that can be reached is not", (t) => {
  const table: readonly (readonly [first: string, second: string, hidden: boolean])[] = [
    ['{ path: "/users/**" }', '{ path: "/users/:id" }', true],
    ['{ path: "/**" }', '{ path: "/x", methods: [GET], host: h }', true],
    ['{ path: "/x", methods: [GET, POST] }', '{ path: "/x", methods: [POST] }', true],
    ['{ path: "/x", headers: { x-t: a } }', '{ path: "/x", headers: { x-t: a, x-u: b } }', true],
    ['{ path: "/x", methods: [GET] }', '{ path: "/x" }', false],
    ['{ path: "/x", host: h }', '{ path: "/x" }', false],
    ['{ path: "/x", headers: { x-t: a } }', '{ path: "/x", headers: { x-t: b } }', false],
    ['{ path: "/users/:id" }', '{ path: "/users/**" }', false],
  ];
  for (const [first, second, hidden] of table) {
    const yaml = `${LOOPBACK}routes:\n  - { name: a, match: ${first} }\n  - { name: b, match: ${second} }\n`;
    const warnings = warningsOf(t, yaml).filter((warning) => warning.includes("never reached"));
    assert.equal(warnings.length, hidden ? 1 : 0, `${first} ${second}`);
    if (hidden)
      assert.match(
        warnings[0] ?? "",
        /^crossfade\.yaml:6:23 routes\[1\]\.match is never reached: routes\[0\] "a" takes all its requests/,
      );
  }
});

test("keys that can yield nothing are warned of", (t) => {
  const keyed = (path: string, key: string): string[] =>
    warningsOf(t, `${LOOPBACK}routes:\n${route("a", path, `, key: [${key}]`)}`);
  assert.match(
    keyed("/a", '"path:id"')[0] ?? "",
    /routes\[0\]\.key is path:id, which yields nothing on \/a: all writes of a share one lane/,
  );
  assert.match(keyed("/a/:x", '"path:y", path')[0] ?? "", /routes\[0\]\.key\[0\] is path:y, and \/a\/:x has no :y/);
  for (const [path, key] of [
    ["/a/:id", '"path:id"'],
    ["/a/**", '"path:id"'],
    ["/a/:x", '"path:id"'],
    ["/a", '"answer:/id"'],
    ["/a", "path"],
    ["/**", '"path:id"'],
  ] as const) {
    assert.deepEqual(keyed(path, key), [], `${path} ${key}`);
  }
  assert.deepEqual(warningsOf(t, `${LOOPBACK}routes:\n${route("a", "/a")}`), []);
});

test("many values belong in keys, and keys that can yield nothing are warned of", (t) => {
  const of = (given: string) => loadText(t, `${LOOPBACK}routes:\n${route("a", "/a/:x", `, ${given}`)}`);
  const refused = of('key: ["body:/items/*/id", path]');
  assert.ok(!refused.ok);
  assert.match(
    spellMessages(refused.errors)[0] ?? "",
    /routes\[0\]\.key\[0\] is body:\/items\/\*\/id, which stands for many values where one entity is asked for; write it in keys/,
  );
  const warned = of('keys: ["path:y", "body:/**/id"]');
  assert.ok(warned.ok);
  assert.match(spellMessages(warned.warnings)[0] ?? "", /routes\[0\]\.keys\[0\] is path:y, and \/a\/:x has no :y/);
  assert.equal(warned.warnings.length, 1);
  assert.deepEqual(warned.settings.routes[0]?.keys, [
    { source: "path", name: "y" },
    { source: "body", name: "/**/id" },
  ]);
  assert.ok(!of("keys: []").ok);
});

test("paths beside a pattern are told by check alone, and only where nothing covers them", (t) => {
  const advice = (...routes: string[]): string[] => {
    const loaded = loadText(t, `${LOOPBACK}routes:\n${routes.join("")}`);
    assert.ok(loaded.ok);
    assert.deepEqual(loaded.warnings, []);
    return spellMessages(loaded.advice);
  };
  assert.deepEqual(advice(route("user", "/users/:id")), [
    'crossfade.yaml:5:34 routes[0].match.path is "/users/:id", which does not cover /users/42/avatar; no route does, so that it goes to legacy and is not mirrored: write "/users/:id/**" to cover it',
  ]);
  assert.match(advice(route("users", "/users"))[0] ?? "", /does not cover \/users\/42;/);
  assert.match(advice(route("users", "/users/:id?"))[0] ?? "", /write "\/users\/\*\*" to cover it/);
  // Two routes of one pattern: said once.
  const writes = '  - { name: writes, match: { path: "/users/:id", methods: [PUT] } }\n';
  assert.equal(advice(writes, route("reads", "/users/:id")).length, 1);
  assert.deepEqual(advice(route("users", "/users/**")), []);
  assert.deepEqual(advice(route("user", "/users/:id"), route("rest", "/**")), []);
  assert.deepEqual(advice(route("health", "/healthz", ", phase: legacy-only")), []);
});
