/**
 * The gate by simulation: services whose divergent share is known, looked at all the time. Seeded, so that a result is a fact
 * of the code and not of the day. What each line of the table shows is printed with it.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import type { GateSettings } from "../../../proxy/config/settings.ts";
import type { KeptGateEvidence } from "../../../proxy/moves/gate-evidence.ts";
import { type Outcome, DIVERGENT, dropped, MATCH, SHADOW_TIMEOUT } from "../../../proxy/outcome.ts";
import { betOn, logThreshold, unitsNeeded } from "../../../proxy/phase/e-process.ts";
import { beginEpoch, closeBlock, NO_TALLY, verdictOf } from "../../../proxy/phase/epochs.ts";
import { joinEvidence } from "../../../proxy/phase/join-evidence.ts";
import { type BlockCounts, hashOfKey, UnitBlock } from "../../../proxy/phase/unit-block.ts";
import { seeded, type Seeded } from "../../support/seeded.ts";

const GATE = GATE_DEFAULTS.normal;
const BOUND = GATE.divergenceBelow;
const ALPHA = 1 - GATE.confidence;
const COMPARISONS = 1_000_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 22);

const table: string[] = [];
after(() => process.stdout.write(`${table.join("\n")}\n`));

/** Share of `runs` that pass; each has chance of its own. */
function passing(what: string, runs: number, run: (chance: Seeded) => boolean): number {
  let passed = 0;
  for (let i = 0; i < runs; i++) if (run(seeded(0xc0ffee + i * 7919))) passed += 1;
  const share = passed / runs;
  table.push(`${what.padEnd(86)} ${(share * 100).toFixed(1).padStart(5)} % of ${runs} pass`);
  return share;
}

/** Looks after each unit. `anew`: a new epoch begins after each divergent one. */
function looksAtEachUnit(share: number, units: number, { anew = false } = {}) {
  return (chance: Seeded): boolean => {
    let epoch = 1;
    let logE = 0;
    for (let left = units; left > 0; left--) {
      const threshold = logThreshold(GATE.confidence, epoch);
      const clean = Math.min(left, chance.before(share));
      if (clean >= unitsNeeded(logE, BOUND, threshold)) return true;
      logE = betOn(logE, { clean, divergent: 1 }, BOUND, threshold);
      left -= clean;
      if (anew) [epoch, logE] = [epoch + 1, 0];
    }
    return false;
  };
}

function countsOf(units: number, divergent: number): BlockCounts {
  const none = { clean: 0, divergent: 0, excused: 0 };
  const all = { clean: units - divergent, divergent, excused: 0 };
  return { all, "2xx": all, "3xx": none, "4xx": none, "5xx": none };
}

const isThere = ({ strata, epoch }: KeptGateEvidence, { confidence }: GateSettings): boolean =>
  (strata.all?.logE ?? 0) >= logThreshold(confidence, epoch);

function firstEpoch(gate: GateSettings): KeptGateEvidence {
  return beginEpoch("users", gate, { rules: "r", build: null, epoch: 1, why: "first", since: START });
}

/** Block by block as the proxy goes, with epochs that end because their evidence is lost, and builds that change. */
function looksAtEachBlock(share: number, { unitsInBlock = 1_000, buildEvery = Infinity } = {}) {
  return (chance: Seeded): boolean => {
    let kept = firstEpoch(GATE);
    let untilNext = chance.before(share);
    for (let block = 0; block * unitsInBlock < COMPARISONS; block++) {
      let divergent = 0;
      for (; untilNext < unitsInBlock; untilNext += 1 + chance.before(share)) divergent += 1;
      untilNext -= unitsInBlock;
      kept = { ...kept, block: { from: START + block * HOUR, divergent: {}, tally: NO_TALLY } };
      const builds = [`build ${Math.floor(block / buildEvery)}`];
      kept = closeBlock(kept, { counts: countsOf(unitsInBlock, divergent), tally: NO_TALLY, builds }, GATE);
      if (isThere(kept, GATE)) return true;
    }
    return false;
  };
}

test("a service at the bound or at twice the bound passes in at most 5 %, looked at after each of a million", () => {
  for (const times of [1, 2]) {
    const share = BOUND * times;
    assert.ok(passing(`${times}x the bound, a look at each unit`, 4_000, looksAtEachUnit(share, COMPARISONS)) <= ALPHA);
    assert.ok(passing(`${times}x the bound, a look at each block`, 300, looksAtEachBlock(share)) <= ALPHA);
  }
});

