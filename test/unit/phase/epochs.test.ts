import assert from "node:assert/strict";
import { test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";
import { dropped, SHADOW_ERROR, SHADOW_TIMEOUT, skipped, UNKNOWN } from "../../../proxy/outcome.ts";
import { IGNORED, DIVERGENT, MATCH, SKIP_REASONS } from "../../../proxy/outcome.ts";
import { beginEpoch, blockMsOf, closeBlock, NO_TALLY, verdictOf } from "../../../proxy/phase/epochs.ts";
import type { BlockCounts } from "../../../proxy/phase/unit-block.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 22);
const GATE = GATE_DEFAULTS.normal;

function counts(clean: number, divergent = 0): BlockCounts {
  const none = { clean: 0, divergent: 0, excused: 0 };
  return { all: { clean, divergent, excused: 0 }, "2xx": none, "3xx": none, "4xx": none, "5xx": none };
}

function follow(blocks: readonly (readonly [at: number, counts: BlockCounts, builds: readonly string[]])[]) {
  let kept: KeptGateEvidence = beginEpoch("users", GATE, {
    rules: "r",
    build: null,
    epoch: 1,
    why: "first",
    since: START,
  });
  return blocks.map(([at, of, builds]) => {
    kept = { ...kept, block: { ...kept.block, from: START + at } };
    kept = closeBlock(kept, { counts: of, tally: NO_TALLY, builds }, GATE);
    return [kept.epoch, kept.why, kept.build, kept.strata.all?.clean];
  });
}

test("the evidence of a build ends when it no longer serves: as long as it does, the oldest counts", () => {
  const seen = follow([
    [0, counts(10), []],
    [1 * HOUR, counts(10), ["a"]],
    [2 * HOUR, counts(10), ["b", "a"]],
    [3 * HOUR, counts(10), []],
    [4 * HOUR, counts(10), ["b", "c"]],
    [5 * HOUR, counts(10), ["c", "b"]],
    [6 * HOUR, counts(10), ["a"]],
  ]);
  assert.deepEqual(seen, [
    [1, "first", null, 10],
    [1, "first", "a", 20],
    [1, "first", "a", 30],
    [1, "first", "a", 40],
    [2, "build", "b", 10],
    [2, "build", "b", 20],
    [3, "build", "a", 10],
  ]);
});

test("evidence that is lost for good begins anew once its span is over, and no sooner", () => {
  const seen = follow([
    [0, counts(1_000, 50), ["a"]],
    [1 * DAY, counts(1_000), ["a"]],
    [7 * DAY, counts(1_000), ["a"]],
    [8 * DAY, counts(1_000, 50), ["a"]],
    [13 * DAY, counts(1_000), ["a"]],
    [14 * DAY, counts(1_000), ["a"]],
  ]);
  assert.deepEqual(
    seen.map(([epoch, why]) => `${epoch} ${why}`),
    ["1 first", "1 first", "2 spent", "2 spent", "2 spent", "3 spent"],
  );
});

test("what was not compared counts against, and what the primary did not accept, what only read, and what is not copied yet, counts neither way", () => {
  assert.equal(verdictOf(MATCH), "clean");
  assert.equal(verdictOf(IGNORED), "excused");
  for (const outcome of [DIVERGENT, SHADOW_ERROR, SHADOW_TIMEOUT, UNKNOWN, dropped("queue-full")]) {
    assert.equal(verdictOf(outcome), "divergent");
  }
  for (const reason of SKIP_REASONS) {
    assert.equal(
      verdictOf(skipped(reason)),
      ["not-accepted", "sampled-out", "not-copied"].includes(reason) ? null : "divergent",
    );
  }
});

test("a block is an hour, and less where the span is short", () => {
  assert.deepEqual(
    [7 * DAY, DAY, HOUR, 1_000].map((spanMs) => blockMsOf({ ...GATE, spanMs })),
    [HOUR, HOUR, HOUR / 24, 1_000],
  );
});
