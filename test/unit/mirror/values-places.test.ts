import assert from "node:assert/strict";
import { test } from "node:test";
import type { ValuePlace } from "../../../proxy/config/settings.ts";
import { edit, type Documents, type Edit } from "../../../proxy/mirror/values/documents.ts";
import { findPart } from "../../../proxy/mirror/values/parts.ts";
import { findInRequest } from "../../../proxy/mirror/values/places.ts";
import { spellAs } from "../../../proxy/mirror/values/seal.ts";
import { compileRouter } from "../../../proxy/route/router.ts";
import { settingsOf } from "../../support/config-file.ts";
import { testSeal } from "../../support/value-map.ts";

const WHOLE = { kind: "whole" } as const;

/** Every value that is found becomes `by`; null where it cannot. */
function replaced(
  t: Parameters<typeof settingsOf>[0],
  pattern: string,
  at: ValuePlace["at"],
  given: Partial<Documents>,
  by: string,
  part: ValuePlace["part"] = WHOLE,
) {
  const yaml = `services: { legacy: { url: "http://127.0.0.1:3000" }, next: { url: "http://127.0.0.1:4000" } }
routes: [{ name: a, match: { path: "${pattern}" } }]`;
  const documents: Documents = { target: "/", headers: [], body: null, form: "none", ...given };
  const [path = "", query = ""] = documents.target.split("?");
  const found = compileRouter(settingsOf(t, yaml).settings.routes).match({
    ...{ method: "PUT", target: documents.target, path, query, headers: [], remoteAddress: "::1", scheme: "http" },
  });
  assert.ok(found !== null, documents.target);
  const values = findInRequest(documents, [{ at, kind: "k", part }], found);
  const edits = values.flatMap((value): Edit[] => {
    const text = value.write(by, value.spelling);
    return text === null ? [] : [{ in: value.in, start: value.start, end: value.end, text }];
  });
  return { values: values.map(({ text }) => text), edited: edit(documents, edits) };
}

test("a part of the path is found by its place in the pattern, decoded, and written encoded", (t) => {
  const cases: readonly (readonly [
    pattern: string,
    name: string,
    target: string,
    value: string | null,
    edited: string,
  ])[] = [
    ["/users/:id", "id", "/users/42?x=42", "42", "/users/a%2Fb:c?x=42"],
    ["/users/:id", "id", "/users/a%20b/", "a b", "/users/a%2Fb:c/"],
    ["/42/:id", "id", "/42/42", "42", "/42/a%2Fb:c"],
    ["/users/:user/orders/:order", "user", "/users/1/orders/1", "1", "/users/a%2Fb:c/orders/1"],
    ["/users/:user/orders/:order", "id", "/users/1/orders/1", "1", "/users/1/orders/a%2Fb:c"],
    ["/users/**", "id", "/users/7/avatar", "7", "/users/a%2Fb:c/avatar"],
    ["/users/**", "id", "/users", null, "/users"],
    ["/a/**/:id", "id", "/a/x/y/7", "7", "/a/x/y/a%2Fb:c"],
    ["/users/:id?", "id", "/users", null, "/users"],
    ["/users/:id", "id", "http://h/users/7", "7", "http://h/users/a%2Fb:c"],
  ];
  for (const [pattern, name, target, value, edited] of cases) {
    const found = replaced(t, pattern, { source: "path", name }, { target }, "a/b:c");
    assert.deepEqual(
      [found.values, found.edited.target],
      [value === null ? [] : [value], edited],
      `${pattern} ${target}`,
    );
  }
});

test("what would be a step of the path, or begin another header, cannot be written", (t) => {
  const path = { source: "path", name: "id" } as const;
  assert.equal(replaced(t, "/users/:id", path, { target: "/users/7" }, "..").edited.target, "/users/7");
  const headers = ["X-User", "7", "Cookie", "a=1; s=7"];
  const inHeader = replaced(t, "/**", { source: "header", name: "x-user" }, { headers }, "a\r\nX-Admin: 1");
  assert.deepEqual(inHeader.edited.headers, headers);
  const inCookie = replaced(t, "/**", { source: "cookie", name: "s" }, { headers }, "8; admin=1");
  assert.deepEqual(inCookie.edited.headers, headers);
});