test("nobody gains by new epochs: not by one after each divergence, nor by a build every few hours", () => {
  for (const times of [1, 2]) {
    const share = BOUND * times;
    const anew = looksAtEachUnit(share, COMPARISONS, { anew: true });
    assert.ok(passing(`${times}x the bound, a new epoch after each divergence`, 4_000, anew) <= ALPHA);
    const builds = looksAtEachBlock(share, { buildEvery: 45 });
    assert.ok(passing(`${times}x the bound, a new build every 45 blocks`, 300, builds) <= ALPHA);
  }
});

/** A coarse gate, so that every exchange can be put through the blocks themselves. */
const COARSE: GateSettings = { ...GATE, divergenceBelow: 0.05 };

/**
 * Bursts of exchanges of one key within one block. A burst is bad with the given probability, and then three in ten of its
 * exchanges are. `unit`: what an exchange counts as.
 */
function bursts(burst: number, count: number, share: number, unit: "key and block" | "exchange") {
  return (chance: Seeded): boolean => {
    let kept = firstEpoch(COARSE);
    for (let block = 0; block < count / 50; block++) {
      const units = new UnitBlock(START + block * HOUR);
      for (let key = 0; key < 50; key++) {
        const isBad = chance.next() < share;
        const badOne = Math.floor(chance.next() * burst);
        for (let i = 0; i < burst; i++) {
          const outcome = isBad && (i === badOne || chance.next() < 0.3) ? DIVERGENT : MATCH;
          const name = unit === "exchange" ? `users/${key}/${i}` : `users/${key}`;
          units.add(hashOfKey(name, 7), 200, verdictOf(outcome) ?? "clean");
        }
      }
      kept = { ...kept, block: { from: units.from, divergent: {}, tally: NO_TALLY } };
      kept = closeBlock(kept, { counts: units.counts(), tally: NO_TALLY, builds: [] }, COARSE);
      if (isThere(kept, COARSE)) return true;
    }
    return false;
  };
}

test("bursts of 10 and of 100 are one unit each: at the bound at most 5 % pass, where exchange by exchange most do", () => {
  for (const burst of [10, 100]) {
    for (const [times, runs] of [
      [1, 400],
      [2, 100],
    ] as const) {
      const inFull = looksAtEachUnit(BOUND * times, COMPARISONS / burst);
      const what = `${times}x the bound, bursts of ${burst} of one key`;
      assert.ok(passing(what, 4_000, inFull) <= ALPHA);
      const through = bursts(burst, 500, COARSE.divergenceBelow * times, "key and block");
      assert.ok(passing(`${what}, put through blocks (bound 5 %)`, runs, through) <= ALPHA);
    }
    const single = bursts(burst, 500, COARSE.divergenceBelow, "exchange");
    const fooled = passing(`1x the bound, bursts of ${burst}, each exchange a unit (why not)`, 100, single);
    assert.ok(fooled > 0.5, `${fooled}`);
  }
});

/** What no unit of key and block can see, and why the gate asks for a span beside it: docs/gate.md names this row. */
test("a fault that a hundred keys of a block share, once in so many blocks, is not found by counting units", () => {
  const fooled = passing("1x the bound, faults that 100 keys of a block share (what it cannot do)", 300, (chance) => {
    let kept = firstEpoch(GATE);
    for (let block = 0; block < 1_000; block++) {
      let divergent = 0;
      for (let cluster = 0; cluster < 10; cluster++) if (chance.next() < BOUND) divergent += 100;
      kept = { ...kept, block: { from: START + block * HOUR, divergent: {}, tally: NO_TALLY } };
      kept = closeBlock(kept, { counts: countsOf(1_000, divergent), tally: NO_TALLY, builds: [] }, GATE);
      if (isThere(kept, GATE)) return true;
    }
    return false;
  });
  assert.ok(fooled > 0.5, `${fooled}`);
});

/** The service gives no answer exactly where it would be wrong. */
function hides(share: number, as: Outcome, judge: (outcome: Outcome) => "divergent" | "clean" | null) {
  return (chance: Seeded): boolean => {
    const threshold = logThreshold(GATE.confidence, 1);
    let logE = 0;
    for (let left = COMPARISONS; left > 0; left--) {
      const clean = Math.min(left, chance.before(share));
      if (clean >= unitsNeeded(logE, BOUND, threshold)) return true;
      const divergent = judge(as) === "divergent" ? 1 : 0;
      logE = betOn(logE, { clean, divergent }, BOUND, threshold);
      left -= clean;
    }
    return false;
  };
}

