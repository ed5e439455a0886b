import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { quoteForShell, spellCurl, spellPairCurl } from "../../../proxy/evidence/curl.ts";
import type { DivergenceRecord } from "../../../proxy/evidence/evidence.ts";
import type { StoredPair } from "../../../proxy/evidence/stored-pair.ts";
import { sampleDivergence } from "../../support/admin-parts.ts";

const ORIGIN = "http://127.0.0.1:4000";

/** What curl would be given, each word on its own, by a real shell that runs all lines. */
function wordsRun(lines: readonly string[]): readonly string[] {
  const script = `curl() { printf '%s\\0' "$@"; }\n${lines.join("\n")}\n`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
}

function spell(given: Partial<DivergenceRecord>, origin: string = ORIGIN): readonly string[] {
  return spellCurl(sampleDivergence({ method: "GET", ...given }), origin);
}

const COMMON = ["--silent", "--show-error", "--include"];
const PLAIN = ["--globoff", "--path-as-is"];

test("a read is sent again as it was", () => {
  assert.deepEqual(wordsRun(spell({ path: "/users/42", query: "a=1&b[]={2}" })), [
    ...COMMON,
    ...PLAIN,
    `${ORIGIN}/users/42?a=1&b[]={2}`,
  ]);
  assert.deepEqual(wordsRun(spell({ method: "HEAD", path: "/a/../b" })), [
    ...COMMON,
    "--head",
    ...PLAIN,
    `${ORIGIN}/a/../b`,
  ]);
  assert.deepEqual(wordsRun(spell({ method: "DELETE", path: "/x" })).slice(3, 5), ["--request", "DELETE"]);
});

test("a service on a Unix socket is asked there", () => {
  const words = wordsRun(spell({ path: "/x" }, "unix:/run/it's next.sock"));
  assert.deepEqual(words.slice(3), [...PLAIN, "--unix-socket", "/run/it's next.sock", "http://localhost/x"]);
});

test("whatever a path holds, a shell runs one command and no other", () => {
  const paths = [
    "/users/o'brien",
    "/'; touch owned; '",
    "/$(touch x)`touch y`${HOME}",
    '/a\\b"c!d*e?f~g|h>i<j&k;l#m',
    "/#fragment",
    "//other.example/x",
    "*",
    "http://other.example/x",
    "/%zz/%27",
    "/-x --output y",
  ];
  for (const path of paths) {
    const words = wordsRun(spell({ path, query: null }));
    const asked = words.includes("--request-target") ? words[words.indexOf("--request-target") + 1] : words.at(-1);
    assert.ok(asked === path || asked === ORIGIN + path, `${path}: ${JSON.stringify(words)}`);
    assert.equal(words.length, words.includes("--request-target") ? 7 : 6, path);
    assert.ok(words.at(-1)?.startsWith(`${ORIGIN}/`));
  }
});

