import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readJsonLines, readJsonSequence } from "../../../../proxy/compare/bodies/json-lines.ts";
import { printExact } from "../../../../proxy/json/print-exact.ts";
import { chances, plainValues, spell } from "../../../support/json-spelling.ts";

function lines(text: string, maxUnread = 10): string[] | null {
  return readJsonLines(text, maxUnread)?.map((value) => printExact(value)) ?? null;
}

function records(text: string): string[] | null {
  return readJsonSequence(text, 10)?.map((value) => printExact(value)) ?? null;
}

test("the documents of lines and of a sequence are those that were written", () => {
  fc.assert(
    fc.property(fc.array(plainValues, { maxLength: 5 }), fc.integer(), fc.boolean(), (values, seed, isLast) => {
      const texts = values.map((value) => spell(value, chances(seed)));
      const printed = texts.map((text) => lines(text.replaceAll(/[\r\n]/g, " "))?.[0] ?? "");
      const written = texts.map((text) => text.replaceAll(/[\r\n]/g, " "));
      assert.deepEqual(lines(written.join("\n") + (isLast ? "\n" : "")), printed);
      assert.deepEqual(lines(written.map((text) => `${text}\r\n\n`).join("")), printed);
      assert.deepEqual(records(texts.map((text) => `\x1e${text}\n`).join("")), printed);
    }),
    { numRuns: 500 },
  );
});

test("a line that is not JSON stands for itself: alike for the same line, else not", () => {
  const [first, second, third] = lines('{"a":\n1\n{"a":x\n') ?? [];
  assert.match(first ?? "", /^"5 bytes, not JSON at character 5: .*, sha256 [0-9a-f]{64}"$/);
  assert.equal(second, "1");
  assert.match(third ?? "", /^"6 bytes, not JSON at character 5: no value begins here, sha256 [0-9a-f]{64}"$/);
  assert.deepEqual(lines('{"a":\r\n'), [first]);
  assert.notEqual(lines('{"b":')?.[0], first);
});

test("what a sequence may have lost at its end is no document", () => {
  assert.deepEqual(records('\x1e1\n\x1etrue\r\n\x1e[2]\x1e"x"\x1e{}'), ["1", "true", "[2]", '"x"', "{}"]);
  for (const cut of ["\x1e1", "\x1etrue", "\x1enull", "\x1e-2"])
    assert.match(records(cut)?.[0] ?? "", /may have been cut/);
  assert.match(records("\x1e[1,\n\x1e2\n")?.[0] ?? "", /not JSON at character 4/);
  assert.deepEqual(records("\x1e[1,\n\x1e2\n")?.[1], "2");
  assert.deepEqual(records(" \n\x1e\x1e \x1e1\n"), ["1"]);
  assert.match(records("0\n\x1e1\n")?.[0] ?? "", /not behind a record separator/);
});

test("there is a bound to the lines that are not JSON, none to those that are", () => {
  assert.equal(lines("x\n".repeat(10))?.length, 10);
  assert.equal(lines("x\n".repeat(11)), null);
  assert.equal(lines("1\n".repeat(100_000))?.length, 100_000);
  assert.equal(lines("\n".repeat(1_000_000))?.length, 0);
});
