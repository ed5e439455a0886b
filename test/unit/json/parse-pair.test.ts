import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExact, type ReadResult } from "../../../proxy/json/parse-exact.ts";
import { parsePair } from "../../../proxy/json/parse-pair.ts";
import { JsonNumber, JsonObject, type JsonValue } from "../../../proxy/json/value.ts";
import { chances, plainValues, spell } from "../../support/json-spelling.ts";

/** In plain arrays, so that deepEqual sees numbers' spellings and members' order. */
function outline(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return ["number", value.raw];
  if (value instanceof JsonObject) return ["object", value.names, value.values.map(outline)];
  return Array.isArray(value) ? ["array", ...value.map(outline)] : value;
}

function outlined(result: ReadResult): unknown {
  return result.ok ? outline(result.value) : result;
}

function readsAsAlone(a: string | Buffer, b: string | Buffer): void {
  const [bytesA, bytesB] = [Buffer.from(a), Buffer.from(b)];
  const context = `${bytesA.toString()}\n${bytesB.toString()}`;
  const [readA, readB] = parsePair(bytesA, bytesB);
  assert.deepEqual(outlined(readA), outlined(parseExact(bytesA)), context);
  assert.deepEqual(outlined(readB), outlined(parseExact(bytesB)), context);
}

/** Long enough to be read together, whatever stands between. */
const PAD = JSON.stringify("x".repeat(80));

const wrapped = (inner: string): string => `[${PAD},{"a":${inner},"b":[1,{"c":null}]},${PAD}]`;

test("what stands between a common head and tail is read as if alone: every kind of token against every other", () => {
  const tokens = ["1", "12", "-1", "1.5", "1e5", "true", "false", "null", '"a"', '"ab"', '"\\n"', '"é"', '"😀"', '""'];
  const containers = ["[]", "[ ]", "[1]", "[[1]]", "[1,2]", "{}", '{"a":1}', '{"a":1,"b":2}', '{"b":{}}', '[{"a":[]}]'];
  const faults = [
    "",
    "]",
    "}",
    ",",
    "1,",
    '1,"b":2',
    "[1",
    '{"a"',
    '{"a":',
    "tru",
    "01",
    '"\\x"',
    '"',
    "1}",
    '1},{"b":2',
  ];
  const all = [...tokens, ...containers, ...faults];
  for (const a of all) for (const b of all) readsAsAlone(wrapped(a), wrapped(b));
});

test("texts that share only a head, only a tail, or one of which is the other's beginning", () => {
  const texts = [`${PAD}`, `${PAD} `, ` ${PAD}`, `${PAD}1`, `[${PAD}]`, `[${PAD},1]`, `[1,${PAD}]`, `[[${PAD}]]`];
  texts.push(`{"a":${PAD}}`, `{"a":${PAD},"a":${PAD}}`, `{"b":1,"a":${PAD}}`, `[${PAD}`, `${PAD}]`, `[${PAD},`, "");
  for (const a of texts) for (const b of texts) readsAsAlone(a, b);
});

test("a byte order mark on one side, or half of one", () => {
  const bom = Buffer.from([0xef, 0xbb, 0xbf]);
  const text = Buffer.from(`[${PAD},1]`);
  const almost = Buffer.concat([Buffer.from([0xef, 0xbb, 0x80]), text]);
  readsAsAlone(Buffer.concat([bom, text]), text);
  readsAsAlone(Buffer.concat([bom, text]), Buffer.concat([bom, Buffer.from(`[${PAD},2]`)]));
  readsAsAlone(Buffer.concat([bom, text]), almost);
  readsAsAlone(Buffer.concat([bom, bom, text]), Buffer.concat([bom, text]));
});

test("any two spellings of any two values, and with pieces put in and cut out", () => {
  const pieces = fc.constantFrom(...'{}[]:,"\\ 0-e.é'.split(""), "😀", "[1]", '{"a":1}', '"a":', "null", "");
  fc.assert(
    fc.property(
      fc.array(plainValues, { minLength: 1, maxLength: 6 }),
      plainValues,
      fc.integer(),
      fc.nat(),
      fc.nat(4),
      pieces,
      (values, other, seed, place, cut, put) => {
        const text = `[${PAD},${spell(values, chances(seed))},${spell(values, chances(seed + 1))}]`;
        const at = place % (text.length + 1);
        readsAsAlone(text, text.slice(0, at) + put + text.slice(at + cut));
        readsAsAlone(text, `[${PAD},${spell(other, chances(seed))},${spell(values, chances(seed + 1))}]`);
      },
    ),
    { numRuns: 2000 },
  );
});

test("values within the common head and tail are the same objects on both sides", () => {
  const record = (i: number, price: string): string => `{"id":${i},"price":${price},"tags":["a","b"]}`;
  const text = (price: string): Buffer => {
    return Buffer.from(`{"items":[${Array.from({ length: 20 }, (_, i) => record(i, i === 9 ? price : "1")).join()}]}`);
  };
  const [a, b] = parsePair(text("1.50"), text("22"));
  assert.ok(a.ok && b.ok && a.value instanceof JsonObject && b.value instanceof JsonObject);
  const [itemsA, itemsB] = [a.value.values[0], b.value.values[0]] as [JsonObject[], JsonObject[]];
  for (let i = 0; i < 20; i += 1) assert.equal(itemsA[i] === itemsB[i], i !== 9);
  assert.equal(itemsA[9]?.values[2] === itemsB[9]?.values[2], true, "also what follows the change in its own record");
  assert.deepEqual(outline(itemsB[9] as JsonObject), outline(read(record(9, "22"))));
});

function read(text: string): JsonValue {
  const result = parseExact(text);
  assert.ok(result.ok);
  return result.value;
}

test("100,000 deep, and tails in which the two never stand alike, are read in linear time", { timeout: 20_000 }, () => {
  const depth = 100_000;
  const deep = (leaf: string): Buffer => Buffer.from(`${'[{"a":'.repeat(depth)}${leaf}${"}]".repeat(depth)}`);
  const [a, b] = parsePair(deep("1"), deep("[2,3]"));
  assert.ok(a.ok && b.ok);
  const tail = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  const [inArray, inObject] = parsePair(Buffer.from(`[1,${tail}]`), Buffer.from(`[[],${tail}]`));
  assert.ok(inArray.ok && inObject.ok);
  const apart = parsePair(Buffer.from(`[[${tail}]]`), Buffer.from(`{"a":[${tail}]]`));
  assert.equal(apart[0].ok, true);
  assert.deepEqual(apart[1], { ok: false, offset: 7 + 2 * depth, why: "a comma or } should stand here" });
  const flat = `${"1,".repeat(500_000)}1`;
  const wrongClose = parsePair(Buffer.from(`[{"a":[${flat}]}]`), Buffer.from(`[[[${flat}]}]`));
  assert.equal(wrongClose[0].ok, true);
  assert.equal(wrongClose[1].ok, false);
});
