import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExact, type ReadResult } from "../../proxy/json/parse-exact.ts";
import { parsePair } from "../../proxy/json/parse-pair.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../proxy/json/value.ts";
import { chances, ownMembers, type Plain } from "../support/json-spelling.ts";
import { models } from "./edits.ts";
import { spellModel } from "./json-oracle.ts";
import { holds } from "./properties.ts";

/** What JSON.parse makes of it: doubles, and of members with one name the last. */
function toPlain(value: JsonValue): Plain {
  if (value instanceof JsonNumber) return Number(value.raw);
  if (value instanceof JsonObject) {
    return ownMembers(value.names.map((name, i) => [name, toPlain(value.values[i] as JsonValue)]));
  }
  return Array.isArray(value) ? value.map(toPlain) : (value as Plain);
}

/** A string that begins with a backslash: as a name it spoils JSON.parse for good (test/support/json-spelling.ts says how). */
const SPOILS_THE_ORACLE = /"(?:\\\\|\\u005c)/i;
/** Bytes hold no half of a surrogate pair. */
const isWellFormed = (text: string): boolean => text.isWellFormed();

type Judgement = { readonly taken: true; readonly value: Plain } | { readonly taken: false };

function byJsonParse(text: string): Judgement {
  try {
    return { taken: true, value: JSON.parse(text) as Plain };
  } catch {
    return { taken: false };
  }
}

function judged(result: ReadResult): Judgement {
  return result.ok ? { taken: true, value: toPlain(result.value) } : { taken: false };
}

/** Takes, refuses and reads it as JSON.parse does: as text, as bytes, and beside another text that shares much with it. */
function readsAsJsonParse(text: string): void {
  if (SPOILS_THE_ORACLE.test(text)) return;
  const expected = byJsonParse(text);
  assert.deepEqual(judged(parseExact(text)), expected, JSON.stringify(text));
  if (!isWellFormed(text)) return;
  const bytes = Buffer.from(text);
  assert.deepEqual(judged(parseExact(bytes)), expected, JSON.stringify(text));
  const other = Buffer.concat([bytes, Buffer.from("]")]);
  assert.deepEqual(judged(parsePair(bytes, other)[0]), expected, JSON.stringify(text));
  assert.deepEqual(judged(parsePair(other, bytes)[1]), expected, JSON.stringify(text));
}

/** Whether both take it, cheaply. */
function agree(text: string): void {
  const taken = byJsonParse(text).taken;
  if (parseExact(text).ok !== taken) assert.fail(`${JSON.stringify(text)} is ${taken ? "JSON" : "no JSON"}`);
}

/** Every text of up to so many of these pieces. */
function everyText(pieces: readonly string[], longest: number, visit: (text: string) => void): void {
  const extend = (text: string, left: number): void => {
    visit(text);
    if (left > 0) for (const piece of pieces) extend(text + piece, left - 1);
  };
  extend("", longest);
}

const EXHAUSTIVE: readonly (readonly [string, readonly string[], number])[] = [
  ["numbers", ["0", "1", "-", "+", ".", "e", "E"], 6],
  ["strings", ['"', "\\", "u", "0", "n", "\n"], 6],
  ["containers", ["[", "]", "{", "}", ",", ":", '""', "0"], 6],
  ["words and white space", ["true", "false", "null", "t", " ", "\t", "\r", "\f", "\u00a0", ","], 5],
  ["everything", [...'[]{},:"01-.e\\utn ', "\ufffd", "é", "\u0000"], 4],
];

for (const [name, pieces, longest] of EXHAUSTIVE) {
  test(`takes and refuses what JSON.parse does: all texts of up to ${longest} pieces, ${name}`, () => {
    const { stackTraceLimit } = Error;
    // A million refusals: their traces would be most of the time.
    Error.stackTraceLimit = 0;
    try {
      everyText(pieces, longest, agree);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });
}

test("reads what JSON.parse reads: any value in any spelling, names twice among them", (t) => {
  holds(
    t,
    3000,
    fc.property(models(true), fc.integer(), (model, seed) => readsAsJsonParse(spellModel(model, chances(seed)))),
  );
});

test("takes and refuses what JSON.parse does: spellings with pieces put in and cut out", (t) => {
  const pieces = fc.oneof(
    fc.constantFrom(...'{}[]:,"\\0123-+.eEtfn u/'.split(""), "\n", "\u0000", "\ud800", "é", "\ufeff", "\u2028"),
    fc.constantFrom("null", "[]", '{"a":1}', '"a":', "\\u0", "\\ud83d", "1e5", "-0", "//", ""),
  );
  const mistakes = fc.array(fc.tuple(fc.nat(), fc.nat(3), pieces), { minLength: 1, maxLength: 3 });
  holds(
    t,
    6000,
    fc.property(models(true), fc.integer(), mistakes, (model, seed, list) => {
      let text = spellModel(model, chances(seed));
      for (const [place, cut, put] of list) {
        const at = place % (text.length + 1);
        text = text.slice(0, at) + put + text.slice(at + cut);
      }
      // One byte order mark at the head is taken (RFC 8259, 8.1), which JSON.parse refuses.
      if (text.startsWith("\ufeff")) text = text.slice(1);
      if (!text.startsWith("\ufeff")) readsAsJsonParse(text);
    }),
  );
});

test("any bytes: takes what JSON.parse takes of their text if they are UTF-8, and nothing else", (t) => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const bytes = fc.array(
    fc.oneof(
      fc.constantFrom<number[]>([0x22], [0x5b], [0x5d], [0x30], [0x20], [0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x80], [0x2c]),
      fc.integer({ min: 0, max: 255 }).map((byte) => [byte]),
    ),
    { maxLength: 8 },
  );
  holds(
    t,
    6000,
    fc.property(bytes, fc.boolean(), (list, quoted) => {
      const inner = list.flat();
      const all = Buffer.from(quoted ? [0x22, ...inner, 0x22] : inner);
      let text: string | null = null;
      try {
        text = strict.decode(all);
      } catch {
        assert.equal(parseExact(all).ok, false, `${all.toString("hex")} is not UTF-8`);
      }
      if (text !== null && !text.startsWith("\ufeff")) readsAsJsonParse(text);
    }),
  );
});
