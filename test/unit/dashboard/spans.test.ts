import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spansOf } from "../../../proxy/dashboard/spans.ts";

function marked(one: string, other: string | null): string {
  return spansOf(one, other)
    .map(({ text, kind }) => (kind === "same" ? text : kind === "apart" ? `<${text}>` : `{${text}}`))
    .join("");
}

test("what two values have apart is marked, and nothing else", () => {
  assert.equal(marked("9007199254740993", "9007199254740992"), "900719925474099<3>");
  assert.equal(marked('"Ann "', '"Ann"'), '"Ann< >"');
  assert.equal(marked("aXb", "ab"), "a<X>b");
  assert.equal(marked("ab", "aXb"), "ab");
  assert.equal(marked("same", "same"), "same");
  assert.equal(marked("aaa", "aa"), "aa<a>");
});

test("a stand-in for a secret is one piece, beside whatever it stands", () => {
  assert.equal(marked('"[redacted 0123abcd]"', null), '"{[redacted 0123abcd]}"');
  assert.equal(marked('"[redacted 0123abcd]"', '"[redacted 0123abce]"'), '"{[redacted 0123abcd]}"');
  assert.equal(marked('"[redacted 0123abcd]x"', '"[redacted 0123abcd]y"'), '"{[redacted 0123abcd]}<x>"');
});

test("the spans together are the text", () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom("[redacted 0123abcd]", "a[redacted ffffffff]b[redacted 00000000]"),
  );
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      assert.equal(
        spansOf(a + b, c)
          .map((span) => span.text)
          .join(""),
        a + b,
      );
      assert.equal(
        spansOf(a + b, a + c)
          .map((span) => span.text)
          .join(""),
        a + b,
      );
    }),
  );
});
