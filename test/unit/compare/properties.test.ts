import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { compareAnswers } from "../../../proxy/compare/diff-answers.ts";
import type { Difference } from "../../../proxy/evidence/evidence.ts";
import { MAX_DIFFERENCES, type Verdict } from "../../../proxy/exchange.ts";
import { formatPointer } from "../../../proxy/json/pointer.ts";
import { compareRules, jsonAnswer } from "../../support/compare-cases.ts";
import { chances, ownMembers, type Plain, plainScalars, plainValues, spell } from "../../support/json-spelling.ts";

const RULES = compareRules();

function compareTexts(primary: string, shadow: string): Verdict {
  return compareAnswers(jsonAnswer(primary), jsonAnswer(shadow), RULES, 0);
}

type Path = readonly (string | number)[];

interface Place {
  readonly path: Path;
  readonly value: Plain;
}

/** Every place of a value, containers included, in document order. */
function placesOf(value: Plain, path: Path = []): Place[] {
  const here = { path, value };
  if (value === null || typeof value !== "object") return [here];
  if (Array.isArray(value)) return [here, ...value.flatMap((element, i) => placesOf(element, [...path, i]))];
  return [here, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, name]))];
}

/** The value with another one at that place; undefined takes the place out. */
function withAt(value: Plain, path: Path, put: Plain | undefined): Plain {
  const [step, ...rest] = path;
  const inner = (member: Plain): Plain | undefined => (rest.length === 0 ? put : withAt(member, rest, put));
  if (Array.isArray(value)) {
    return value.flatMap((element, i) => {
      const changed = i === step ? inner(element) : element;
      return changed === undefined ? [] : [changed];
    });
  }
  return ownMembers(
    Object.entries(value as { [name: string]: Plain }).flatMap(([name, member]) => {
      const changed = name === step ? inner(member) : member;
      return changed === undefined ? [] : [[name, changed] as const];
    }),
  );
}

function isScalar(value: Plain): boolean {
  return value === null || typeof value !== "object";
}

function typeName(value: Plain): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

test("two spellings of one value have no difference", () => {
  fc.assert(
    fc.property(plainValues, fc.integer(), fc.integer(), (value, seedA, seedB) => {
      const verdict = compareTexts(spell(value, chances(seedA)), spell(value, chances(seedB)));
      assert.deepEqual(verdict, { outcome: "match", differences: [], moreDifferences: 0, excused: 0, excusedBy: [] });
    }),
    { numRuns: 1500 },
  );
});

test("one scalar changed is one difference, at its pointer, of its kind", () => {
  fc.assert(
    fc.property(plainValues, fc.nat(), plainScalars, fc.integer(), (value, place, put, seed) => {
      const scalars = placesOf(value).filter((each) => isScalar(each.value));
      const target = scalars[place % Math.max(1, scalars.length)];
      fc.pre(target !== undefined && !Object.is(target.value, put) && target.path.length > 0);
      const changed = withAt(value, target.path, put);
      const { differences } = compareTexts(spell(value, chances(seed)), spell(changed, chances(seed + 1)));
      assert.equal(differences.length, 1, JSON.stringify(differences));
      assert.equal(differences[0]?.at, formatPointer(target.path));
      assert.equal(differences[0]?.kind, typeName(target.value) === typeName(put) ? "value" : "type");
    }),
    { numRuns: 1500 },
  );
});

test("one element or member taken out is one missing, put in it is one extra", () => {
  fc.assert(
    fc.property(plainValues, fc.nat(), fc.integer(), (value, place, seed) => {
      const places = placesOf(value).filter((each) => each.path.length > 0);
      const target = places[place % Math.max(1, places.length)];
      fc.pre(target !== undefined);
      const whole = spell(value, chances(seed));
      const without = spell(withAt(value, target.path, undefined), chances(seed + 1));
      const parent = formatPointer(target.path.slice(0, -1));
      for (const [primary, shadow, kind] of [
        [whole, without, "missing"],
        [without, whole, "extra"],
      ] as const) {
        const { differences } = compareTexts(primary, shadow);
        assert.equal(differences.length, 1, JSON.stringify(differences));
        assert.equal(differences[0]?.kind, kind);
        // Among equal elements it cannot be told which one is gone.
        if (typeof target.path.at(-1) === "string") assert.equal(differences[0]?.at, formatPointer(target.path));
        else assert.equal(differences[0]?.at.replace(/\/\d+$/, ""), parent);
      }
    }),
    { numRuns: 1500 },
  );
});

