import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLocator, spellLocator } from "../../../proxy/config/locator.ts";

test("every source of the grammar is read, and spelled as it was written", () => {
  const table: readonly (readonly [text: string, source: string, name: string])[] = [
    ["path", "path", ""],
    ["path:id", "path", "id"],
    ["query:q", "query", "q"],
    ["header:x-user", "header", "x-user"],
    ["cookie:s", "cookie", "s"],
    ["body:/p/0/~1q", "body", "/p/0/~1q"],
    ["body:", "body", ""],
    ["body:/items/*/**", "body", "/items/*/**"],
    ["answer:/id", "answer", "/id"],
    ["answer-header:location", "answer-header", "location"],
  ];
  for (const [text, source, name] of table) {
    const parsed = parseLocator(text);
    assert.deepEqual(parsed, { ok: true, value: { source, name } }, text);
    if (parsed.ok) assert.equal(spellLocator(parsed.value), text);
  }
});

test("header names lose their case, other names keep it", () => {
  assert.deepEqual(parseLocator("header:X-User"), { ok: true, value: { source: "header", name: "x-user" } });
  assert.deepEqual(parseLocator("path:userId"), { ok: true, value: { source: "path", name: "userId" } });
});

test("a locator that says nothing is refused with what to write", () => {
  const table: readonly (readonly [text: string, error: RegExp])[] = [
    ["pth:id", /no source called "pth"; did you mean path:id\?/],
    ["anser:/id", /did you mean answer:\/id\?/],
    ["xyzzy", /write one of path, query/],
    ["", /write one of path/],
    ["path:", /names nothing; write path:id/],
    ["query", /names nothing; write query:user/],
    ["body", /names nothing; write body:\/id/],
    ["body:id", /pointer does not begin with a slash; write body:\/id/],
    ["answer:/a~2", /~ without 0 or 1/],
    ["header:a b", /no header can be called that/],
    ["cookie:a=b", /holds a separator/],
  ];
  for (const [text, error] of table) {
    const parsed = parseLocator(text);
    assert.equal(parsed.ok, false, text);
    if (!parsed.ok) assert.match(parsed.error, error, text);
  }
});
