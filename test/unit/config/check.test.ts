import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runCheck, runExplain, type Report } from "../../../proxy/config/check.ts";
import type { Explanation, ExplainRequest, ExplainSteps } from "../../../proxy/config/explain.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { keyAtHead, samplePoint } from "../../../proxy/route/entity-key.ts";
import { dialPoint, wholeRead } from "../../../proxy/route/pin-names.ts";
import { classifyRequest, planExchange } from "../../../proxy/route/plan.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { makeFolder, NOW } from "../../support/config-file.ts";

const YAML = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
defaults: { mirror: { reads: 5% } }
routes:
  - name: health
    match: { path: /healthz }
    phase: legacy-only
  - name: acme
    match: { path: "/users/:id", methods: [GET, PUT], host: api.example.com, headers: { X-Tenant: acme } }
    compare: { ignore: [{ at: /updatedAt, because: clock, until: 2099-03-01 }] }
    redact: ["body:/password"]
    redactDetect: [email]
  - name: users
    match: { path: "/users/**" }
    mirror: { when: always, reads: 100% }
`;

function steps(settings: Settings): ExplainSteps {
  const router = compileRouter(settings.routes);
  return {
    match: (request) => router.match(request),
    planExchange,
    classifyRequest,
    keyAtHead,
    samplePoint,
    dialPoint,
    wholeRead,
  };
}

function inputOf(t: TestContext, yaml: string) {
  const file = join(makeFolder(t), "crossfade.yaml");
  writeFileSync(file, yaml);
  return { file, flags: {}, env: {}, now: NOW };
}

function explain(t: TestContext, asked: ExplainRequest, yaml = YAML): Report & { readonly text: string } {
  const report = runExplain(inputOf(t, yaml), steps, asked);
  for (const line of report.lines) assert.ok(line.length <= 80, line);
  return { ...report, text: report.lines.join("\n").replace(/\n +/g, " ") };
}

test("check prints the effective route table", (t) => {
  const report = runCheck(inputOf(t, YAML), steps);
  assert.equal(report.exitCode, 0);
  const table = report.lines.slice(0, 4).map((line) => line.replace(/ {2,}/g, " | "));
  assert.deepEqual(table, [
    "route | match | phase | primary → shadow | writes | reads | key",
    "health | /healthz | legacy-only | legacy → - | off | 0% | path:id, answer-header:location, answer:/id, path",
    "acme | GET,PUT api.example.com/users/:id x-tenant=acme | dual-write | legacy → next | accepted | 5% | path:id, answer-header:location, answer:/id, path",
    "users | /users/** | dual-write | legacy → next | always | 100% | path:id, answer-header:location, answer:/id, path",
  ]);
  assert.match(report.lines.at(-1) ?? "", /crossfade\.yaml is valid: 3 routes, 2 services$/);
});

test("check and explain say where writes are read back, and why where they cannot be", (t) => {
  const report = runCheck(
    inputOf(
      t,
      `${YAML}  - name: jobs
    match: { path: "/jobs", methods: [POST] }
  - name: avatars
    match: { path: "/people/:id/avatar" }
    verify: { readBack: "GET /people/:id" }
    repair: { automatic: true, rate: 600/m, write: put }
