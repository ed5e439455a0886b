import assert from "node:assert/strict";
import { test } from "node:test";
import { assignedValues } from "../../../proxy/record/assigned-values.ts";

/** The text with `X` for each value behind `secret`. */
function shown(text: string): string {
  let end = 0;
  let out = "";
  for (const { from, to } of assignedValues(text, (name) => name === "secret")) {
    out += `${text.slice(end, from)}X`;
    end = to;
  }
  return out + text.slice(end);
}

const CASES: readonly (readonly [text: string, expected: string])[] = [
  ["a=1&secret=abc&b=2", "a=1&secret=X&b=2"],
  ["secret: one two, b", "secret: X, b"],
  ["failed: secret: abc", "failed: secret: X"],
  ["next=/cb?secret=abc", "next=/cb?secret=X"],
  ["at=secret=abc", "at=secret=X"],
  ["secret='a b, c' d", "secret='X' d"],
  [`secret="a,b}" d`, `secret="X" d`],
  [`{"secret":"a,b","c":1}`, `{"secret":"X","c":1}`],
  [`{"secret":"a\\"b","c":1}`, `{"secret":"X","c":1}`],
  [String.raw`{\"secret\":\"a,\\\"b\",\"c\":1}`, String.raw`{\"secret\":\"X\",\"c\":1}`],
  [`{"secret":"a,b`, `{"secret":"X`],
  [`{"secret":["a","b]"],"c":1}`, `{"secret":X,"c":1}`],
  [`{"secret":{"a":{"b":"}"}},"c":1}`, `{"secret":X,"c":1}`],
  [String.raw`{\"secret\":[\"a]\",\"b\"],\"c\":1}`, String.raw`{\"secret\":X,\"c\":1}`],
  [`{"secret":["a","b`, `{"secret":X`],
  [`f(secret: "a b") { id }`, `f(secret: "X") { id }`],
  ["<a><secret>a b</secret><b>c</b></a>", "<a><secret>X</secret><b>c</b></a>"],
  [`<n:secret type="x">ab</n:secret>`, `<n:secret type="x">X</n:secret>`],
  [`<a secret="a b"/>`, `<a secret="X"/>`],
  ["secret=[redacted 1f3a9c2e]", "secret=[redacted 1f3a9c2e]"],
  ["secret=&a=1", "secret=&a=1"],
  ["secrets=1 nosecret=2", "secrets=1 nosecret=2"],
];

test("a value is known behind its name up to where it ends, however it is quoted, nested or cut", () => {
  for (const [text, expected] of CASES) assert.equal(shown(text), expected, text);
});

test("texts made to be slow to search are not", () => {
  const begunAt = performance.now();
  for (const part of [
    "secret:",
    'secret:"',
    "secret:[\\",
    "secret:{",
    "\\",
    "<secret ",
    "<secret>",
    "a:",
    "[",
    "secret='",
  ]) {
    shown(part.repeat(20_000));
    shown(`secret:[${part.repeat(20_000)}`);
  }
  // All together take some 100 ms; one that looks at the rest of the text from each character takes minutes.
  assert.ok(performance.now() - begunAt < 5_000);
});
