import assert from "node:assert/strict";
import { test } from "node:test";
import { GATE_DEFAULTS } from "../../../proxy/config/defaults.ts";
import type {
  GateAnswer,
  GateCondition,
  KeptGateEvidence,
  StratumEvidence,
} from "../../../proxy/moves/gate-evidence.ts";
import type { CollectionFound, EndedOf } from "../../../proxy/rows/row-jobs.ts";
import { bets } from "../../../proxy/phase/e-process.ts";
import { beginEpoch } from "../../../proxy/phase/epochs.ts";
import { askGate, type GateQuestion } from "../../../proxy/phase/gate.ts";
import { bucketOf, latencyRatio, percentile95 } from "../../../proxy/phase/latency.ts";
import { touches } from "../../../proxy/phase/must-match.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 10, 22);
const GATE = GATE_DEFAULTS.normal;

function stratum(clean: number, divergent = 0, excused = 0): StratumEvidence {
  const bet = bets(GATE.divergenceBelow);
  return { clean, divergent, excused, logE: clean * bet.clean + divergent * bet.divergent };
}

const MEMBERS = { claims: 1, counted: 1, differ: false, silent: 0 };

/** All that the gate asks for is there, after `days` of evidence. */
function question(
  strata: KeptGateEvidence["strata"],
  days: number,
  over: Omit<Partial<GateQuestion>, "evidence"> & { readonly evidence?: Partial<KeptGateEvidence> } = {},
): GateQuestion {
  const now = START + days * DAY;
  const given = { rules: "r", build: null, epoch: 1, why: "first", since: START } as const;
  const latency = new Array<number>(40).fill(0);
  latency[20] = 100;
  const evidence: KeptGateEvidence = {
    ...beginEpoch("users", GATE, given),
    strata,
    until: now,
    tally: { against: {}, methods: { GET: 50, PUT: 50 }, latency: { primary: latency, shadow: latency } },
    block: { from: now, divergent: {}, tally: { against: {}, methods: {}, latency: { primary: [], shadow: [] } } },
    ...over.evidence,
  };
  const match = { path: "/users/**", methods: ["GET", "PUT"], host: null, headers: [] };
  const mirror = { writes: true, readShare: 0.05, when: "accepted", acceptRealEffects: null } as const;
  return {
    route: { name: "users", phase: "dual-write", gate: GATE, match, mirror, sharedDatabase: false },
    repairs: 0,
    gaps: 0,
    mustMatch: [],
    members: null,
    rows: [],
    now,
    ...over,
    evidence,
  };
}

const missing = ({ conditions }: GateAnswer): readonly GateCondition["name"][] =>
  conditions.filter(({ state }) => state === "missing").map(({ name }) => name);

test("while evidence is missing it says how many keys are needed and how long that takes at the present rate", () => {
  const answer = askGate(question({ all: stratum(2_500), "2xx": stratum(2_500) }, 1));
  assert.equal(
    answer.sentence,
    "NOT YET. 0 divergent in 2,500 distinct keys; 40,986 needed for < 0.01 %: about 15 days at 2,500 a day",
  );
  assert.deepEqual([answer.open, missing(answer), answer.unitsNeeded], [false, ["evidence", "span"], 38_486]);
});

test("with all that is asked for it is open, and says what was not asked", () => {
  const answer = askGate(question({ all: stratum(41_000, 0, 120), "2xx": stratum(41_000, 0, 120) }, 8));
  assert.deepEqual([answer.open, missing(answer), answer.etaMs], [true, [], 0]);
  assert.equal(
    answer.sentence,
    "OPEN. 0 divergent in 41,000 distinct keys: < 0.01 %, 95 % sure; not asked: backfill, reconcile",
  );
  assert.deepEqual(
    answer.conditions.filter(({ state }) => state === "not-asked").map(({ name }) => name),
    ["backfill", "reconcile"],
  );
});

test("a share above the bound has no end in sight, and that is what it says", () => {
  const answer = askGate(question({ all: stratum(9_900, 100) }, 4));
  assert.equal(
    answer.sentence,
    "NOT YET. 100 divergent in 10,000 distinct keys; at this share (1 %) it will not come to < 0.01 %",
  );
  assert.equal(answer.etaMs, null);
  assert.ok((answer.strata[0]?.evidence ?? 0) < 0);
});

test("a class of statuses with a tenth of the units has to be shown by itself, a rarer one has not", () => {
  const rare = askGate(question({ all: stratum(60_000), "2xx": stratum(55_000), "4xx": stratum(5_000) }, 8));
  assert.ok(rare.open);
  const often = askGate(question({ all: stratum(60_000), "2xx": stratum(50_000), "4xx": stratum(10_000) }, 8));
  assert.deepEqual([often.open, missing(often)], [false, ["evidence"]]);
  assert.equal(often.unitsNeeded, 30_986);
  assert.match(often.conditions.find(({ name }) => name === "evidence")?.text ?? "", /4xx: 0 of 10,000 distinct keys/);
});

