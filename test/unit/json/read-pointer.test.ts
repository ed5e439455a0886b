import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPointer } from "../../../proxy/json/pointer.ts";
import { readPointer, readPointers } from "../../../proxy/json/read-pointer.ts";
import { chances, type Plain, plainValues, spell } from "../../support/json-spelling.ts";

const NOT_FOUND = { found: false };

function readBoth(text: string, pointer: string): unknown {
  const found = readPointer(Buffer.from(text), pointer);
  assert.deepEqual(readPointer(text, pointer), found, "text and bytes give the same");
  return found;
}

test("a number comes by its digits as spelled", () => {
  assert.deepEqual(readBoth('{"id":9007199254740993}', "/id"), {
    found: true,
    kind: "number",
    text: "9007199254740993",
  });
  assert.deepEqual(readBoth('{"id": 1.0 }', "/id"), { found: true, kind: "number", text: "1.0" });
  assert.deepEqual(readBoth("-0e5", ""), { found: true, kind: "number", text: "-0e5" });
});

test("a string comes decoded", () => {
  assert.deepEqual(readBoth('{"id":"a\\u0062\\n\\"é😀"}', "/id"), { found: true, kind: "string", text: 'ab\n"é😀' });
  assert.deepEqual(readBoth('{"id":""}', "/id"), { found: true, kind: "string", text: "" });
});

test("a name is found however it is spelled, and whatever stands before it", () => {
  const text = '{"x":{"id":0,"s":"}\\"]"},"y":[1,[{"id":0}],"{"],"é":"\\\\","\\u0069d":7}';
  assert.deepEqual(readBoth(text, "/id"), { found: true, kind: "number", text: "7" });
  assert.deepEqual(readBoth(text, "/é"), { found: true, kind: "string", text: "\\" });
  assert.deepEqual(readBoth(text, "/y/1/0/id"), { found: true, kind: "number", text: "0" });
  assert.deepEqual(readBoth('{"a/b":{"":true}}', "/a~1b/"), { found: true, kind: "boolean", text: "true" });
});

test("of members with one name the last counts, as in JSON.parse", () => {
  assert.deepEqual(readBoth('{"id":1,"id":2}', "/id"), { found: true, kind: "number", text: "2" });
  assert.deepEqual(readBoth('{"id":1,"id":{}}', "/id"), NOT_FOUND);
});

test("containers and nothing are not found; null and booleans are", () => {
  const text = '{"a":{},"b":[],"n":null,"f":false}';
  for (const pointer of ["/a", "/b", "/b/0", "/c", "/a/x", "/n/x", "", "/b/-", "no pointer"]) {
    assert.deepEqual(readBoth(text, pointer), NOT_FOUND, pointer);
  }
  assert.deepEqual(readBoth(text, "/n"), { found: true, kind: "null", text: "null" });
  assert.deepEqual(readBoth(text, "/f"), { found: true, kind: "boolean", text: "false" });
});

test("an index is an index without leading zeros, within the array", () => {
  const text = "[10,[11],12]";
  assert.deepEqual(readBoth(text, "/2"), { found: true, kind: "number", text: "12" });
  for (const pointer of ["/3", "/02", "/1", "/-1", "/99999999999"])
    assert.deepEqual(readBoth(text, pointer), NOT_FOUND, pointer);
});

test("a byte order mark is passed over", () => {
  assert.deepEqual(readBoth('\ufeff{"id":1}', "/id"), { found: true, kind: "number", text: "1" });
});

test("bytes that are not UTF-8 are no id", () => {
  assert.deepEqual(readPointer(Buffer.from('{"id":"\xff"}', "latin1"), "/id"), NOT_FOUND);
});

test("a text that was cut gives nothing for what was cut", () => {
  for (const text of [
    '{"id":"ab',
    '{"id":"ab\\"',
    '{"id',
    "{",
    "[1,",
    '{"id":tru',
    '{"id":12',
    '{"id":-}',
    '{"id":01}',
    "",
  ]) {
    assert.deepEqual(readBoth(text, "/id"), NOT_FOUND, text);
  }
});

/** Every scalar of a value, with the way to it. */
function scalarsOf(value: Plain, path: readonly (string | number)[] = []): [readonly (string | number)[], Plain][] {
  if (value === null || typeof value !== "object") return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((element, i) => scalarsOf(element, [...path, i]));
  return Object.entries(value).flatMap(([name, member]) => scalarsOf(member, [...path, name]));
}