test("queries, cookies, credentials and lists in headers", (t) => {
  const query = replaced(t, "/**", { source: "query", name: "u" }, { target: "/a?u=1+2&v=1&u=%33&u=" }, "x y&");
  assert.deepEqual([query.values, query.edited.target], [["1 2", "3"], "/a?u=x%20y%26&v=1&u=x%20y%26&u="]);
  const headers = ["Cookie", 'sid2=a; sid="b" ;x=sid', "Authorization", "Bearer  b", "If-Match", 'W/"a b", "c"'];
  const cookie = replaced(t, "/**", { source: "cookie", name: "sid" }, { headers }, "N");
  assert.deepEqual([cookie.values, cookie.edited.headers[1]], [["b"], 'sid2=a; sid="N" ;x=sid']);
  const bearer = replaced(t, "/**", { source: "header", name: "authorization" }, { headers }, "N");
  assert.deepEqual([bearer.values, bearer.edited.headers[3]], [["b"], "Bearer  N"]);
  const tags = replaced(t, "/**", { source: "header", name: "if-match" }, { headers }, '"N"');
  assert.deepEqual([tags.values, tags.edited.headers[5]], [['W/"a b"', '"c"'], '"N", "N"']);
});

test("a value inside a URL, and one in a form", (t) => {
  assert.equal(findPart("https://h/a/b%20c?x=1", { kind: "segment", number: -1 })?.text, "b c");
  assert.equal(findPart("/a/b", { kind: "segment", number: 3 }), null);
  assert.equal(findPart("https://h?x=1&s=a%26#s=2", { kind: "query", name: "s" })?.text, "a&");
  const body = Buffer.from('{"u":"/users/7/é?x","v":["/users/7"]}');
  const inJson = replaced(t, "/**", { source: "body", name: "/**" }, { body, form: "json" }, "N", {
    kind: "segment",
    number: 2,
  });
  assert.equal(inJson.edited.body?.toString(), '{"u":"/users/N/é?x","v":["/users/N"]}');
  const form = { headers: ["Content-Length", "11"], body: Buffer.from("a=1&owner=7"), form: "form" } as const;
  const inForm = replaced(t, "/**", { source: "body", name: "/owner" }, form, "k 9");
  assert.deepEqual(
    [inForm.edited.body?.toString(), inForm.edited.headers],
    ["a=1&owner=k%209", ["Content-Length", "15"]],
  );
});

test("a partner is spelled as its service spells it, a number in quotes as the client wrote it", () => {
  const cases = [
    ["number", { text: "1", spelling: "number" }, { text: "k", spelling: "string" }, "string"],
    ["number", { text: "1", spelling: "number" }, { text: "2", spelling: "string" }, "string"],
    ["string", { text: "k", spelling: "string" }, { text: "1", spelling: "number" }, "number"],
    ["string", { text: "1", spelling: "number" }, { text: "2", spelling: "number" }, "string"],
    ["number", { text: "1", spelling: "plain" }, { text: "k", spelling: "plain" }, "string"],
    ["number", { text: "1", spelling: "plain" }, { text: "2", spelling: "plain" }, "number"],
    ["plain", { text: "1", spelling: "number" }, { text: "2", spelling: "number" }, "plain"],
  ] as const;
  for (const [written, own, other, expected] of cases) assert.equal(spellAs(written, own, other), expected);
});

test("a sealed pair opens under its own hashes and key alone; of equal sides the hash is all that is kept", () => {
  const seal = testSeal();
  const pair = {
    kind: "k",
    legacy: { text: "secret-1", spelling: "number" },
    next: { text: "secret-2", spelling: "string" },
    held: "legacy",
    until: 5,
  } as const;
  const row = seal.close(pair, 1);
  assert.doesNotMatch(JSON.stringify(row), /secret/);
  assert.deepEqual(seal.open(row), { legacy: pair.legacy, next: pair.next, held: "legacy", until: 5 });
  assert.equal(seal.open(seal.close({ ...pair, held: "next" }, 1))?.held, "next");
  assert.equal(seal.open({ ...row, next: seal.hash("k", "other") }), null);
  assert.equal(testSeal(Buffer.alloc(32, 1)).open(row), null);
  assert.notEqual(seal.hash("k", "secret-1"), seal.hash("l", "secret-1"));
  const same = seal.close({ ...pair, next: pair.legacy }, 1);
  assert.deepEqual([same.sealed, same.legacy === same.next], [null, true]);
});
