import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareAnswers } from "../../proxy/compare/diff-answers.ts";
import type { Verdict } from "../../proxy/exchange.ts";
import { PRINTED_MAX_CHARS } from "../../proxy/json/print-exact.ts";
import { compareRules, jsonAnswer } from "../support/compare-cases.ts";
import { chances } from "../support/json-spelling.ts";
import { applied, valueAt } from "./apply.ts";
import { decimals, edited, edits, models } from "./edits.ts";
import { areEqual, Decimal, List, Members, type Model, readModel, spellDecimal, spellModel } from "./json-oracle.ts";
import { holds } from "./properties.ts";

const RULES = compareRules();
const MATCH: Verdict = { outcome: "match", differences: [], moreDifferences: 0, excused: 0, excusedBy: [] };

function compareTexts(primary: string, shadow: string): Verdict {
  return compareAnswers(jsonAnswer(primary), jsonAnswer(shadow), RULES, 0);
}

test("the oracle reads what it spells", (t) => {
  holds(
    t,
    1000,
    fc.property(models(true), fc.integer(), (model, seed) => {
      assert.ok(areEqual(readModel(spellModel(model, chances(seed))), model));
    }),
  );
});

test("a document and the same in another spelling have no difference", (t) => {
  holds(
    t,
    3000,
    fc.property(models(true), fc.integer(), fc.integer(), (model, seedA, seedB) => {
      const [a, b] = [spellModel(model, chances(seedA)), spellModel(model, chances(seedB))];
      assert.deepEqual(compareTexts(a, b), MATCH, `${a}\n${b}`);
    }),
  );
});

test("the differences found, applied to the primary's document, give the shadow's; they are no more than the edits", (t) => {
  let found = 0;
  holds(
    t,
    6000,
    fc.property(models(false), edits, fc.integer(), (original, list, seed) => {
      const { model, cost } = edited(original, list);
      const primary = spellModel(original, chances(seed));
      const shadow = spellModel(model, chances(seed + 1));
      const { outcome, differences, moreDifferences } = compareTexts(primary, shadow);
      const context = `${primary}\n${shadow}\n${JSON.stringify(differences, null, 1)}`;
      assert.equal(moreDifferences, 0);
      assert.equal(outcome, areEqual(original, model) ? "match" : "divergent", context);
      assert.ok(differences.length <= cost, `${differences.length} differences of ${cost}\n${context}`);
      found += differences.length;
      const texts = differences.flatMap((each) => [each.primary, each.shadow]);
      fc.pre(texts.every((text) => text === null || text.length < PRINTED_MAX_CHARS));
      assert.ok(areEqual(applied(original, differences), model), context);
      for (const { at, kind, primary: told } of differences) {
        if (kind !== "extra") assert.ok(areEqual(readModel(told as string), valueAt(original, at)), context);
      }
    }),
  );
  t.diagnostic(`${found} differences`);
  assert.ok(found > 0, "some documents were edited");
});

/** Values that are often equal, so that both answers of the oracle occur; names may come twice. */
const closeModels = models(
  true,
  fc.constantFrom<Model>(null, true, "", "a", ...["0", "-0", "1", "10", "1e400"].map((raw) => Decimal.of(raw))),
);

test("two documents differ exactly where the oracle finds them unequal", (t) => {
  let equal = 0;
  holds(
    t,
    4000,
    fc.property(closeModels, closeModels, fc.boolean(), fc.integer(), (a, other, same, seed) => {
      const b = same ? shuffledNames(a, chances(seed)) : other;
      const [textA, textB] = [spellModel(a, chances(seed)), spellModel(b, chances(seed + 1))];
      const expected = areEqual(a, b);
      if (expected) equal += 1;
      assert.equal(compareTexts(textA, textB).outcome === "match", expected, `${textA}\n${textB}`);
    }),
  );
  assert.ok(equal > 0, "some are equal");
});

/** The members of every object in any order, so that of two of one name sometimes the second comes first. */
function shuffledNames(model: Model, chance: () => number): Model {
  if (model instanceof List) return new List(model.cells.map(({ value }) => ({ value: shuffledNames(value, chance) })));
  if (!(model instanceof Members)) return model;
  const members = model.cells.map(({ name, value }) => ({ name, value: shuffledNames(value, chance) }));
  return new Members(members.toSorted(() => chance() - 0.5));
}

test("numbers are equal exactly where their decimals are, in every spelling", (t) => {
  holds(
    t,
    4000,
    fc.property(
      fc.array(fc.tuple(decimals, fc.integer({ min: -2, max: 2 })), { minLength: 1, maxLength: 6 }),
      fc.integer(),
      (pairs, seed) => {
        const chance = chances(seed);
        const neighbours = pairs.map(([each, step]) => {
          return step === 0 ? each : new Decimal(each.negative, absolute(each.digits + BigInt(step)), each.exponent);
        });
        const [a, b] = [pairs.map(([each]) => each), neighbours].map((all) => {
          return all.map((each) => spellDecimal(each, chance));
        }) as [string[], string[]];
        const { differences } = compareTexts(namedList(a), namedList(b));
        const expected = pairs.flatMap(([each], i) => {
          const other = neighbours[i] as Decimal;
          if (each.equals(other)) return [];
          const kind = Number(a[i]) === Number(b[i]) ? "precision" : "value";
          return [{ at: `/${i}:`, kind, primary: a[i], shadow: b[i] }];
        });
        assert.deepEqual(differences, expected, `${a.join()} ${b.join()}`);
      },
    ),
  );
});

function absolute(digits: bigint): bigint {
  return digits < 0n ? -digits : digits;
}

/** As members, so that nothing but the numbers decides what stands against what. */
function namedList(numbers: readonly string[]): string {
  return `{${numbers.map((raw, i) => `"${i}:":${raw}`).join()}}`;
}

/** White space between all tokens, so that the text has next to nothing in common with what it was. */
function spaced(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[[\]{},:]/g, (token) => `\n${token}`);
}

test("what two texts share changes nothing: the verdict is that of the same values spaced otherwise, under any rules", (t) => {
  const at = fc.constantFrom(
    "/d/0",
    "/d/1",
    "/d/0/a",
    "/d/1/*",
    "/d/*",
    "/d/*/a",
    "/d/*/1",
    "/d/**/id",
    "/d/a",
    "/d/a/0",
    "/d",
  );
  const rules = fc.record({
    ignore: fc.array(fc.record({ at }), { maxLength: 2 }),
    unordered: fc.array(fc.record({ at }), { maxLength: 1 }),
  });
  holds(
    t,
    3000,
    fc.property(closeModels, edits, rules, (original, list, { ignore, unordered }) => {
      const plainly = (): number => 0.99;
      const [primary, shadow] = [original, edited(original, list).model].map((model) => {
        return `{"long enough to be read together":"${"x".repeat(64)}","d":${spellModel(model, plainly)}}`;
      }) as [string, string];
      const settings = compareRules({ ignore, unordered });
      const verdicts = [shadow, spaced(shadow)].map((text) => {
        return compareAnswers(jsonAnswer(primary), jsonAnswer(text), settings, 0);
      });
      assert.deepEqual(verdicts[0], verdicts[1], `${primary}\n${shadow}`);
    }),
  );
});
