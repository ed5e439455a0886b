import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWithin, prettyJson } from "../../../proxy/dashboard/pretty.ts";

test("every line has the place of its value, and the spelling stays: digits, escapes, a member twice", () => {
  const text = '{"a":9007199254740993,"b":[1.0,{"c/d":"\\u0041"},[]],"a":1e400,"e":{}}';
  assert.deepEqual(
    prettyJson(text)?.map(({ at, depth, text: line }) => [depth, line, at]),
    [
      [0, "{", ""],
      [1, '"a": 9007199254740993,', "/a"],
      [1, '"b": [', "/b"],
      [2, "1.0,", "/b/0"],
      [2, "{", "/b/1"],
      [3, '"c/d": "\\u0041"', "/b/1/c~1d"],
      [2, "},", "/b/1"],
      [2, "[]", "/b/2"],
      [1, "],", "/b"],
      [1, '"a": 1e400,', "/a"],
      [1, '"e": {}', "/e"],
      [0, "}", ""],
    ],
  );
});

test("nothing is lost or made up: the lines together are the text, whatever it was indented with", () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(4), (text, indent) => {
      const spelled = JSON.stringify(JSON.parse(text), null, indent);
      const lines = prettyJson(spelled);
      assert.ok(lines !== null);
      assert.equal(
        JSON.stringify(JSON.parse(lines.map((line) => line.text).join("\n"))),
        JSON.stringify(JSON.parse(text)),
      );
      for (const { at, text: line } of lines) {
        const value = /^(?:"(?:[^"\\]|\\.)*": )?("(?:[^"\\]|\\.)*"|[\w.+-]+),?$/.exec(line)?.[1];
        if (value !== undefined) assert.deepEqual(JSON.parse(value), valueAt(JSON.parse(text), at), `${at}: ${line}`);
      }
    }),
  );
});

test("what is no JSON has no lines", () => {
  for (const text of ["", "{", '{"a":1', "<p>", '{"a":1}}', "undefined"]) assert.equal(prettyJson(text), null, text);
});

test("a difference marks its place and what is within it, and no neighbour", () => {
  assert.deepEqual(
    ["/a", "/a/b", "/ab", ""].map((at) => isWithin(at, ["/a"])),
    [true, true, false, false],
  );
  assert.equal(isWithin("/x", [""]), true);
});

function valueAt(value: unknown, at: string): unknown {
  let found = value;
  for (const token of at.split("/").slice(1)) {
    found = (found as Record<string, unknown>)[token.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return found;
}
