import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { spellPath } from "../../../proxy/config/message.ts";
import { reloadProblems } from "../../../proxy/config/reload-rules.ts";
import type { Settings } from "../../../proxy/config/settings.ts";
import { makeAuthority, type Pair } from "../../support/certificates.ts";
import { settingsOf } from "../../support/config-file.ts";

const SERVICES = `services:
  legacy: { url: "http://127.0.0.1:3000" }
  next: { url: "http://127.0.0.1:4000" }
  other: { url: "http://127.0.0.1:5000" }
`;

function settings(t: TestContext, more: string): Settings {
  return settingsOf(t, SERVICES + more, { flags: { adoptPhases: true } }).settings;
}

function routes(...lines: readonly string[]): string {
  return `routes:\n${lines.map((line) => `  - { ${line} }\n`).join("")}`;
}

function problems(t: TestContext, before: string, after: string): string[] {
  return reloadProblems(settings(t, before), settings(t, after)).map(
    ({ path, predicate }) => `${spellPath(path)} ${predicate}`,
  );
}

test("listeners, store and log file wait for a restart", (t) => {
  const all = 'listen: 127.0.0.1:1\nadmin: { listen: "127.0.0.1:2" }\nstore: memory\ndivergenceLog: { file: x }\n';
  assert.deepEqual(
    problems(t, "", all).map((problem) => problem.replace(/,.*/, "")),
    [
      "listen is 127.0.0.1:1 and was 127.0.0.1:8080",
      "admin.listen is 127.0.0.1:2 and was 127.0.0.1:9090",
      "store is memory: and was sqlite:./crossfade.db",
      "journal.survives is nothing and was process",
      "divergenceLog.file is x and was ./crossfade-divergences.ndjson",
    ],
  );
  assert.match(problems(t, "", all)[0] ?? "", /takes effect at a restart only; restart, or put it back$/);
});

test("TLS comes and goes at a restart only; its certificates do not need one", (t) => {
  const authority = makeAuthority(t);
  const tls = ({ certFile, keyFile }: Pair, more = ""): string =>
    `tls: { cert: ${certFile}, key: ${keyFile}${more} }\n`;
  const [one, two] = [authority.issue(["a"]), authority.issue(["a"])];
  assert.match(
    problems(t, "", tls(one))[0] ?? "",
    /^tls is there and was missing, which takes effect at a restart only/,
  );
  assert.match(problems(t, tls(one), "")[0] ?? "", /^tls is missing and was there/);
  assert.match(problems(t, tls(one), tls(one, ", http2: false"))[0] ?? "", /^tls\.http2 is false and was true/);
  assert.match(problems(t, "", 'socketMode: "0600"\n')[0] ?? "", /^socketMode is 0600 and was 0660/);
  assert.deepEqual(problems(t, tls(one), tls(two)), []);
});

test("everything that leaves each request with its primary is taken over", (t) => {
  const before = routes("name: a, match: { path: /a }", 'name: rest, match: { path: "/**" }');
  for (const after of [
    routes("name: b, match: { path: /b }, mirror: { reads: 5% }, phase: backfilling"),
    routes('name: rest, match: { path: "/**" }', "name: a, match: { path: /a }, phase: legacy-only"),
    "limits: { queued: 1GiB }\ndivergenceLog: { keep: 1d }\n",
  ]) {
    assert.deepEqual(problems(t, before, after), []);
  }
});

test("a file never crosses the barrier, in either direction", (t) => {
  const at = (phase: string): string => routes(`name: a, match: { path: /a }, phase: ${phase}`);
  assert.match(
    problems(t, at("dual-write"), at("next-primary"))[0] ?? "",
    /^routes\[0\]\.phase is next-primary and was dual-write, which would make next the source of truth of a; a file never crosses the barrier: put it back, and crossfade phase a advance$/,
  );
  assert.match(
    problems(t, at("next-only"), at("legacy-only"))[0] ?? "",
    /would make legacy the source of truth of a; a file never crosses the barrier/,
  );
  assert.deepEqual(problems(t, at("next-primary"), at("next-only")), []);
});