test("each condition shuts the gate by itself, and the sentence names it", () => {
  const enough = { all: stratum(41_000), "2xx": stratum(41_000) };
  const ofMembers = { evidence: { strata: { all: stratum(60_000), "2xx": stratum(60_000) } } };
  const shut = (over: Parameters<typeof question>[2], days = 8): GateAnswer => askGate(question(enough, days, over));
  const { route, evidence } = question(enough, 8);
  const slow = new Array<number>(60).fill(0);
  slow[30] = 100;
  const { tally } = evidence;
  const cases: readonly (readonly [GateCondition["name"], GateAnswer, RegExp])[] = [
    ["phase", shut({ route: { ...route, phase: "legacy-only" } }), /^NOT YET\. legacy-only: next gets no copies/],
    ["span", shut({}, 5), /; evidence of 5 days; at least 7 days asked for: about 2 days more$/],
    ["repairs", shut({ repairs: 3 }), /; 3 keys on the repair list$/],
    ["gaps", shut({ gaps: 1 }), /; 1 gap in which accounting may be incomplete$/],
    [
      "coverage",
      shut({ evidence: { tally: { ...tally, methods: { PUT: 50 } } } }),
      /compared too seldom: GET 0 of 20 times$/,
    ],
    [
      "latency",
      shut({ evidence: { tally: { ...tally, latency: { ...tally.latency, shadow: slow } } } }),
      /next takes 5\.7 times as long as legacy/,
    ],
    ["members", shut({ ...ofMembers, members: { ...MEMBERS, silent: 1 } }), /1 member silent.*instances forget/],
    ["members", shut({ ...ofMembers, members: { ...MEMBERS, differ: true } }), /members run different settings/],
  ];
  for (const [name, answer, sentence] of cases) {
    assert.deepEqual([answer.open, missing(answer)], [false, [name]]);
    assert.match(answer.sentence, sentence);
  }
});

test("an open cause at a place that must match comes before everything else", () => {
  const enough = { all: stratum(41_000) };
  const mustMatch = [{ at: "/total", count: 3, firstBuild: "9f3c" }];
  const alone = askGate(question(enough, 8, { mustMatch }));
  assert.equal(
    alone.sentence,
    "Not safe to cut over users: 1 cause changes what must match (/total, 3 times since build 9f3c); everything else is ready",
  );
  const beside = askGate(question(enough, 8, { mustMatch, gaps: 1 }));
  assert.match(beside.sentence, /; missing beside: gaps$/);
  const twice = askGate(question(enough, 8, { mustMatch: [...mustMatch, ...mustMatch] }));
  assert.equal(
    twice.conditions.find(({ name }) => name === "must-match")?.text,
    "2 open causes at places that must match: /total",
  );
});

test("where a route takes every method, those that came and GET are asked for, HEAD is not", () => {
  const { route } = question({}, 8);
  const match = { ...route.match, methods: null };
  const over = { route: { ...route, match, mirror: { ...route.mirror, readShare: 0 } } };
  const { tally } = question({}, 8).evidence;
  const methods = { PUT: 20, HEAD: 1, DELETE: 2 };
  const answer = askGate(
    question({ all: stratum(41_000) }, 8, { ...over, evidence: { tally: { ...tally, methods } } }),
  );
  assert.match(answer.sentence, /DELETE 2 of 20 times; GET 0 of 20 times, and mirror\.reads is 0%$/);
});

test("nothing compared is no evidence, and neither open nor an error", () => {
  const nothing = { against: {}, methods: {}, latency: { primary: [], shadow: [] } };
  const answer = askGate(question({}, 0, { evidence: { tally: nothing } }));
  assert.equal(answer.sentence, "NOT YET. 0 divergent in 0 distinct keys; 40,986 needed for < 0.01 %");
  assert.deepEqual([answer.open, answer.latencyRatio, answer.etaMs], [false, null, null]);
});

test("a 95th percentile is within a fifth of what it is, and none of few", () => {
  const counts = new Array<number>(80).fill(0);
  for (let ms = 1; ms <= 1000; ms++) counts[bucketOf(ms)] = (counts[bucketOf(ms)] as number) + 1;
  assert.ok(Math.abs((percentile95(counts) as number) / 950 - 1) < 0.2);
  assert.equal(percentile95([19]), null);
  assert.deepEqual([bucketOf(0), bucketOf(1e9)], [0, 79]);
  assert.equal(latencyRatio([20], [0, 0, 0, 0, 20]), 2);
});

