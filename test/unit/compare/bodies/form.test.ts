import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MAX_FORM_PAIRS, readForm } from "../../../../proxy/compare/bodies/form.ts";
import { printExact } from "../../../../proxy/json/print-exact.ts";
import type { JsonValue } from "../../../../proxy/json/value.ts";

function valueOf(text: string | Buffer, charset: string | null = null): JsonValue {
  const read = readForm(typeof text === "string" ? Buffer.from(text) : text, charset);
  if (!read.ok) assert.fail(read.why);
  return read.value;
}

/** What an independent reader makes of it, in our shape. */
function oracle(text: string): string {
  const values = new Map<string, string[]>();
  // Node's takes the low byte of a bare character beside an escape, so it is given escapes only.
  const escaped = text.replace(/[\u0080-\u{10ffff}]/gu, encodeURIComponent);
  for (const [name, value] of new URLSearchParams(`x&${escaped}`))
    values.set(name, [...(values.get(name) ?? []), value]);
  // The first pair keeps URLSearchParams from taking a leading question mark for its own.
  const first = values.get("x") as string[];
  first.shift();
  if (first.length === 0) values.delete("x");
  const members = [...values].map(
    ([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each.length === 1 ? each[0] : each)}`,
  );
  return `{${members.join(",")}}`;
}

function spelled(value: JsonValue): string {
  return printExact(value, 1_000_000);
}

test("forms are read as URLSearchParams reads them", () => {
  const pieces = fc.constantFrom(
    "a",
    "b",
    "&",
    "=",
    "+",
    "%",
    "%41",
    "%c3%A9",
    "%2",
    "%zz",
    "é",
    "[",
    "]",
    "😀",
    ";",
    "?",
    "\\",
    "%00",
    "y",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (each) => {
      const text = each.join("");
      const expected = oracle(text);
      // Escapes may add up to bytes that are no UTF-8, which the oracle replaces and we refuse.
      if (expected.includes("\ufffd")) assert.equal(readForm(Buffer.from(text), null).ok, false, text);
      else assert.deepEqual(JSON.parse(spelled(valueOf(text))), JSON.parse(expected), text);
    }),
    { numRuns: 3000 },
  );
});

test("what any form writes is read back", () => {
  const names = fc.string({ unit: "grapheme", maxLength: 5 }).filter((name) => name !== "__proto__");
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.string({ unit: "grapheme", maxLength: 8 })), { maxLength: 8 }), (pairs) => {
      const value = JSON.parse(spelled(valueOf(new URLSearchParams(pairs).toString()))) as Record<string, unknown>;
      const expected = new Map<string, string[]>();
      for (const [name, each] of pairs) expected.set(name, [...(expected.get(name) ?? []), each]);
      for (const [name, all] of expected) assert.deepEqual(value[name], all.length === 1 ? all[0] : all);
      assert.equal(Object.keys(value).length, expected.size);
    }),
    { numRuns: 1000 },
  );
});

test("names and values are decoded in the form's charset", () => {
  assert.equal(spelled(valueOf("n=%E9", "iso-8859-1")), '{"n":"é"}');
  assert.equal(spelled(valueOf(Buffer.from("n=\xe9", "latin1"), "windows-1252")), '{"n":"é"}');
  assert.equal(spelled(valueOf("%93%8C=%8B%9E", "shift_jis")), '{"東":"京"}');
});

test("what cannot be decoded is no form, and says why", () => {
  const why = (text: string, charset: string | null = null): string => {
    const read = readForm(Buffer.from(text), charset);
    return read.ok ? "read" : read.why;
  };
  assert.equal(why("a=1&b=%FF"), "not read as a form: the bytes are not UTF-8");
  assert.equal(why("%FF=1"), "not read as a form: the bytes are not UTF-8");
  assert.equal(why("a=%E9", "nonsense"), "not read as a form: charset nonsense is not known");
});

test("a form of more pairs than any form has is not read; empty pairs are none", () => {
  assert.ok(readForm(Buffer.from("a&".repeat(MAX_FORM_PAIRS)), null).ok);
  assert.deepEqual(readForm(Buffer.from("a&".repeat(MAX_FORM_PAIRS + 1)), null), {
    ok: false,
    why: `not read as a form: more than ${MAX_FORM_PAIRS} pairs`,
  });
  assert.equal(spelled(valueOf("&".repeat(1_000_000))), "{}");
});