test("an array shuffled is one order difference at the array, or none", () => {
  fc.assert(
    fc.property(fc.array(plainValues, { maxLength: 6 }), fc.integer(), (elements, seed) => {
      const chance = chances(seed);
      const keyed = elements.map((element) => [chance(), element] as const);
      const shuffled = keyed.sort(([a], [b]) => a - b).map(([, element]) => element);
      const { differences } = compareTexts(spell({ list: elements }, chance), spell({ list: shuffled }, chance));
      if (isDeepStrictEqual(elements, shuffled)) assert.deepEqual(differences, []);
      else
        assert.deepEqual(
          differences.map(({ at, kind }) => [at, kind]),
          [["/list", "order"]],
        );
    }),
    { numRuns: 1000 },
  );
});

/** Values that are often equal, so that both answers of the oracle occur. */
const closeValues: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Plain>(0, 1, "a", null, true),
    fc.array(tie("value"), { maxLength: 4 }),
    fc
      .dictionary(fc.constantFrom("a", "b", "__proto__"), tie("value"), { maxKeys: 3 })
      .map((each) => ownMembers(Object.entries(each))),
  ),
})).value;

test("a difference is found exactly where an independent comparison finds the values unequal", () => {
  fc.assert(
    fc.property(closeValues, closeValues, fc.integer(), (a, b, seed) => {
      const textA = spell(a, chances(seed));
      const textB = spell(b, chances(seed + 1));
      const equal = isDeepStrictEqual(JSON.parse(textA), JSON.parse(textB));
      assert.equal(compareTexts(textA, textB).outcome === "match", equal, `${textA} ${textB}`);
    }),
    { numRuns: 4000 },
  );
});

test("the same differences are found from the other side", () => {
  const MIRROR: { readonly [kind in Difference["kind"]]?: Difference["kind"] } = { missing: "extra", extra: "missing" };
  fc.assert(
    fc.property(closeValues, closeValues, (a, b) => {
      const there = compareTexts(JSON.stringify(a), JSON.stringify(b));
      const back = compareTexts(JSON.stringify(b), JSON.stringify(a));
      const mirrored = back.differences.map(({ at, kind, primary, shadow }) => {
        return { at, kind: MIRROR[kind] ?? kind, primary: shadow, shadow: primary };
      });
      // Within an element that moved, the index is the primary's.
      const sorted = (differences: readonly Difference[]): string[] =>
        differences.map((each) => JSON.stringify({ ...each, at: each.at.replace(/\/\d+/g, "/*") })).sort();
      assert.deepEqual(sorted(mirrored), sorted(there.differences));
    }),
    { numRuns: 2000 },
  );
});

test("whatever the bytes, there is a verdict with bounded differences", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    closeValues.map((value) => Buffer.from(JSON.stringify(value))),
  );
  const headers = fc.constantFrom<string[]>(
    [],
    ["content-type", "application/json"],
    ["Content-Type", "text/plain", "Content-Encoding", "gzip"],
    ["content-encoding", "br, zstd", "content-type", ";;=/"],
  );
  const answers = fc.tuple(fc.constantFrom(200, 201, 404, 999), headers, bytes).map(([status, own, body]) => {
    return { status, headers: own, body: { kind: "bytes", bytes: body } } as const;
  });
  const rules = compareRules({ headers: ["content-type"], ignore: [{ at: "/**/a" }, { at: "nonsense" }] });
  fc.assert(
    fc.property(answers, answers, (primary, shadow) => {
      const verdict = compareAnswers(primary, shadow, rules, 0);
      assert.ok(verdict.differences.length <= MAX_DIFFERENCES);
      assert.equal(verdict.outcome === "divergent", verdict.differences.length > 0);
      assert.equal(compareAnswers(primary, primary, rules, 0).outcome, "match");
    }),
    { numRuns: 2000 },
  );
});