test("what cannot be sent as it was is a comment that says why, and nothing breaks out of it", () => {
  const cases: readonly (readonly [Partial<DivergenceRecord>, RegExp])[] = [
    [{ method: "PUT" }, /body is not kept; add it with --data-binary/],
    [{ method: "`touch x`" }, /body is not kept/],
    [{ path: "/users/[redacted 1f3a9c2e]" }, /redacted/],
    [{ query: "token=[redacted 1f3a9c2e]" }, /redacted/],
    [{ path: `/${"x".repeat(2046)}…` }, /too long to be kept whole/],
    [{ path: "/a\ntouch x\n" }, /bytes that a terminal would change/],
    [{ path: "/\u00e4" }, /bytes that a terminal would change/],
    [{ path: "" }, /could not be redacted/],
    [{ method: "PUT\ntouch x", path: "/\r\n touch y" }, /./],
  ];
  for (const [given, why] of cases) {
    const lines = spell(given);
    assert.deepEqual(wordsRun(lines), [], lines.join("\n"));
    assert.ok(lines.every((line) => line.startsWith("# ") && !/[\r\n]/.test(line)));
    assert.match(lines[1] ?? "", /^# not run: /);
    assert.match(lines[1] ?? "", why);
    assert.match(lines[2] ?? "", /^# curl /);
  }
});

test("what is told of a record stays in its comment", () => {
  const differences = [{ at: "/a\ntouch x", kind: "value" as const, primary: "1", shadow: "2" }];
  const [told = "", ...more] = spell({ key: "users/\ntouch x\r\u2028", route: "r\nx", differences });
  assert.match(told, /^# [^\r\n\u2028]+$/);
  assert.equal(more.length, 1);
});

test("quoting gives back any text without NUL", () => {
  for (const text of ["", "a", "it's", "'", "''", "a\nb", "\\", "$x", "-n", "~", "ä", "*"]) {
    assert.equal(execFileSync("sh", ["-c", `printf %s ${quoteForShell(text)}`], { encoding: "utf8" }), text);
  }
});

const PAIR: StoredPair = {
  id: "01JD9X3P4M5N6Q7R8S9TAVBWCX",
  time: "2026-11-22T12:00:00.000Z",
  route: "users",
  phase: "dual-write",
  key: "users/42",
  build: null,
  outcome: "divergent",
  group: "b1946ac9",
  request: {
    method: "PUT",
    target: "/users/42?a=1",
    scheme: "http",
    headers: ["Host", "api", "Content-Type", "application/json", "X-Empty", "", "Content-Length", "9"],
    body: { text: "@it's\n{}" },
    redacted: [],
  },
  primary: { service: "legacy", status: 200, headers: [], body: { text: "{}" }, redacted: [] },
  shadow: { service: "next", status: 200, headers: [], body: { text: "{}" }, redacted: [] },
  rules: [],
  differences: [],
  moreDifferences: 0,
};

test("an exchange that was kept whole is sent again with its headers and its body, byte for byte", () => {
  assert.deepEqual(wordsRun(spellPairCurl(PAIR, ORIGIN)), [
    ...COMMON,
    "--request",
    "PUT",
    "--header",
    "Content-Type: application/json",
    "--header",
    "X-Empty;",
    "--data-raw",
    "@it's\n{}",
    "--globoff",
    "--path-as-is",
    `${ORIGIN}/users/42?a=1`,
  ]);
  const bare = { ...PAIR, request: { ...PAIR.request, headers: [], method: "GET", body: { text: "" } } };
  assert.deepEqual(wordsRun(spellPairCurl(bare, ORIGIN)), [
    ...COMMON,
    "--globoff",
    "--path-as-is",
    `${ORIGIN}/users/42?a=1`,
  ]);
  const untyped = { ...PAIR, request: { ...PAIR.request, headers: [], body: { text: "a" } } };
  assert.ok(wordsRun(spellPairCurl(untyped, ORIGIN)).includes("Content-Type:"), "curl adds no type of its own");
});

test("what is redacted is not sent: headers are left out and named, a body or target makes it a comment", () => {
  const withSecret = ["Authorization", "[redacted 0123abcd]", "Accept", "*/*"];
  const header = { ...PAIR.request, headers: withSecret, redacted: ["header:authorization"] };
  const lines = spellPairCurl({ ...PAIR, request: header }, ORIGIN);
  assert.ok(lines.includes("# without Authorization: redacted"), lines.join("\n"));
  const words = wordsRun(lines);
  assert.ok(words.includes("Accept: */*") && !words.join(" ").includes("redacted"));
  for (const redacted of [["body"], ["target"]]) {
    const told = spellPairCurl({ ...PAIR, request: { ...PAIR.request, redacted } }, ORIGIN);
    assert.deepEqual(wordsRun(told), [], told.join("\n"));
    assert.match(told.join("\n"), /^# not run: a part of its (?:body|target) is redacted$/m);
  }
  const left = { ...PAIR.request, body: { leftOut: "binary" as const, bytes: 3, digest: "00" } };
  assert.deepEqual(wordsRun(spellPairCurl({ ...PAIR, request: left }, ORIGIN)), []);
});
