import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { printExact, printPair } from "../../../proxy/json/print-exact.ts";
import { JsonNumber, type JsonValue } from "../../../proxy/json/value.ts";
import { chances, plainValues, spell } from "../../support/json-spelling.ts";

function read(text: string): JsonValue {
  const result = parseExact(text);
  assert.ok(result.ok);
  return result.value;
}

test("prints compact JSON with numbers, doubles and order as they were", () => {
  const text = '{"b":[1.0,9007199254740993,-0],"a":{"x":null,"x":true},"s":"\\ud800 \\u0001é","__proto__":[]}';
  assert.equal(printExact(read(text)), text);
  assert.equal(printExact(read(" [ 1 , { } ] ")), "[1,{}]");
});

test("what is printed reads as the same value", () => {
  fc.assert(
    fc.property(plainValues, fc.integer(), (value, seed) => {
      const tree = read(spell(value, chances(seed)));
      assert.deepEqual(read(printExact(tree, Number.POSITIVE_INFINITY)), tree);
    }),
    { numRuns: 500 },
  );
});

test("a long value is cut, marked, and never longer than the bound", () => {
  fc.assert(
    fc.property(plainValues, fc.integer({ min: 1, max: 60 }), (value, bound) => {
      const whole = printExact(read(JSON.stringify(value)), Number.POSITIVE_INFINITY);
      const cut = printExact(read(JSON.stringify(value)), bound);
      assert.ok(cut.length <= bound);
      if (whole.length <= bound) assert.equal(cut, whole);
      else assert.ok(cut.endsWith("…") && whole.startsWith(cut.slice(0, -1)));
    }),
    { numRuns: 500 },
  );
});

test("a cut never leaves half of a surrogate pair", () => {
  for (let bound = 2; bound < 20; bound += 1) assert.ok(printExact("😀".repeat(20), bound).isWellFormed());
});

test("printing stops at the bound: a million elements, 100,000 deep", () => {
  assert.equal(printExact(read(`[${Array(1_000_000).fill("1").join()}]`), 10), "[1,1,1,1,…");
  assert.equal(printExact(read("[".repeat(100_000) + "]".repeat(100_000)), 4), "[[[…");
});

test("two long strings that begin alike are shown from where they part", () => {
  const [a, b] = printPair(`${"x".repeat(1000)}one`, `${"x".repeat(1000)}two`);
  assert.equal(a, `…${"x".repeat(32)}one`);
  assert.equal(b, `…${"x".repeat(32)}two`);
});

test("two long numbers that begin alike are shown from where they part", () => {
  const [a, b] = printPair(new JsonNumber(`${"7".repeat(1000)}1`), new JsonNumber(`${"7".repeat(1000)}2`));
  assert.equal(a, `…${"7".repeat(32)}1`);
  assert.equal(b, `…${"7".repeat(32)}2`);
});

test("long strings that part and go on are cut at both ends", () => {
  const [a] = printPair(`${"x".repeat(1000)}a${"y".repeat(1000)}`, `${"x".repeat(1000)}b${"y".repeat(1000)}`);
  assert.ok(a.startsWith("…x") && a.endsWith("y…") && a.length <= 512);
});
