import assert from "node:assert/strict";
import { test } from "node:test";
import { afterBlock, FAILING_LOG_S } from "../../../proxy/phase/failing.ts";

/** A generator of its own, so that each run is the same. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Blocks until it is shown, at most `most`. */
function blocksUntilShown(share: number, bound: number, seed: number, most: number, before = 0): number {
  const draw = chance(seed);
  let logS = 0;
  for (let block = 0; block < before; block++) logS = afterBlock(logS, { well: 20, failed: 0 }, bound);
  for (let block = 1; block <= most; block++) {
    let failed = 0;
    for (let unit = 0; unit < 20; unit++) if (draw() < share) failed += 1;
    logS = afterBlock(logS, { well: 20 - failed, failed }, bound);
    if (logS >= FAILING_LOG_S) return block;
  }
  return Infinity;
}

test("a next that fails as often as it may is left alone: over 20,000 blocks of 20 keys, ten times", () => {
  for (let seed = 1; seed <= 10; seed++) {
    assert.equal(blocksUntilShown(0.05, 0.05, seed, 20_000), Infinity, `seed ${seed}`);
  }
});

test("one that fails for half of the keys is found within two blocks, for a quarter within ten, however long all was well", () => {
  for (let seed = 1; seed <= 20; seed++) {
    assert.ok(blocksUntilShown(1, 0.05, seed, 10) === 1);
    assert.ok(blocksUntilShown(0.5, 0.05, seed, 10, 100_000) <= 3, `seed ${seed}`);
    assert.ok(blocksUntilShown(0.25, 0.05, seed, 100, 100_000) <= 20, `seed ${seed}`);
  }
});

test("a bound of a half still leaves something to be found", () => {
  assert.ok(Number.isFinite(blocksUntilShown(1, 0.5, 1, 100)));
  assert.equal(blocksUntilShown(0.5, 0.5, 1, 20_000), Infinity);
});
