import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../../proxy/json/value.ts";
import { chances, ownMembers, type Plain, plainValues, spell } from "../../support/json-spelling.ts";

/** What JSON.parse makes of the same text: doubles, and of members with one name the last. */
function toPlain(value: JsonValue): Plain {
  if (value instanceof JsonNumber) return Number(value.raw);
  if (value instanceof JsonObject) {
    return ownMembers(value.names.map((name, i) => [name, toPlain(value.values[i] as JsonValue)]));
  }
  return Array.isArray(value) ? value.map(toPlain) : (value as Plain);
}

function read(text: string | Uint8Array): JsonValue {
  const result = parseExact(text);
  assert.ok(result.ok, result.ok ? "" : `${result.offset}: ${result.why}`);
  return result.value;
}

/** A string that begins with a backslash: as a name it spoils JSON.parse for good (json-spelling.ts says how). */
const SPOILS_THE_ORACLE = /"(?:\\\\|\\u005c)/i;

function agreesWithJsonParse(text: string): void {
  if (SPOILS_THE_ORACLE.test(text)) {
    parseExact(text);
    return;
  }
  let expected: Plain | undefined;
  try {
    expected = JSON.parse(text) as Plain;
  } catch {
    assert.equal(parseExact(text).ok, false, `JSON.parse refuses ${JSON.stringify(text)}`);
    return;
  }
  assert.deepEqual(toPlain(read(text)), expected);
  assert.deepEqual(toPlain(read(Buffer.from(text))), JSON.parse(Buffer.from(text).toString()));
}

test("takes and refuses what JSON.parse takes and refuses: the corners of the grammar", () => {
  const corners = [
    ..."0 -0 1 -1 01 -01 1. .5 1.5 1.50 1e5 1E+5 1e-5 1e 1e+ 1.e5 +1 - -- 0x1 1_0 NaN Infinity -Infinity 00 0.0 1e05".split(
      " ",
    ),
    ..."true false null True nul truex tru undefined".split(" "),
    ...[
      '""',
      '"a"',
      '"',
      '"\\',
      '"\\"',
      '"\\u12"',
      '"\\u12G4"',
      '"\\u12g4"',
      '"\\x41"',
      '"\\v"',
      '"\\u0041"',
      "'a'",
      '"\n"',
      '"\u0000"',
    ],
    ...[
      '"\u007f"',
      '"\u2028"',
      '"\\ud83d"',
      '"\ud83d"',
      '"\\b\\f\\n\\r\\t\\/\\\\"',
      '"\\U0041"',
      '"\\u 041"',
      '"\\u+041"',
    ],
    ..."[] [1] [1,] [,1] [,] [ [1 1] [1,,2] [] ] [1]2 [[]] [[[ ]]]".split(" "),
    ...["[ ]", " [ 1 , 2 ] ", "\t\r\n1\t\r\n", "\u00a01", "1\u00a0", "\v1", "\f1", "", " ", "1 2", "// a\n1", "/**/1"],
    ...[
      "{}",
      "{ }",
      '{"a":1}',
      '{"a":1,}',
      "{a:1}",
      '{"a"}',
      '{"a":}',
      '{"a" 1}',
      "{,}",
      '{"a":1,"a":2}',
      '{"a":1 "b":2}',
      "{1:2}",
    ],
    ...[
      '{"__proto__":1}',
      '{"__proto__":{"a":1}}',
      '{"":0}',
      '{"a":1}}',
      '{"a":[1,{"b":[]}]}',
      "[1}",
      "{]",
      '{"a":1]',
      "[1:2]",
    ],
  ];
  for (const text of corners) agreesWithJsonParse(text);
});

test("names that begin with a backslash, and escapes in names beside them, are read for what they are", () => {
  const nameOf = (text: string): string | undefined => {
    const value = read(text);
    assert.ok(value instanceof JsonObject);
    return value.names.at(-1);
  };
  for (const text of [String.raw`{"x":0,"\\":1}`, String.raw`{"x":0,"\u005c":1}`]) assert.equal(nameOf(text), "\\");
  assert.equal(nameOf(String.raw`{"x":0,"\u00e9":1}`), "é");
  assert.equal(nameOf(String.raw`{"x":0,"\\n":1}`), "\\n");
  assert.equal(nameOf(String.raw`{"x":0,"\nx":1}`), "\nx");
});