`,
    ),
    steps,
  );
  const from = report.lines.findIndex((line) => line.includes("is read back by"));
  assert.deepEqual(
    report.lines.slice(from, from + 6).map((line) => line.replace(/ {2,}/g, " | ")),
    [
      "route | a write like | is read back by | repaired",
      "acme | PUT /users/42 | GET /users/42 (derived) | put-else-post, on command, 20/s",
      "users | PUT /users/42 | GET /users/42 (derived) | put-else-post, on command, 20/s",
      "jobs | POST /jobs | impossible | -",
      "avatars | PUT /people/42/avatar | GET /people/42 (declared) | put, automatic, 10/s",
      "jobs: no repair by state: no route takes a GET of the entity's path; declare it: verify: { readBack: GET /… }",
    ],
  );
  const said = (method: string, path: string): string => explain(t, { method, path }).text;
  assert.match(
    said("POST", "/users"),
    /Repair: GET \/users\/ID on both services \(derived from the path\); next is written to by crossfade repair \(put-else-post, 20\/s\)\./,
  );
  assert.match(said("PUT", "/users/42/avatar"), /Repair: not by state: a write went below the entity/);
  assert.doesNotMatch(said("GET", "/users/42"), /Repair:/);
});

test("check prints how each service is reached and how long it is waited for", (t) => {
  const yaml = YAML.replace(
    '"http://127.0.0.1:3000"',
    '"https://legacy.internal", tls: { serverName: api.internal }',
  ).replace('"http://127.0.0.1:4000"', '"unix:/run/next.sock", asPrimary: { idleTimeout: 2m, connections: 50 }');
  const report = runCheck(inputOf(t, yaml), steps);
  assert.deepEqual(
    report.lines.slice(5, 8).map((line) => line.replace(/ {2,}/g, " | ")),
    [
      "service | url | TLS | as primary | as shadow",
      "legacy | https://legacy.internal | verified as api.internal | connect 10s, head 30s, idle off, total off, connections unlimited | connect 10s, whole 5s",
      "next | unix:/run/next.sock | plain | connect 10s, head 30s, idle 2m, total off, connections 50 | connect 10s, whole 5s",
    ],
  );
  const { text } = explain(t, { method: "PUT", path: "/users/42" }, yaml);
  assert.match(text, /Reaching legacy as primary: TLS \(verified as api\.internal\), connect 10s, head 30s, idle off/);
  assert.match(text, /Reaching next as shadow: connect 10s, whole 5s\./);
});

test("check and explain tell all keys of a batch, and what its entity is where none is found", (t) => {
  const yaml = YAML.replace(
    "  - name: acme",
    `  - name: batch
    match: { path: "/items/:list/batch" }
    entity: items
    keys: ["path:list", "body:/items/*/id"]
  - name: acme`,
  );
  const table = runCheck(inputOf(t, yaml), steps).lines.find((line) => line.startsWith("batch")) ?? "";
  assert.match(table, /all of path:list, body:\/items\/\*\/id; else path:id, answer-header:location/);
  const { text, json } = explain(t, { method: "POST", path: "/items/7/batch" }, yaml);
  assert.match(
    text,
    /Batch: all keys that are found here, at most 100, are waited for; if none is, the entity key counts\./,
  );
  assert.match(text, /- path:list yields items\/7/);
  assert.match(text, /- body:\/items\/\*\/id is known with the request's body/);
  const { route } = json as Explanation;
  assert.deepEqual(route?.batch[0], { locator: "path:list", yields: { kind: "key", key: "items/7" } });
  assert.equal(route?.origins?.keys, "route");
  assert.doesNotMatch(explain(t, { method: "GET", path: "/items/7/batch" }, yaml).text, /Batch/);
});

test("check warns of paths beside a pattern and still answers yes", (t) => {
  const report = runCheck(inputOf(t, YAML.slice(0, YAML.indexOf("  - name: users"))), steps);
  assert.equal(report.exitCode, 0);
  assert.match(
    report.lines[0] ?? "",
    /^warning: .*crossfade\.yaml:10:20 routes\[1\]\.match\.path is "\/users\/:id", which does not cover \/users\/42\/avatar/,
  );
  assert.match(report.lines.at(-1) ?? "", /1 warning$/);
});

test("check answers no to an invalid file, with its places, in both forms", (t) => {
  const report = runCheck(inputOf(t, `${YAML}lisen: x\n`), steps);
  assert.equal(report.exitCode, 1);
  assert.equal(report.lines.length, 1);
  assert.match(report.lines[0] ?? "", /crossfade\.yaml:17:1 lisen is not a setting; did you mean listen\?/);
  const json = JSON.parse(JSON.stringify(report.json)) as { ok: boolean; errors: { line: number; column: number }[] };
  assert.equal(json.ok, false);
  assert.deepEqual([json.errors[0]?.line, json.errors[0]?.column], [17, 1]);
});

test("check answers no to an ignore rule that is past; explain warns of it and answers", (t) => {
  const yaml = YAML.replace("until: 2099-03-01", "until: 2026-11-01");
  const past = /crossfade\.yaml:11:\d+ routes\[1\]\.compare\.ignore\[0\]\.until is past \(2026-11-01\)/;
  const report = runCheck(inputOf(t, yaml), steps);
  assert.equal(report.exitCode, 1);
  assert.match(report.lines.join("\n"), past);
  const explained = runExplain(inputOf(t, yaml), steps, { method: "GET", path: "/users/42" });
  assert.equal(explained.exitCode, 0);
  assert.match(explained.lines[0] ?? "", new RegExp(`^warning: .*${past.source}`));
});

test("the exit code tells an invalid file, unusable flags and a file that cannot be read apart", (t) => {
  const file = join(makeFolder(t), "none.yaml");
  const input = { file: null, flags: {}, env: {} };
  const asked = { method: "GET", path: "/" };
  const table: readonly (readonly [Parameters<typeof runCheck>[0], number])[] = [
    [inputOf(t, "x: 1\n"), 1],
    [inputOf(t, ""), 1],
    [input, 2],
    [{ ...input, flags: { legacy: "http://127.0.0.1:3000" } }, 2],
    [{ ...inputOf(t, YAML), flags: { listen: "127.0.0.1:99999" } }, 2],
    [{ ...input, file }, 3],
  ];
  for (const [given, code] of table) {
    assert.equal(runCheck(given, steps).exitCode, code);
    assert.equal(runExplain(given, steps, asked).exitCode, code);
  }
});

test("explain tells the route, its key, its phase and its rules", (t) => {
  const { text, json } = explain(t, {
    method: "put",
    path: "/users/42?x=1",
    host: "api.example.com:8080",
    headers: [["x-tenant", "acme"]],
  });
  for (const part of [
    "PUT /users/42?x=1 (host api.example.com) is a write of route acme (number 2: GET,PUT api.example.com/users/:id x-tenant=acme).",
    ":id is 42.",
    "health: path is not /healthz",
    "Phase dual-write: legacy (http://127.0.0.1:3000) answers the client, next (http://127.0.0.1:4000) is its shadow.",
    "Mirrored: a copy goes to next once legacy has accepted it (2xx, 302, 303).",
    "Entity key: acme/42 (prefix: acme).",
    "1. path:id yields acme/42",
    "2. answer-header:location is known with the answer",
    "Compared: status (exact), headers content-type, location, bodies.",
    "excused: /updatedAt (clock, until 2099-03-01)",
    "Redacted beyond the built-in list: body:/password, any email.",
    "Precedence: kill switch > CLI/API override > route > defaults > built-in.",
    "route: compare.ignore, redact, redactDetect",
    "defaults: mirror.reads",
  ]) {
    assert.ok(text.includes(part), `${part}\n--\n${text}`);
  }
  const explanation = json as Explanation;
  assert.equal(explanation.route?.key, "acme/42");
  assert.equal(explanation.route?.plan.mirror, true);
});

test("explain says why each earlier route did not match", (t) => {
  const asked = (over: Partial<ExplainRequest>): ExplainRequest => ({
    method: "GET",
    path: "/users/42",
    host: "api.example.com",
    headers: [["x-tenant", "acme"]],
    ...over,
  });
  const table: readonly (readonly [ExplainRequest, string])[] = [
    [asked({ path: "/users" }), "acme: path is not /users/:id"],
    [asked({ method: "DELETE" }), "acme: method is none of GET, PUT"],
    [asked({ host: "other" }), "acme: host is not api.example.com"],
    [asked({ headers: [] }), "acme: header x-tenant is not acme"],
  ];
  for (const [request, why] of table) assert.ok(explain(t, request).text.includes(why), why);
});

test("explain says why a request is not mirrored", (t) => {
  const base = YAML.slice(0, YAML.indexOf("defaults:"));
  const table: readonly (readonly [settings: string, method: string, why: RegExp])[] = [
    ["phase: legacy-only", "POST", /Not mirrored: phase legacy-only has no shadow\./],
    ["mirror: { writes: false }", "POST", /Not mirrored: mirror\.writes is false\./],
    ["mirror: {}", "GET", /Not mirrored: mirror\.reads is 0%\./],
    ["mirror: { reads: 0.001% }", "GET", /Not mirrored: mirror\.reads is 0\.001%, and this entity falls at [\d.]+%\./],
    ["mirror: { reads: 100% }", "GET", /Mirrored: a copy goes to next, mirror\.reads is 100%\./],
    ["mirror: { when: always }", "POST", /Mirrored: a copy goes to next, whatever legacy answers\./],
    ["treatAs: read", "POST", /Not mirrored: mirror\.reads is 0%\./],
  ];
  for (const [settings, method, why] of table) {
    assert.match(explain(t, { method, path: "/x/1" }, `${base}defaults: { ${settings} }\n`).text, why);
  }
});

test("explain tells which locators wait for the answer", (t) => {
  const { text } = explain(t, { method: "POST", path: "users" });
  assert.ok(text.includes("POST /users is a write of route users"));
  assert.ok(text.includes("Entity key: known once body or answer are there (prefix: users)."));
  assert.ok(text.includes("1. path:id yields nothing here"));
});

test("explain answers for requests that no route takes, and for what people type", (t) => {
  const none = explain(t, { method: "GET", path: "/other" });
  assert.ok(
    none.text.startsWith("GET /other matches no route: it goes to legacy (http://127.0.0.1:3000) and is not mirrored."),
  );
  assert.ok(none.text.includes("users: path is not /users/**"));
  assert.ok(
    explain(t, { method: "GET", path: "/users/ö x" }).text.includes("GET /users/%C3%B6%20x is a read of route users"),
  );
  assert.ok(explain(t, { method: "GET", path: "http://h/users/1" }).text.includes("is a read of route users"));
  for (const path of ["", "*", "//", "%zz", "\ud800", "/".repeat(300)])
    runExplain(inputOf(t, YAML), steps, { method: "GET", path });
});

test("explain of an invalid file answers with its errors", (t) => {
  const report = runExplain(inputOf(t, "x: 1\n"), steps, { method: "GET", path: "/" });
  assert.equal(report.exitCode, 1);
  assert.match(report.lines.join("\n"), /crossfade\.yaml:1:1 x is not a setting/);
});

test("tables fit 80 and 160 columns, and nothing of them is cut", (t) => {
  const input = inputOf(t, YAML);
  const wide = runCheck(input, steps).lines;
  for (const width of [80, 160]) {
    const { lines } = runCheck(input, steps, width);
    for (const line of lines.filter((one) => !one.startsWith("warning: "))) assert.ok(line.length <= width, line);
    const words = (of: readonly string[]): string[] => [...new Set(of.join(" ").split(/\s+/))].toSorted();
    assert.deepEqual(words(lines), words(wide));
  }
});
