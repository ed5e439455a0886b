import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bets, betOn, isSpent, logThreshold, unitsNeeded, unitsNeededAt } from "../../../proxy/phase/e-process.ts";

const share = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test("at the bound and above it a unit multiplies the capital by one on average, or by less", () => {
  fc.assert(
    fc.property(share(1e-6, 0.5), share(0, 1), (bound, more) => {
      const p = bound + (1 - bound) * more;
      const { clean, divergent } = bets(bound);
      const average = p * Math.exp(divergent) + (1 - p) * Math.exp(clean);
      assert.ok(average <= 1 + 1e-9, `${average}`);
    }),
  );
});

test("at a tenth of the bound the capital grows", () => {
  for (const bound of [0.00001, 0.0001, 0.01, 0.5]) {
    const { clean, divergent } = bets(bound);
    assert.ok((bound / 10) * divergent + (1 - bound / 10) * clean > 0);
  }
});

test("the chances of all epochs to be wrong sum to what the confidence leaves", () => {
  let sum = 0;
  for (let epoch = 1; epoch <= 100_000; epoch++) sum += Math.exp(-logThreshold(0.95, epoch));
  assert.ok(sum <= 0.05 && sum > 0.0499, `${sum}`);
});

test("so many clean units are needed as it says: one less is not enough", () => {
  const threshold = logThreshold(0.95, 1);
  const count = unitsNeeded(0, 0.0001, threshold);
  assert.equal(count, 40_986);
  assert.ok(betOn(0, { clean: count, divergent: 0 }, 0.0001, threshold) >= threshold);
  assert.ok(betOn(0, { clean: count - 1, divergent: 0 }, 0.0001, threshold) < threshold);
});

test("in what order units come does not matter, nor in how many portions, below the threshold", () => {
  const threshold = logThreshold(0.95, 1);
  const whole = betOn(0, { clean: 9_000, divergent: 2 }, 0.0001, threshold);
  let logE = betOn(0, { clean: 0, divergent: 2 }, 0.0001, threshold);
  for (let i = 0; i < 9; i++) logE = betOn(logE, { clean: 1_000, divergent: 0 }, 0.0001, threshold);
  assert.ok(Math.abs(logE - whole) < 1e-9);
});

test("after however much that was clean, three divergent units shut the gate", () => {
  const threshold = logThreshold(0.95, 1);
  const rich = betOn(0, { clean: 10_000_000, divergent: 0 }, 0.0001, threshold);
  assert.ok(rich >= threshold);
  assert.ok(betOn(rich, { clean: 0, divergent: 3 }, 0.0001, threshold) < threshold);
});

test("a share that leads away from the threshold has no number of units", () => {
  const threshold = logThreshold(0.95, 1);
  assert.equal(unitsNeededAt(0.0001, 0, 0.0001, threshold), null);
  assert.equal(unitsNeededAt(0.5, threshold, 0.0001, threshold), 0);
  assert.ok((unitsNeededAt(0.00001, 0, 0.0001, threshold) ?? 0) > unitsNeeded(0, 0.0001, threshold));
  assert.ok(!isSpent(0) && isSpent(-7));
});
