import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalNumber, compareNumbers } from "../../../proxy/json/number.ts";
import { chances, spellNumber } from "../../support/json-spelling.ts";

const NINES = "9".repeat(20);

const TABLE: readonly (readonly [string, string, ReturnType<typeof compareNumbers>])[] = [
  ["1", "1.0", "equal"],
  ["1", "1e0", "equal"],
  ["1", "10e-1", "equal"],
  ["1", "0.001E+3", "equal"],
  ["100", "1e2", "equal"],
  ["-2.50", "-25e-1", "equal"],
  ["0", "0.000", "equal"],
  ["0", "0e999999999", "equal"],
  ["-0", "-0.0e5", "equal"],
  ["0", "-0", "precision"],
  ["9007199254740993", "9007199254740992", "precision"],
  ["0.1", "0.1000000000000000055511151231257827", "precision"],
  ["1e400", "1e401", "precision"],
  ["1e-400", "0", "precision"],
  ["1e400", "-1e400", "different"],
  ["1", "2", "different"],
  ["1", "-1", "different"],
  ["0.1", "0.11", "different"],
  ["1e999999999", "1e1000000000", "precision"],
  ["1e999999999", "10e999999998", "equal"],
  [`1e${NINES}`, `10e${NINES.slice(0, -1)}8`, "equal"],
  [`0.1e1${"0".repeat(20)}`, `1e${NINES}`, "equal"],
  [`1e-1${"0".repeat(20)}`, `10e-1${"0".repeat(19)}1`, "equal"],
  [`100e-1${"0".repeat(20)}`, `10e-${NINES}`, "equal"],
  [`1e+000${NINES}`, `1e${NINES}`, "equal"],
  [`1e${NINES}`, `1e${NINES.slice(0, -1)}8`, "precision"],
  ["1e1000000000000000", "10e999999999999999", "equal"],
  ["1e-1000000000000000", "0.1e-999999999999999", "equal"],
];

for (const [a, b, relation] of TABLE) {
  test(`${a.slice(0, 30)} and ${b.slice(0, 30)}: ${relation}`, () => {
    assert.equal(compareNumbers(a, b), relation);
    assert.equal(compareNumbers(b, a), relation);
  });
}

test("every spelling of a number is equal to it", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), (value, seed) => {
      const chance = chances(seed);
      assert.equal(compareNumbers(spellNumber(value, chance), spellNumber(value, chance)), "equal");
    }),
    { numRuns: 2000 },
  );
});

/** The number times 10^400, exactly. */
function scaled(raw: string): bigint {
  const [mantissa = "", exponent = "0"] = raw.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}

test("the relation is that of exact arithmetic and of doubles", () => {
  const digits = fc.stringMatching(/^(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,2})?$/);
  const near = fc.tuple(digits, fc.integer({ min: -3, max: 3 })).map(([raw, step]): [string, string] => {
    const at = raw.search(/(?:e.*)?$/);
    const last = raw.charCodeAt(at - 1) - 48;
    return [raw, `${raw.slice(0, at - 1)}${Math.min(9, Math.max(0, last + step))}${raw.slice(at)}`];
  });
  fc.assert(
    fc.property(fc.oneof(fc.tuple(digits, digits), near), fc.boolean(), fc.boolean(), ([a, b], minusA, minusB) => {
      const rawA = (minusA ? "-" : "") + a;
      const rawB = (minusB ? "-" : "") + b;
      const exactA = scaled(a) * (minusA ? -1n : 1n);
      const exactB = scaled(b) * (minusB ? -1n : 1n);
      const bothZero = exactA === 0n && exactB === 0n;
      const same = bothZero ? minusA === minusB : exactA === exactB;
      const expected = same ? "equal" : Number(rawA) === Number(rawB) ? "precision" : "different";
      assert.equal(compareNumbers(rawA, rawB), expected, `${rawA} ${rawB}`);
    }),
    { numRuns: 3000 },
  );
});

test("megabytes of digits and exponents are linear", { timeout: 20_000 }, () => {
  const long = "7".repeat(2_000_000);
  assert.equal(compareNumbers(`${long}0`, `${long}e1`), "equal");
  assert.equal(compareNumbers(`0.${"0".repeat(2_000_000)}1`, "1e-2000001"), "equal");
  assert.equal(compareNumbers(`1e${long}`, `10e${long.slice(0, -1)}6`), "equal");
  assert.equal(compareNumbers(`1e1${"0".repeat(2_000_000)}`, `10e${"9".repeat(2_000_000)}`), "equal");
  assert.equal(compareNumbers(`1e${"0".repeat(2_000_000)}5`, "1e5"), "equal");
  assert.equal(compareNumbers(`${long}1`, `${long}2`), "precision");
});

test("a canonical spelling is one: another spelling of it is itself", () => {
  assert.equal(canonicalNumber("12.50"), "125e-1");
  assert.equal(canonicalNumber("-1200"), "-12e2");
  assert.equal(canonicalNumber("0.0e7"), "0");
  assert.equal(canonicalNumber(canonicalNumber("-0.00120E5")), canonicalNumber("-0.00120E5"));
});
