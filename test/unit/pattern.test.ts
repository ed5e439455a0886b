import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeSegment, parsePattern, patternCovers, patternMatches, type Pattern } from "../../proxy/pattern.ts";

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  assert.ok(parsed.ok, parsed.ok ? "" : `${text} ${parsed.error}`);
  return parsed.pattern;
}

test("a pattern matches exactly the paths it describes", () => {
  const table: readonly (readonly [pattern: string, matched: readonly string[], others: readonly string[]])[] = [
    ["/", ["/", "", "http://h", "http://h/"], ["/a", "//", "*"]],
    [
      "/users",
      ["/users", "/users/", "/%75sers", "/user%73", "http://h:1/users"],
      ["/users/42", "/Users", "/users//", "//users", "/user", "*"],
    ],
    ["/users/", ["/users", "/users/"], ["/users/42"]],
    [
      "/users/:id",
      ["/users/42", "/users/42/", "/users/%2F", "/users/%zz"],
      ["/users", "/users/", "/users//", "/users/42/avatar"],
    ],
    ["/users/:id?", ["/users", "/users/", "/users/42"], ["/users/42/avatar", "/users//"]],
    ["/a/:b?/:c?", ["/a", "/a/1", "/a/1/2"], ["/a/1/2/3", "/"]],
    ["/files/*", ["/files/x"], ["/files", "/files/", "/files/x/y"]],
    ["/users/**", ["/users", "/users/", "/users/42/x", "/users//", "/users//x"], ["/usersx", "/", "*"]],
    ["/**", ["/", "", "/a", "/a/b/", "//x", "*", "h:443", "http://h"], []],
    ["/**/avatar", ["/avatar", "/users/42/avatar/"], ["/", "/avatar/x", "*"]],
    ["/a/**/b/:c", ["/a/b/1", "/a/x/y/b/1"], ["/a/b", "/a/b/1/2", "/a"]],
    ["/a/**/a", ["/a/a", "/a/x/a"], ["/a"]],
    ["/a%20b/café", ["/a%20b/caf%C3%A9", "/a%20b/caf%c3%a9"], ["/a b/cafe", "/a+b/caf%C3%A9"]],
    ["/50%", ["/50%", "/50%25"], ["/50"]],
  ];
  for (const [text, matched, others] of table) {
    for (const path of matched) assert.equal(patternMatches(pattern(text), path), true, `${text} matches ${path}`);
    for (const path of others)
      assert.equal(patternMatches(pattern(text), path), false, `${text} does not match ${path}`);
  }
});

test("a pattern that cannot be meant is refused at its place, with what to write", () => {
  const table: readonly (readonly [text: string, offset: number, words: RegExp])[] = [
    ["users", 0, /write \/users/],
    ["", 0, /begin with a slash/],
    ["/users//x", 7, /empty part/],
    ["/a/:id.json", 3, /takes a whole part/],
    ["/a/:", 3, /write :id/],
    ["/a/:1", 3, /write :id/],
    ["/a/x*", 3, /\* and \*\* take a whole part/],
    ["/a/***", 3, /take a whole part/],
    ["/**/a/**", 6, /second \*\*/],
    ["/:a/:b/:a", 7, /:a twice/],
    ["/:a?/b", 5, /after an optional part/],
    ["/:a?/**", 5, /after an optional part/],
    ["/a?b=1", 1, /without query/],
    ["/a#b", 1, /without query or fragment/],
    ["/a/{id}", 3, /written :id/],
    ["/a b", 1, /write it as %20/],
    [`/${"a".repeat(2000)}`, 1024, /longer than 1024/],
    ["/a".repeat(65), 0, /more than 64 parts/],
  ];
  for (const [text, offset, words] of table) {
    const parsed = parsePattern(text);
    assert.equal(parsed.ok, false, text);
    if (parsed.ok) continue;
    assert.equal(parsed.offset, offset, text);
    assert.match(parsed.error, words, text);
  }
});

test("names of parameters are kept in order", () => {
  assert.deepEqual(pattern("/:tenant/users/:id/*/:part?").names, ["tenant", "id", "part"]);
});

test("decoding is done once, by bytes, and leaves alone what is no escape", () => {
  const table: readonly (readonly [string, string])[] = [
    ["users", "users"],
    ["%75sers", "users"],
    ["%2575", "%75"],
    ["%zz%4", "%zz%4"],
    ["%", "%"],
    ["%%41", "%A"],
    ["%C3%A9", "Ã©"],
    ["%ff", "ÿ"],
  ];
  for (const [from, to] of table) assert.equal(decodeSegment(from), to, from);
});

test("one pattern is said to cover another only where it does", () => {
  const table: readonly (readonly [wide: string, narrow: string, covers: boolean])[] = [
    ["/users/**", "/users/:id", true],
    ["/users/**", "/users", true],
    ["/users/**", "/users/:id?", true],
    ["/**", "/**/x", true],
    ["/**", "/", true],
    ["/:a", "/users", true],
    ["/users", "/:a", false],
    ["/users/:id", "/users/:id?", false],
    ["/users/:id?", "/users/:id", true],
    ["/users/:id", "/users/**", false],
    ["/**/x", "/a/x", true],
    ["/a/**/x", "/a/x", true],
    ["/a/**/a", "/a", false],
    ["/**/:id", "/**", false],
    ["/*", "/:a", true],
  ];
  for (const [wide, narrow, covers] of table) {
    assert.equal(patternCovers(pattern(wide), pattern(narrow)), covers, `${wide} covers ${narrow}`);
  }
});

test("no path that the narrow pattern matches escapes a pattern that is said to cover it", () => {
  const part = fc.constantFrom("a", "b", ":p", "*", "**", ":o?");
  const text = fc
    .array(part, { maxLength: 4 })
    .map((parts) => `/${parts.map((each, i) => each.replace(/^:\w/, `:p${i}`)).join("/")}`);
  const patterns = text.map(parsePattern).filter((parsed) => parsed.ok);
  const paths = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 5 }).map((parts) => `/${parts.join("/")}`);
  fc.assert(
    fc.property(patterns, patterns, fc.array(paths, { maxLength: 20 }), (wide, narrow, asked) => {
      if (!wide.ok || !narrow.ok || !patternCovers(wide.pattern, narrow.pattern)) return;
      for (const path of asked) {
        if (patternMatches(narrow.pattern, path)) assert.equal(patternMatches(wide.pattern, path), true, path);
      }
    }),
    { numRuns: 2000 },
  );
});