test("every scalar of any value in any spelling is found", () => {
  fc.assert(
    fc.property(plainValues, fc.integer(), (value, seed) => {
      const bytes = Buffer.from(spell(value, chances(seed)));
      for (const [path, scalar] of scalarsOf(value)) {
        const found = readPointer(bytes, formatPointer(path));
        assert.ok(found.found);
        assert.equal(found.kind, scalar === null ? "null" : typeof scalar);
        assert.equal(
          typeof scalar === "number" ? Number(found.text) : found.text,
          typeof scalar === "number" ? scalar : String(scalar),
        );
      }
    }),
    { numRuns: 500 },
  );
});

test("never throws, whatever the bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc
      .array(fc.constantFrom(...'{}[]":,\\0123e-.tfnul id'), { maxLength: 30 })
      .map((chars) => Buffer.from(chars.join(""))),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom("", "/id", "/0", "/a/b", "/1/0"), (body, pointer) => {
      readPointer(body, pointer);
    }),
    { numRuns: 5000 },
  );
});

test("100,000 deep is passed over without recursion", () => {
  const text = `{"deep":${"[".repeat(100_000)}${"]".repeat(100_000)},"id":5}`;
  assert.deepEqual(readBoth(text, "/id"), { found: true, kind: "number", text: "5" });
});

test("a pattern reads the scalars at all of its places, in the order of the text", () => {
  const text = `{"items":[{"id":1,"tags":["a"]},{"id":"b","sub":{"id":9007199254740993}},{"id":{"id":"deep"}},[],{"no":0}],"id":"top"}`;
  const table: readonly (readonly [pattern: string, texts: readonly string[]])[] = [
    ["/items/*/id", ["1", "b"]],
    ["/items/**/id", ["1", "b", "9007199254740993", "deep"]],
    ["/**/id", ["top", "1", "b", "9007199254740993", "deep"]],
    ["/items/1/id", ["b"]],
    ["/items/1/*/id", ["9007199254740993"]],
    ["/items/*/tags/*", ["a"]],
    ["/id", ["top"]],
    ["/nothing/*", []],
    ["/id/*", []],
    ["items/*", []],
  ];
  for (const [pattern, texts] of table)
    assert.deepEqual(readPointers(Buffer.from(text), pattern, 100).toSorted(), [...texts].sort(), pattern);
  assert.deepEqual(readPointers(Buffer.from(text), "/items/*/id", 1), ["1"]);
  assert.deepEqual(readPointers(Buffer.from(`[{"id":1,"id":2},true,null,{"id":false}]`), "/*/id", 9), ["1", "2"]);
  assert.deepEqual(readPointers(Buffer.from("["), "/**", 9), []);
});

test("a pattern finds in any document what reading the document finds, and takes any bytes", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const pattern = fc
    .array(fc.constantFrom("*", "**", "a", "0"), { maxLength: 4 })
    .map((tokens) => tokens.map((token) => `/${token}`).join(""));
  fc.assert(
    fc.property(value, pattern, (document, at) => {
      const found = readPointers(Buffer.from(JSON.stringify(document)), at, 10_000);
      assert.deepEqual([...new Set(found)].sort(), [...new Set(scalarsAt(document, at.split("/").slice(1)))].sort());
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), pattern, (bytes, at) => {
      assert.ok(readPointers(Buffer.from(bytes), at, 5).length <= 5);
    }),
    { numRuns: 500 },
  );
});

test("a pattern is read in one pass: depth and many ** cost nothing, and what is too deep is not looked at", () => {
  const deep = Buffer.from(`${"[".repeat(500_000)}1${"]".repeat(500_000)}`);
  assert.deepEqual(readPointers(deep, "/**/**/**", 9), []);
  const nested = Buffer.from(`${"[".repeat(100)}1,${"2,".repeat(200_000)}3${"]".repeat(100)}`);
  assert.equal(readPointers(nested, "/**/**/**", 1_000_000).length, 200_002);
});

/** Texts and numbers at all places that the tokens cover, spelled as JSON.stringify does. */
function scalarsAt(value: unknown, [token, ...rest]: readonly string[]): readonly string[] {
  if (token === undefined)
    return typeof value === "string" ? [value] : typeof value === "number" ? [JSON.stringify(value)] : [];
  const children: readonly (readonly [string, unknown])[] =
    typeof value === "object" && value !== null ? Object.entries(value) : [];
  if (token === "**") {
    return [...scalarsAt(value, rest), ...children.flatMap(([, child]) => scalarsAt(child, ["**", ...rest]))];
  }
  return children.filter(([name]) => token === "*" || token === name).flatMap(([, child]) => scalarsAt(child, rest));
}
