import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Move, moveMembers, moveProblem } from "../../../proxy/json/move-members.ts";
import { parseExact } from "../../../proxy/json/parse-exact.ts";
import { parsePointer } from "../../../proxy/json/pointer.ts";
import { printExact } from "../../../proxy/json/print-exact.ts";

const moveOf = (from: string, to: string): Move => ({ from: parsePointer(from) ?? [], to: parsePointer(to) ?? [] });

function moved(text: string, ...moves: readonly (readonly [from: string, to: string])[]): string {
  const read = parseExact(text);
  assert.ok(read.ok, text);
  const value = moveMembers(
    read.value,
    moves.map(([from, to]) => moveOf(from, to)),
  );
  return printExact(value, Number.POSITIVE_INFINITY);
}

test("members are renamed, go into objects and out of them; an object that is emptied goes, one that was empty stays", () => {
  assert.equal(moved('{"name":1,"x":2}', ["/name", "/fullName"]), '{"x":2,"fullName":1}');
  assert.equal(moved('{"city":"Rome"}', ["/city", "/address/city"]), '{"address":{"city":"Rome"}}');
  assert.equal(moved('{"address":{"city":"Rome"}}', ["/address/city", "/city"]), '{"city":"Rome"}');
  assert.equal(moved('{"address":{"city":1,"zip":2}}', ["/address/city", "/city"]), '{"address":{"zip":2},"city":1}');
  assert.equal(moved('{"a":1,"address":{}}', ["/address/city", "/city"]), '{"a":1,"address":{}}');
  assert.equal(moved('{"name":null}', ["/name", "/full/name"]), '{"full":{"name":null}}');
  assert.equal(moved('{"a":{"b":1}}', ["/a", "/a/inner"]), '{"a":{"inner":{"b":1}}}');
  assert.equal(moved("[1]", ["/0", "/1"]), "[1]");
});

test("two members may trade places, what stands in the way gives way, a name that stands there twice goes twice", () => {
  assert.equal(moved('{"a":1,"b":2}', ["/a", "/b"], ["/b", "/a"]), '{"b":1,"a":2}');
  assert.equal(moved('{"old":1,"new":2}', ["/old", "/new"]), '{"new":1}');
  assert.equal(moved('{"city":1,"address":"none"}', ["/city", "/address/city"]), '{"address":{"city":1}}');
  assert.equal(moved('{"a":1,"a":2}', ["/a", "/b"]), '{"b":1,"b":2}');
});

test("* stands for each element and each member, and a member stays within its own", () => {
  const text = '{"items":[{"sku":1},{"other":2},3,{"sku":4}]}';
  assert.equal(moved(text, ["/items/*/sku", "/items/*/code"]), '{"items":[{"code":1},{"other":2},3,{"code":4}]}');
  assert.equal(moved('{"x":{"a":1},"y":{"a":2}}', ["/*/a", "/*/b"]), '{"x":{"b":1},"y":{"b":2}}');
  const problem = (from: string, to: string): string | null => moveProblem(moveOf(from, to));
  assert.match(problem("/items/*/sku", "/sku") ?? "", /stays within its element/);
  assert.match(problem("/items/*", "/things/*") ?? "", /names no single member/);
  assert.match(problem("", "/a") ?? "", /names no single member/);
  assert.match(problem("/**/a", "/**/b") ?? "", /does not tell where/);
  assert.equal(problem("/items/*/sku", "/items/*/article/code"), null);
});

test("all else keeps its spelling: digits, -0, lone surrogates, __proto__, names that stand there twice", () => {
  const rest = '"n":9007199254740993,"z":-0,"big":1e400,"s":"\\ud800","__proto__":{"x":1},"d":1,"d":2';
  assert.equal(moved(`{"a":1.0,${rest}}`, ["/a", "/b"]), `{${rest},"b":1.0}`);
  assert.equal(moved('{"a":1}', ["/a", "/__proto__/polluted"]), '{"__proto__":{"polluted":1}}');
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("what is moved there comes back, whatever the document", () => {
  const json = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
  const sorted = (text: string): string => JSON.stringify(JSON.parse(text), (_, value: unknown) => order(value));
  fc.assert(
    fc.property(json, (document) => {
      const text = JSON.stringify(document);
      const there = moved(text, ["/a", "/x/y"], ["/b", "/z"]);
      assert.equal(sorted(moved(there, ["/x/y", "/a"], ["/z", "/b"])), sorted(text));
    }),
  );
});

function order(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