test("unattended a file crosses the barrier by one step, and changes nothing else of who answers meanwhile", (t) => {
  const at = (phase: string, more = ", unattended: true"): string =>
    routes(`name: a, match: { path: /a }, phase: ${phase}${more}`, "name: b, match: { path: /b }, phase: next-only");
  assert.deepEqual(problems(t, at("dual-write", ""), at("next-primary")), []);
  assert.deepEqual(problems(t, at("next-primary"), at("dual-write")), []);
  assert.match(
    problems(t, at("legacy-only"), at("next-primary"))[0] ?? "",
    /would make next the source of truth of a; unattended a file moves it one step at a time: put it back, and write the phase before first$/,
  );
  assert.match(problems(t, at("dual-write"), at("next-primary", ""))[0] ?? "", /a file never crosses the barrier/);
  // The route goes on to answer for what it answers for, until it has moved.
  const elsewhere = routes(
    "name: a, match: { path: /c }, phase: next-primary, unattended: true",
    "name: b, match: { path: /b }, phase: next-only",
  );
  assert.match(problems(t, at("dual-write"), elsewhere)[0] ?? "", /could move requests between legacy and next/);
});

test("a phase that was moved by CLI or API acts on, and the file may say so", (t) => {
  const at = (phase: string): Settings => settings(t, routes(`name: a, match: { path: /a }, phase: ${phase}`));
  const moved = { a: "next-primary" } as const;
  assert.deepEqual(reloadProblems(at("dual-write"), at("dual-write"), moved), []);
  assert.deepEqual(reloadProblems(at("dual-write"), at("next-primary"), moved), []);
  assert.deepEqual(reloadProblems(at("dual-write"), at("next-only"), moved), []);
  const [back] = reloadProblems(at("dual-write"), at("legacy-only"), moved);
  assert.match(
    back?.predicate ?? "",
    /is legacy-only and was next-primary, .*: put it back, and crossfade phase a rollback$/,
  );
  // As long as a route has next as primary, those before it stay as they are, whatever the file says of it.
  const [more] = reloadProblems(
    at("dual-write"),
    settings(t, routes("name: b, match: { path: /a }", "name: a, match: { path: /a }, phase: dual-write")),
    moved,
  );
  assert.match(more?.predicate ?? "", /could move requests between legacy and next/);
});

test("no request falls to a route with another primary", (t) => {
  const moved = 'name: a, match: { path: "/a/**" }, phase: next-primary';
  const rest = 'name: rest, match: { path: "/**" }';
  const before = routes(moved, rest);
  const refused: Record<string, string> = {
    "the route is gone": routes(rest),
    "another one stands before it": routes("name: b, match: { path: /a/b }", moved, rest),
    "the order is changed": routes(rest, moved),
    "its match is narrower": routes(moved.replace("/a/**", "/a/b"), rest),
    "its next is another service": routes(`${moved}, next: other`, rest),
    "a new route starts on next": routes(moved, "name: b, match: { path: /b }, phase: next-only", rest),
  };
  for (const [why, after] of Object.entries(refused)) {
    assert.match(problems(t, before, after)[0] ?? "", /^routes differ in name, match, order or next/, why);
  }
  const taken: Record<string, string> = {
    "a route behind it": routes(moved, "name: b, match: { path: /b }", rest),
    "its comparison": routes(`${moved}, compare: { status: class }`, rest),
  };
  for (const [why, after] of Object.entries(taken)) assert.deepEqual(problems(t, before, after), [], why);
});

test("a primary never takes over the address of another running service; a moved host is taken", (t) => {
  const at = (legacy: number | string, next: number | string, more = ""): Settings => {
    const url = (where: number | string): string => (typeof where === "number" ? `http://127.0.0.1:${where}` : where);
    return settingsOf(t, `services:\n  legacy: { url: "${url(legacy)}" }\n  next: { url: "${url(next)}" }\n${more}`, {
      flags: { adoptPhases: true },
    }).settings;
  };
  const places = (before: Settings, after: Settings): string[] =>
    reloadProblems(before, after).map(({ path }) => spellPath(path));
  const before = at(3000, 4000);
  assert.deepEqual(
    reloadProblems(before, at(4000, 3000)).map(({ predicate }) => predicate),
    [
      "is http://127.0.0.1:4000 and was http://127.0.0.1:3000, and that is where next runs: it would become the source of truth of requests that legacy answers; a file never crosses the barrier: put it back, or restart",
    ],
  );
  assert.deepEqual(places(before, at("http://localhost:4000", 5000)), ["services.legacy.url"]);
  const moved = routes("name: a, match: { path: /a }, phase: next-primary");
  assert.deepEqual(places(at(3000, 4000, moved), at(5000, 3000, moved)), ["services.next.url"]);
  assert.deepEqual(places(before, at(5000, 4000)), []);
  assert.deepEqual(places(before, at(3000, 5000)), []);
});