test("a service that times out exactly where it would diverge gains nothing by it", () => {
  const judged = (outcome: Outcome) => (verdictOf(outcome) === "divergent" ? "divergent" : "clean");
  for (const times of [1, 2]) {
    for (const as of [SHADOW_TIMEOUT, dropped("breaker-open")]) {
      const what = `${times}x the bound, ${as.kind} exactly where it diverges`;
      assert.ok(passing(what, 4_000, hides(BOUND * times, as, judged)) <= ALPHA);
    }
  }
  const ignored = passing(
    "2x the bound, time-outs left out (why not)",
    400,
    hides(BOUND * 2, SHADOW_TIMEOUT, () => null),
  );
  assert.equal(ignored, 1);
});

test("a service at a tenth of the bound passes", () => {
  const power = passing("a tenth of the bound, a look at each unit", 2_000, looksAtEachUnit(BOUND / 10, COMPARISONS));
  assert.ok(power >= 0.99, `${power}`);
  const inTime = passing("a tenth of the bound, within 150,000", 2_000, looksAtEachUnit(BOUND / 10, 150_000));
  assert.ok(inTime >= 0.8, `${inTime}`);
  const blocks = passing("a tenth of the bound, a look at each block", 200, looksAtEachBlock(BOUND / 10));
  assert.ok(blocks >= 0.99, `${blocks}`);
});

test("so many clean ones in a row are no evidence: at the bound nearly everyone has them some time", () => {
  const row = Math.ceil(-Math.log(ALPHA) / -Math.log1p(-BOUND));
  assert.equal(row, 29_956);
  const fooled = passing(`1x the bound, ${row} clean in a row (why not)`, 2_000, (chance) => {
    for (let left = COMPARISONS; left > 0;) {
      const clean = Math.min(left, chance.before(BOUND));
      if (clean >= row) return true;
      left -= clean + 1;
    }
    return false;
  });
  assert.ok(fooled > 0.95, `${fooled}`);
});

/** Each unit comes to one of the members, or to two of them. `join`: how what they saw is put together. */
function looksAtMembers(count: number, share: number, both: number, join: "joined" | "multiplied" = "joined") {
  return (chance: Seeded): boolean => {
    let members = Array.from({ length: count }, () => firstEpoch(COARSE));
    for (let block = 0; block < 60; block++) {
      const units = members.map(() => ({ all: 0, divergent: 0 }));
      for (let unit = 0; unit < 50; unit++) {
        const divergent = chance.next() < share ? 1 : 0;
        const first = Math.floor(chance.next() * count);
        const seenBy = chance.next() < both ? [first, (first + 1) % count] : [first];
        for (const member of new Set(seenBy)) {
          const seen = units[member] as { all: number; divergent: number };
          seen.all += 1;
          seen.divergent += divergent;
        }
      }
      members = members.map((kept, i) => {
        const { all, divergent } = units[i] as { all: number; divergent: number };
        const open = { ...kept, block: { from: START + block * HOUR, divergent: {}, tally: NO_TALLY } };
        return closeBlock(open, { counts: countsOf(all, divergent), tally: NO_TALLY, builds: [] }, COARSE, count);
      });
      const [own, ...others] = members as [KeptGateEvidence, ...KeptGateEvidence[]];
      if (join === "multiplied") {
        const product = members.reduce((sum, { strata }) => sum + (strata.all?.logE ?? 0), 0);
        if (product >= logThreshold(COARSE.confidence, own.epoch)) return true;
        continue;
      }
      const { evidence, claims } = joinEvidence(own, others, COARSE);
      if ((evidence.strata.all?.logE ?? 0) >= logThreshold(COARSE.confidence, evidence.epoch, claims)) return true;
    }
    return false;
  };
}

test("of several members that look together at most 5 % pass at the bound, also where keys come to two of them", () => {
  const bound = COARSE.divergenceBelow;
  for (const [count, both] of [
    [2, 0],
    [3, 0.5],
    [5, 1],
  ] as const) {
    const what = `at the bound (5 %), ${count} members, ${both * 100} % of keys at two`;
    assert.ok(passing(what, 1_000, looksAtMembers(count, bound, both)) <= ALPHA);
  }
  const multiplied = looksAtMembers(5, bound, 1, "multiplied");
  assert.ok(passing("at the bound (5 %), 5 members, their capitals multiplied (why not)", 400, multiplied) > ALPHA);
  // And a clean service does pass.
  assert.equal(passing("a clean service, 3 members", 10, looksAtMembers(3, 0, 0.5)), 1);
});
