import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { outcomeLengths, WHOLE } from "../../../proxy/dashboard/outcome-shares.ts";
import { OUTCOME_KINDS, type OutcomeKind } from "../../../proxy/outcome.ts";

test("lengths follow one another, sum to exactly the whole, and what is there can be seen", () => {
  const count = fc.oneof(fc.constant(0), fc.nat(5), fc.nat(1e9));
  fc.assert(
    fc.property(fc.array(count, { minLength: 9, maxLength: 9 }), (counts) => {
      const outcomes = Object.fromEntries(OUTCOME_KINDS.map((kind, i) => [kind, counts[i]])) as Record<
        OutcomeKind,
        number
      >;
      const reasons = { "queue-full": outcomes.dropped, "not-accepted": outcomes.skipped };
      const lengths = outcomeLengths({ outcomes, reasons, pending: counts[8] ?? 0 });
      assert.equal(lengths.length, counts.filter((one) => one > 0).length);
      let from = 0;
      for (const one of lengths) {
        assert.equal(one.from, from);
        assert.ok(one.length >= 0.005 * WHOLE, `${one.words} is ${one.length} long`);
        from = one.from + one.length;
      }
      if (lengths.length > 0) assert.equal(from, WHOLE);
    }),
  );
});

test("more is never shorter", () => {
  const zero = Object.fromEntries(OUTCOME_KINDS.map((kind) => [kind, 0])) as Record<OutcomeKind, number>;
  const lengths = outcomeLengths({
    outcomes: { ...zero, match: 18_011, ignored: 150, divergent: 31 },
    reasons: {},
    pending: 0,
  });
  const [match, ignored, divergent] = lengths.map(({ length }) => length);
  assert.ok((match ?? 0) > (ignored ?? 0) && (ignored ?? 0) >= (divergent ?? 0));
});