test("takes what JSON.parse takes, and gives the same: any value in any spelling", () => {
  fc.assert(
    fc.property(plainValues, fc.integer(), (value, seed) => agreesWithJsonParse(spell(value, chances(seed)))),
    { numRuns: 1500 },
  );
});

test("takes and refuses what JSON.parse takes and refuses: spellings with a mistake", () => {
  const mistakes = fc.constantFrom(...'{}[]:,"\\0123-+.eEtfn u/ \u0000\n\ud800'.split(""), "");
  fc.assert(
    fc.property(plainValues, fc.integer(), fc.nat(), fc.nat(2), mistakes, (value, seed, place, cut, put) => {
      const text = spell(value, chances(seed));
      const at = place % (text.length + 1);
      agreesWithJsonParse(text.slice(0, at) + put + text.slice(at + cut));
    }),
    { numRuns: 3000 },
  );
});

test("never throws, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const result = parseExact(bytes);
      assert.ok(result.ok || (result.offset >= 0 && result.offset <= bytes.length && result.why !== ""));
    }),
    { numRuns: 2000 },
  );
});

test("numbers keep their spelling", () => {
  const value = read("[9007199254740993, 1.0, -0, 1e400, 0.10]");
  assert.ok(Array.isArray(value));
  const spelled = value.map((each) => (each instanceof JsonNumber ? each.raw : null));
  assert.deepEqual(spelled, ["9007199254740993", "1.0", "-0", "1e400", "0.10"]);
});

test("members keep their order and their doubles, __proto__ included", () => {
  const value = read('{"b":1,"__proto__":2,"a":3,"b":4}');
  assert.ok(value instanceof JsonObject);
  assert.deepEqual(value.names, ["b", "__proto__", "a", "b"]);
  assert.equal(value.values.length, 4);
});

test("lone surrogates stay what they are", () => {
  assert.equal(read('"\\ud800"'), "\ud800");
  assert.equal(read('"\\udc00x\\ud83d"'), "\udc00x\ud83d");
});

test("one byte order mark at the head is dropped, a second is a mistake", () => {
  assert.equal(read(Buffer.from([0xef, 0xbb, 0xbf, 0x31])) instanceof JsonNumber, true);
  assert.equal(read("\ufeffnull"), null);
  assert.equal(parseExact("\ufeff\ufeffnull").ok, false);
  assert.equal(parseExact("null\ufeff").ok, false);
});

test("bytes that are not UTF-8 are not JSON: bare, overlong, cut, surrogates", () => {
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    const result = parseExact(Buffer.from([0x22, ...bytes, 0x22]));
    assert.deepEqual(result, { ok: false, offset: 0, why: "the bytes are not UTF-8" });
  }
});

test("a mistake's offset counts bytes in bytes and UTF-16 units in text", () => {
  const text = '\ufeff["é😀",x]';
  assert.deepEqual(parseExact(text), { ok: false, offset: 8, why: "no value begins here" });
  assert.deepEqual(parseExact(Buffer.from(text)), { ok: false, offset: 3 + 10, why: "no value begins here" });
});

test("100,000 deep is read without recursion, closed or not", () => {
  const depth = 100_000;
  let value = read("[".repeat(depth) + "]".repeat(depth));
  for (let i = 1; i < depth; i += 1) value = (value as readonly JsonValue[])[0] as JsonValue;
  assert.deepEqual(value, []);
  assert.ok(read('{"a":'.repeat(depth) + "1" + "}".repeat(depth)) instanceof JsonObject);
  const open = parseExact('[{"a":'.repeat(depth));
  assert.deepEqual(open, { ok: false, offset: 6 * depth, why: "the text ends where a value should begin" });
});
