import assert from "node:assert/strict";
import { test } from "node:test";
import type { Difference, DifferenceKind } from "../../../proxy/evidence/evidence.ts";
import { valueClasses } from "../../../proxy/ids/value-classes.ts";

function classes(
  primary: string | null,
  shadow: string | null,
  kind: DifferenceKind = "value",
  at = "/a",
): string | null {
  const difference: Difference = { at, kind, primary, shadow };
  const found = valueClasses(difference);
  return found === null ? null : `${found.primary} → ${found.shadow}`;
}

test("each JSON text has one class; beside a boolean all of them can be seen", () => {
  const table: [text: string, name: string][] = [
    ["null", "null"],
    ['""', "empty"],
    ["[]", "empty"],
    ["{}", "empty"],
    ["[1]", "array"],
    ['{"a":1}', "object"],
    ["12", "number"],
    ["-0.5e400", "number"],
    ["9007199254740993…", "number"],
    ['"9b2f8c1e-7d1a-4a55-9a53-0d6f3c2b1a00"', "uuid"],
    ['"01JAXK8Q1V9ZC3T6M2F4S7D5EW"', "ulid"],
    ['"2026-11-22T12:00:00.123Z"', "instant"],
    ['"2026-11-22 12:00:00+02:00"', "instant"],
    ['"Sun, 22 Nov 2026 12:00:00 GMT"', "instant"],
    ['"2026-11-22"', "date"],
    ['"https://app.test/a?b"', "url"],
    ['"ann@app.test"', "email"],
    ['"507f1f77bcf86cd799439011"', "hex"],
    ['"4711"', "text"],
    ['"Ann"', "text"],
    ['"cut off…', "text"],
    ["[redacted 1f3a9c2e]", "secret"],
    ['"[redacted 1f3a9c2e]"', "secret"],
    ['"Bearer [redacted 1f3a9c2e]"', "text"],
  ];
  for (const [text, name] of table) {
    const told = classes(text, "true", "type");
    // Beside a value that is there, nothing is folded.
    assert.equal(told, `${name} → boolean`, text);
    assert.equal(classes("false", text, "type"), `boolean → ${name}`, text);
  }
});

test("beside nothing, only the JSON type of the other side is told", () => {
  for (const text of ['"Ann"', '"https://app.test/"', '"9b2f8c1e-7d1a-4a55-9a53-0d6f3c2b1a00"', '"2026-11-22"']) {
    assert.equal(classes(text, "null", "type"), "text → null");
    assert.equal(classes(null, text, "extra"), "absent → text");
    assert.equal(classes(text, '""'), "text → empty");
  }
  assert.equal(classes("1", null, "missing"), "number → absent");
  assert.equal(classes("null", null, "missing"), "null → absent");
  assert.equal(classes('"[redacted 1f3a9c2e]"', null, "missing"), "secret → absent");
});

test("equal classes say nothing, and neither do kinds that say all", () => {
  assert.equal(classes("1", "2.5"), null);
  assert.equal(classes('"a"', '"b"'), null);
  assert.equal(classes("[redacted 1f3a9c2e]", "[redacted 00000000]"), null);
  for (const kind of ["order", "precision", "conflict", "status"] as const)
    assert.equal(classes("1", "null", kind), null);
});

test("headers are texts as they are, bodies are told by compare's words, lengths by whether there is anything", () => {
  assert.equal(classes("https://app.test/1", "/posts/1", "header", "header:location"), "url → text");
  assert.equal(classes('W/"1"', null, "header", "header:etag"), "text → absent");
  assert.equal(
    classes("12 bytes", "9 bytes, not JSON at byte 3: x, differs from byte 0", "body", ""),
    "bytes → not-json",
  );
  assert.equal(classes("12 bytes", "13 bytes, differs from byte 1", "body", ""), null);
  assert.equal(classes("12 bytes", "9 bytes, not read as multipart: x", "body", ""), "bytes → unread");
  assert.equal(
    classes("9 bytes, compared undecoded: is not valid gzip", "12 bytes, decodes", "body", ""),
    "undecoded → bytes",
  );
  assert.equal(classes('{"a":1}', null, "missing", ""), "object → absent");
  assert.equal(classes("3", "0", "length"), "filled → empty");
  assert.equal(classes("3", "4", "length"), null);
});

test("a text of any length and content is classed in linear time", () => {
  const long = 200_000;
  for (const text of [
    "a@".repeat(long),
    "1".repeat(2 * long),
    `-${"0".repeat(long)}x`,
    "a+".repeat(long),
    "\\".repeat(long),
  ]) {
    const begun = process.cpuUsage().user;
    classes(JSON.stringify(text), text);
    classes(text.slice(0, 2048), JSON.stringify(text.slice(0, 2000)));
    assert.ok(process.cpuUsage().user - begun < 500_000, text.slice(0, 10));
  }
});
