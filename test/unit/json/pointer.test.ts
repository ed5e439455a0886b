import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { escapeToken, formatPointer, matchesPointer, parsePointer } from "../../../proxy/json/pointer.ts";

test("the pointers of RFC 6901, section 5", () => {
  const pointers: readonly (readonly [string, readonly string[]])[] = [
    ["", []],
    ["/foo", ["foo"]],
    ["/foo/0", ["foo", "0"]],
    ["/", [""]],
    ["/a~1b", ["a/b"]],
    ["/c%d", ["c%d"]],
    ["/m~0n", ["m~n"]],
    ["/~01", ["~1"]],
  ];
  for (const [pointer, tokens] of pointers) {
    assert.deepEqual(parsePointer(pointer), tokens);
    assert.equal(formatPointer(tokens), pointer);
  }
  assert.equal(formatPointer(["items", 3, "a/b"]), "/items/3/a~1b");
  assert.equal(escapeToken("~/"), "~0~1");
});

test("what is no pointer parses to null", () => {
  for (const text of ["a", "a/b", "/~", "/a~2", "/~/x", "#/a"]) assert.equal(parsePointer(text), null, text);
});

test("tokens survive being written and read", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (tokens) => assert.deepEqual(parsePointer(formatPointer(tokens)), tokens)),
  );
});

test("patterns: one token, any number, none", () => {
  const yes: readonly (readonly [string, readonly (string | number)[]])[] = [
    ["", []],
    ["/**", []],
    ["/**", ["a", 0, "b"]],
    ["/a/*", ["a", 0]],
    ["/a/**", ["a"]],
    ["/**/at", ["at"]],
    ["/**/at", ["a", 3, "at"]],
    ["/a/**/b/**/c", ["a", "b", "c"]],
    ["/a/**/b/**/c", ["a", "x", "b", "y", "b", "z", "c"]],
    ["/items/0", ["items", 0]],
    ["/a~1b", ["a/b"]],
    ["/**/x/*/y/**/z", ["x", "x", "q", "y", "z"]],
  ];
  const no: readonly (readonly [string, readonly (string | number)[]])[] = [
    ["", ["a"]],
    ["/a", []],
    ["/a", ["a", "b"]],
    ["/a/*", ["a"]],
    ["/a/*", ["a", "b", "c"]],
    ["/**/at", ["at", "x"]],
    ["/a/**/b", ["b"]],
    ["/a/**/a", ["a"]],
    ["/**/x/**/x", ["x"]],
    ["/items/00", ["items", 0]],
    ["a", ["a"]],
  ];
  for (const [pattern, tokens] of yes)
    assert.equal(matchesPointer(pattern, tokens), true, `${pattern} ${tokens.join()}`);
  for (const [pattern, tokens] of no)
    assert.equal(matchesPointer(pattern, tokens), false, `${pattern} ${tokens.join()}`);
});

/** The definition, by recursion. */
function covers(parts: readonly string[], tokens: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined) return tokens.length === 0;
  if (part === "**") return covers(rest, tokens) || (tokens.length > 0 && covers(parts, tokens.slice(1)));
  return tokens.length > 0 && (part === "*" || part === tokens[0]) && covers(rest, tokens.slice(1));
}

test("patterns match as their definition says", () => {
  const parts = fc.array(fc.constantFrom("a", "b", "*", "**"), { maxLength: 6 });
  const tokens = fc.array(fc.constantFrom("a", "b"), { maxLength: 7 });
  fc.assert(
    fc.property(parts, tokens, (pattern, place) => {
      assert.equal(
        matchesPointer(pattern, place),
        covers(pattern, place),
        `${pattern.join("/")} on ${place.join("/")}`,
      );
    }),
    { numRuns: 5000 },
  );
});