test("a cause touches a place that must match if it is there, below it or above it, whatever stands for an index", () => {
  const yes = [
    ["/total", "/total"],
    ["/total", "/total/amount"],
    ["/total/amount", "/total"],
    ["/total", ""],
    ["/items/*/price", "/items/*/price"],
    ["/items/0/price", "/items/*/price"],
    ["/**/price", "/a/b/price"],
    ["/**/price", "/price"],
    ["header:etag", "header:etag"],
    ["header:etag", ""],
  ] as const;
  const no = [
    ["/total", "/totals"],
    ["/items/*/price", "/items/*/name"],
    ["/total", "header:total"],
    ["header:etag", "/etag"],
  ] as const;
  for (const [pattern, at] of yes) assert.ok(touches(pattern, at), `${pattern} ${at}`);
  for (const [pattern, at] of no) assert.ok(!touches(pattern, at), `${pattern} ${at}`);
});

test("the more members have counted, the more one of them has to show", () => {
  const needed = (claims: number): number =>
    askGate(question({ all: stratum(100) }, 1, { members: { ...MEMBERS, claims } })).unitsNeeded;
  const alone = askGate(question({ all: stratum(100) }, 1)).unitsNeeded;
  assert.ok(alone < needed(1) && needed(1) < needed(2) && needed(2) < needed(5));
});

test("with one database reads are all the evidence that is asked for, and no rows are", () => {
  const shared = question({ all: stratum(100_000), "2xx": stratum(100_000) }, 8);
  const tally = { ...shared.evidence.tally, methods: { GET: 50 } };
  const answer = askGate({
    ...shared,
    route: { ...shared.route, sharedDatabase: true },
    evidence: { ...shared.evidence, tally },
  });
  assert.deepEqual(missing(answer), []);
  const of = new Map(answer.conditions.map((condition) => [condition.name, condition]));
  assert.equal(of.get("coverage")?.text, "compared: GET");
  assert.deepEqual(
    [of.get("backfill")?.state, of.get("reconcile")?.state, of.get("phase")?.text],
    ["met", "met", "dual-write: legacy answers, next gets copies of reads"],
  );
  // Nobody compared a read: the gate stays shut.
  const none = askGate({
    ...shared,
    route: { ...shared.route, sharedDatabase: true },
    evidence: { ...shared.evidence, tally: { ...tally, methods: {} } },
  });
  assert.deepEqual(missing(none), ["coverage"]);
});

test("rows of collections have to be brought over, and found equal not long ago", () => {
  const all = { all: stratum(41_000), "2xx": stratum(41_000) };
  const now = START + 8 * DAY;
  const at = (ageMs: number) => ({
    begunAt: new Date(now - ageMs).toISOString(),
    endedAt: new Date(now).toISOString(),
  });
  const backfill = (setAside: number): CollectionFound["backfill"] => {
    return {
      job: "backfill",
      collection: "users",
      tables: "t",
      read: 18_204,
      written: 18_204,
      setAside,
      conflicts: 0,
      ...at(DAY),
    };
  };
  const reconcile = (ageMs: number, over: Partial<EndedOf<"reconcile">> = {}): CollectionFound["reconcile"] => {
    const sums = {
      sourceRows: 18_204,
      targetRows: 18_204,
      missing: 0,
      mismatched: 0,
      extra: 0,
      unmade: 0,
      around: null,
    };
    return { job: "reconcile", collection: "users", tables: "t", ...sums, ...at(ageMs), ...over };
  };
  const asked = (backfilled: CollectionFound["backfill"], reconciled: CollectionFound["reconcile"]) => {
    const rows = [{ name: "users", backfill: backfilled, reconcile: reconciled }];
    const answer = askGate(question(all, 8, { rows, now }));
    const said = answer.conditions.filter(({ name }) => name === "backfill" || name === "reconcile");
    return [answer.open, ...said.map(({ text }) => text)];
  };
  assert.deepEqual(asked(null, null), [
    false,
    "users: its rows were not brought over; crossfade backfill users",
    "users: its rows were not compared; crossfade reconcile users",
  ]);
  assert.deepEqual(asked(backfill(0), reconcile(2 * 3_600_000)), [
    true,
    "users: 18,204 rows brought over",
    "users: 18,204 rows equal (begun 2 hours ago)",
  ]);
  assert.deepEqual(asked(backfill(3), reconcile(0, { missing: 3 })), [
    false,
    "users: 3 rows set aside, 0 in conflict",
    "users: 3 missing, 0 mismatched, 0 extra (begun 0 seconds ago)",
  ]);
  // However the rows came there.
  assert.deepEqual(asked(null, reconcile(3 * DAY)), [
    false,
    "users: both sides were found equal",
    "users: 18,204 rows equal (begun 3 days ago); less than 24 hours is asked",
  ]);
  assert.deepEqual(asked(backfill(0), reconcile(0, { around: { legacy: 3, next: 1 } })), [
    false,
    "users: 18,204 rows brought over",
    "users: 3 rows of legacy and 1 of next changed around the proxy (begun 0 seconds ago)",
  ]);
  assert.deepEqual(asked(backfill(0), reconcile(0, { extra: null, unmade: 1 })), [
    false,
    "users: 18,204 rows brought over",
    "users: 0 missing, 0 mismatched, extra rows not looked for, 1 unmade (begun 0 seconds ago)",
  ]);
});
