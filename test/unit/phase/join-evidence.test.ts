import assert from "node:assert/strict";
import { test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import type { KeptGateEvidence, StratumEvidence } from "../../../proxy/moves/gate-evidence.ts";
import { bets } from "../../../proxy/phase/e-process.ts";
import { beginEpoch, NO_TALLY } from "../../../proxy/phase/epochs.ts";
import { joinEvidence } from "../../../proxy/phase/join-evidence.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 22);
const NOW = START + 48 * HOUR;
const GATE = GATE_DEFAULTS.normal;

function stratum(clean: number, divergent = 0): StratumEvidence {
  const bet = bets(GATE.divergenceBelow);
  return { clean, divergent, excused: 0, logE: clean * bet.clean + divergent * bet.divergent };
}

function row(clean: number, divergent = 0, over: Partial<KeptGateEvidence> = {}): KeptGateEvidence {
  const given = { rules: "r", build: null, epoch: 1, why: "first", since: START } as const;
  return {
    ...beginEpoch("users", GATE, given),
    strata: { all: stratum(clean, divergent), "2xx": stratum(clean, divergent) },
    until: NOW,
    block: { from: NOW, divergent: {}, tally: NO_TALLY },
    ...over,
  };
}

test("the member with the most evidence stands for all, whoever is asked", () => {
  const [little, much] = [row(100), row(9_000)];
  for (const [own, other] of [
    [little, much],
    [much, little],
  ] as const) {
    const { evidence, claims, counted } = joinEvidence(own, [other], GATE);
    assert.deepEqual([evidence.strata.all, claims, counted], [stratum(9_000), 2, 2]);
  }
});

test("what another member saw against is not outvoted: it lowers, and its divergent units are shown", () => {
  const { evidence } = joinEvidence(row(50_000), [row(10, 2), row(40_000)], GATE);
  const lowered = stratum(50_000).logE + stratum(10, 2).logE;
  assert.deepEqual(evidence.strata.all, { clean: 50_000, divergent: 2, excused: 0, logE: lowered });
  const only5xx = row(0, 0, { strata: { all: stratum(0, 1), "5xx": stratum(0, 1) } });
  assert.equal(joinEvidence(row(50_000), [only5xx], GATE).evidence.strata["5xx"]?.divergent, 1);
});

test("evidence of before a rollback is none, and still was a chance to be wrong", () => {
  const { evidence, claims, counted } = joinEvidence(
    row(10, 0, { barrier: 3 }),
    [row(50_000), row(7, 0, { barrier: 3 })],
    GATE,
  );
  assert.deepEqual([evidence.strata.all?.clean, claims, counted], [10, 3, 2]);
});

test("evidence under other rules is none, and still was a chance to be wrong", () => {
  const { evidence, claims, counted } = joinEvidence(row(10), [row(50_000, 0, { rules: "old" })], GATE);
  assert.deepEqual([evidence.strata.all?.clean, claims, counted], [10, 2, 1]);
});

test("a build that serves no more opens nothing; of two that serve, the oldest counts", () => {
  const of = (build: string | null, until: number, since = START) => row(50_000, 0, { build, until, since });
  const fresh = row(10, 0, { build: "b2", since: NOW - HOUR });
  const gone = joinEvidence(of("b1", NOW - 5 * HOUR), [fresh], GATE);
  assert.deepEqual([gone.evidence.build, gone.evidence.strata.all?.clean], ["b2", 10]);
  const unnamed = joinEvidence(fresh, [of(null, NOW)], GATE);
  assert.deepEqual([unnamed.evidence.build, unnamed.counted], ["b2", 1]);
  for (const [own, other] of [
    [of("b1", NOW), fresh],
    [fresh, of("b1", NOW)],
  ] as const) {
    assert.equal(joinEvidence(own, [other], GATE).evidence.build, "b1");
  }
});

test("lost evidence of a member that is long gone is over, of one that was here within the span it is not", () => {
  const lost = (until: number) => row(0, 50, { until, since: until - GATE.spanMs });
  assert.equal(joinEvidence(row(50_000), [lost(NOW - GATE.spanMs)], GATE).evidence.strata.all?.divergent, 0);
  assert.equal(joinEvidence(row(50_000), [lost(NOW - HOUR)], GATE).evidence.strata.all?.divergent, 50);
});

test("methods and times are those of all, open blocks included", () => {
  const tallyOf = (count: number) => ({ ...NO_TALLY, methods: { PUT: count } });
  const other = row(1, 0, { tally: tallyOf(20), block: { from: NOW, divergent: {}, tally: tallyOf(3) } });
  assert.deepEqual(joinEvidence(row(1, 0, { tally: tallyOf(100) }), [other], GATE).evidence.tally.methods, {
    PUT: 123,
  });
});
