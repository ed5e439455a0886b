import assert from "node:assert/strict";
import { test } from "node:test";
import {
  outcomeParts,
  outcomeSum,
  spellBytes,
  spellCount,
  spellShare,
  spellSpan,
} from "../../../proxy/admin/sentences.ts";
import { buildStatusView, type StatusView } from "../../../proxy/admin/status-view.ts";
import { buildRouteStatus, hasOpenCause, unaccountedFor, worstFirst } from "../../../proxy/admin/route-status.ts";
import type { RouteState, StatusInput } from "../../../proxy/admin/parts.ts";
import { OUTCOME_KINDS } from "../../../proxy/outcome.ts";
import { sampleRouteState, sampleSettings, sampleStatusInput } from "../../support/admin-parts.ts";

function view(over: Partial<StatusInput>): StatusView {
  return buildStatusView(sampleStatusInput(over), sampleSettings(), "0.1.0");
}

test("every outcome is listed, those that never came up as 0, and with pending they sum to eligible", () => {
  const route = buildRouteStatus(sampleRouteState(), { unit: "writes", divergenceBelow: 0.0001 });
  assert.deepEqual(Object.keys(route.outcomes), OUTCOME_KINDS);
  assert.equal(OUTCOME_KINDS.reduce((sum, kind) => sum + route.outcomes[kind], 0) + route.pending, route.eligible);
  assert.equal(unaccountedFor(route), 0);
  assert.deepEqual(route.reasons, { "queue-full": 12 });
});

test("the divergence rate is the share of what was compared, and unknown while nothing was", () => {
  const compared = [
    { outcome: "match", reason: null, count: 2 },
    { outcome: "ignored", reason: null, count: 1 },
    { outcome: "divergent", reason: null, count: 1 },
    { outcome: "shadow-error", reason: null, count: 96 },
  ] as const;
  assert.equal(
    buildRouteStatus(sampleRouteState({ outcomes: compared }), { unit: "writes", divergenceBelow: 0.0001 })
      .divergenceRate,
    0.25,
  );
  assert.equal(
    buildRouteStatus(sampleRouteState({ outcomes: compared.slice(3) }), { unit: "writes", divergenceBelow: 0.0001 })
      .divergenceRate,
    null,
  );
});

test("counts that do not sum are said to be wrong, in either direction", () => {
  const lost = view({ routes: [sampleRouteState({ pending: 0 })] });
  assert.ok(lost.warnings.includes("users: 1 of 18,205 writes without an outcome; the counts cannot be trusted"));
  const twice = view({ routes: [sampleRouteState({ pending: 3 })] });
  assert.ok(
    twice.warnings.includes("users: 2 of 18,205 writes with more than one outcome; the counts cannot be trusted"),
  );
});

test("where reads are mirrored too, exchanges are counted and not writes", () => {
  const settings = sampleSettings();
  const routes = settings.routes.map((route) => ({ ...route, mirror: { ...route.mirror, readShare: 0.5 } }));
  const status = buildStatusView(sampleStatusInput(), { ...settings, routes }, "0.1.0");
  assert.equal(status.routes[0]?.unit, "exchanges");
  assert.match(outcomeSum(status.routes[0] ?? assert.fail()), /^18,205 exchanges = /);
});

test("the sum is spelled with its parts, dropped and skipped by reason", () => {
  const route = buildRouteStatus(
    sampleRouteState({
      eligible: 18_250,
      pending: 4,
      outcomes: [
        ...sampleRouteState().outcomes,
        { outcome: "dropped", reason: "shutdown", count: 2 },
        { outcome: "skipped", reason: "not-accepted", count: 40 },
      ],
    }),
    { unit: "writes", divergenceBelow: 0.0001 },
  );
  assert.equal(
    outcomeSum(route),
    "18,250 writes = 18,011 match + 150 excused + 31 divergent + 12 dropped(queue-full) + 2 dropped(shutdown) + 40 skipped(not-accepted) + 4 pending",
  );
  assert.equal(
    outcomeParts(route).reduce((sum, part) => sum + part.count, 0),
    route.eligible,
  );
  assert.equal(
    outcomeSum(
      buildRouteStatus(sampleRouteState({ eligible: 0, pending: 0, outcomes: [] }), {
        unit: "writes",
        divergenceBelow: 0.0001,
      }),
    ),
    "0 writes",
  );
});

test("status is loud about open causes, and only about those", () => {
  const causes = (counts: Partial<NonNullable<RouteState["causes"]>>): Partial<StatusInput> => ({
    routes: [sampleRouteState({ causes: { new: 0, acknowledged: 0, fixed: 0, regressed: 0, ...counts } })],
  });
  const loud =
    /^Not safe to cut over users: 31 of 18,192 compared exchanges differ \(0\.17 %(?:, \d open causes?)?\)\./;
  const table: readonly (readonly [over: Partial<StatusInput>, summary: RegExp])[] = [
    [{ routes: [sampleRouteState({ causes: null })] }, loud],
    [causes({ new: 1, acknowledged: 4 }), loud],
    [
      causes({ regressed: 2, fixed: 1 }),
      /\(0\.17 %, 2 open causes\)\. 2 causes came back\. 12 more could not be compared\.$/,
    ],
    // Their evidence was lost: nobody can have dealt with it.
    [causes({}), loud],
    [
      causes({ acknowledged: 2, fixed: 1 }),
      /^No difference is open: 18,011 of 18,192 match, 150 excused, 3 known causes\. 12 more could not be compared\.$/,
    ],
  ];
  for (const [over, summary] of table) {
    const status = view(over);
    assert.match(status.summary, summary);
    const isLoud = status.summary.startsWith("Not safe to cut over users: ");
    assert.equal(status.routes.some(hasOpenCause), isLoud);
  }
  const quiet = sampleRouteState({ name: "quiet", causes: { new: 0, acknowledged: 1, fixed: 0, regressed: 0 } });
  const open = sampleRouteState({ name: "open" });
  const order = worstFirst(
    [quiet, open].map((state) => buildRouteStatus(state, { unit: "writes", divergenceBelow: 0.0001 })),
  );
  assert.deepEqual(
    order.map(({ name }) => name),
    ["open", "quiet"],
  );
});

test("what a collector did not take is a warning without its path", () => {
  const telemetry = {
    origin: "https://otlp.test",
    sent: 9,
    failed: 2,
    dropped: 1,
    waiting: 0,
    problem: "answered 500",
  };
  assert.ok(
    view({ telemetry }).warnings.includes(
      "telemetry to https://otlp.test: 3 items lost since the start (answered 500)",
    ),
  );
  assert.deepEqual(
    view({ telemetry: { ...telemetry, failed: 0, dropped: 0 } }).warnings.filter((line) => line.includes("telemetry")),
    [],
  );
});

test("calls to the webhook that were given up are a warning without its path", () => {
  const webhook = {
    origin: "https://hooks.test",
    delivered: 3,
    failed: 1,
    dropped: 2,
    waiting: 0,
    problem: "answered 500",
  };
  assert.ok(
    view({ webhook }).warnings.includes(
      "webhook at https://hooks.test: 3 calls given up since the start (answered 500)",
    ),
  );
  assert.deepEqual(
    view({ webhook: { ...webhook, failed: 0, dropped: 0 } }).warnings.filter((line) => line.includes("webhook")),
    [],
  );
});

const KILLED = {
  route: null,
  setting: "mirror",
  value: false,
  by: "ops",
  at: "2026-11-22T12:00:00.000Z",
  reason: null,
} as const;

const KNOWN: Partial<RouteState> = {
  outcomes: [
    { outcome: "match", reason: null, count: 4 },
    { outcome: "divergent", reason: null, count: 1 },
  ],
  causes: { new: 0, acknowledged: 1, fixed: 0, regressed: 0 },
};

test("the summary says first what matters most", () => {
  const quiet = sampleRouteState({ eligible: 0, pending: 0, outcomes: [] });
  const clean = sampleRouteState({ eligible: 5, pending: 0, outcomes: [{ outcome: "match", reason: null, count: 5 }] });
  const failing = sampleRouteState({
    eligible: 5,
    pending: 0,
    outcomes: [{ outcome: "shadow-error", reason: null, count: 5 }],
  });
  const alone = { ...quiet, phase: "legacy-only", shadow: null, breaker: null } as const;
  const input = sampleStatusInput();
  const cases: readonly (readonly [over: Partial<StatusInput>, expected: RegExp])[] = [
    [{ notReady: "draining" }, /^Not ready: draining\.$/],
    [{ killSwitch: KILLED }, /^Mirroring is off/],
    [
      {},
      /^Not safe to cut over users: 31 of 18,192 compared exchanges differ \(0\.17 %\)\. 12 more could not be compared\.$/,
    ],
    [{ routes: [clean] }, /^All quiet: 5 of 5 match\.$/],
    [{ routes: [{ ...clean, ...KNOWN }] }, /^All quiet: 4 of 5 match, 1 known cause\.$/],
    [{ routes: [clean], warnings: ["w"] }, /^No difference is open: 5 of 5 match\.$/],
    [{ routes: [{ ...clean, gaps: 1 }] }, /^No difference is open: 5 of 5 match\.$/],
    [
      { routes: [{ ...clean, seen: false }], now: input.startedAt + 3_600_000 },
      /^Mirroring is idle: nothing to copy has come in the 1 h since the start\. No difference is open: 5 of 5 match\.$/,
    ],
    [
      { routes: [{ ...clean, seen: false }, clean], now: input.startedAt + 3_600_000 },
      /^No difference is open: 10 of 10 match\.$/,
    ],
    [{ routes: [failing] }, /^Nothing could be compared: all 5 copies failed or were given up\.$/],
    [{ routes: [quiet] }, /^Mirroring is idle: nothing to copy has come in the 1 min 05 s since the start\.$/],
    [
      { routes: [{ ...quiet, eligible: 1, pending: 1 }] },
      /^Nothing has been compared yet, 1 min 05 s after the start: no mirrored exchange has ended\.$/,
    ],
    [{ routes: [alone] }, /^No route mirrors/],
  ];
  for (const [over, expected] of cases) assert.match(view(over).summary, expected);
});

test("of many divergent routes the three worst are named", () => {
  const routes = [1, 5, 3, 4, 2].map((count) =>
    sampleRouteState({
      name: `r${count}`,
      eligible: count,
      pending: 0,
      outcomes: [{ outcome: "divergent", reason: null, count }],
    }),
  );
  assert.equal(
    view({ routes }).summary,
    "Not safe to cut over r5, r4, r3 and 2 more: 15 of 15 compared exchanges differ (100 %).",
  );
});

test("what differs after a cutover stands against none", () => {
  const over = { phase: "next-primary", wanted: "next-primary", primary: "next", shadow: "legacy" } as const;
  const moved = sampleRouteState({ name: "orders", ...over });
  assert.match(
    view({ routes: [moved] }).summary,
    /^The services disagree after the cutover of orders: 31 of 18,192 compared exchanges differ \(0\.17 %\)\. /,
  );
  assert.match(
    view({ routes: [moved, sampleRouteState()] }).summary,
    /^Not safe to cut over users: 31 of 18,192 compared exchanges differ \(0\.17 %\)\. So does 1 route after the cutover\. /,
  );
});

test("each thing that is wrong has its warning", () => {
  const input = sampleStatusInput();
  const rule = { rule: "ignore /a", because: "test", until: null, excused: 0, lastExcusedAt: null };
  const cases: readonly (readonly [over: Partial<StatusInput>, expected: RegExp])[] = [
    [
      { config: { file: "c.yaml", revision: 3, error: "c.yaml:1:1 bad" } },
      /refused and revision 3 stays in use: c\.yaml:1:1 bad/,
    ],
    [{ store: { ...input.store, problem: "disk full" } }, /^store: disk full$/],
    [{ store: { ...input.store, lostWrites: 1 } }, /^store: 1 write of evidence lost/],
    [{ log: { ...input.log, problem: "ENOSPC" } }, /^ENOSPC$/],
    [{ log: { ...input.log, lostLines: 4 } }, /4 lines lost/],
    [
      { services: [{ name: "next", origin: "http://n", problem: "refuses connections" }] },
      /^next at http:\/\/n: refuses/,
    ],
    [{ caught: { compare: 2 } }, /^compare: 2 errors caught/],
    [{ routes: [sampleRouteState({ breaker: "open" })] }, /^users: next keeps failing/],
    [{ routes: [sampleRouteState({ gaps: 1 })] }, /^users: 1 gap in which/],
    [
      { routes: [sampleRouteState({ repairs: 12, parked: 3 })] },
      /^users: 12 keys to repair \(3 parked\), not known to be equal on both sides: crossfade repair --route users$/,
    ],
    [
      { routes: [sampleRouteState({ wanted: "legacy-only" })] },
      /^users: the config wants legacy-only, dual-write acts$/,
    ],
    [{ routes: [sampleRouteState()] }, /^users: not compared: 12 dropped\(queue-full\)$/],
    [{ queue: { ...input.queue, bytes: 60 * 1024 * 1024 } }, /^60 MiB of 64 MiB for waiting copies/],
    [{ queue: { ...input.queue, headroomSeconds: 90 } }, /^copies drop in about 1 min 30 s/],
    [
      { now: input.startedAt + 3_600_000, routes: [sampleRouteState({ seen: false })] },
      /^users: mirrors, but nothing eligible came in the 1 h/,
    ],
    [{ warnings: ["said at the start"] }, /^said at the start$/],
    [
      {
        routes: [
          sampleRouteState({
            rules: [
              { ...rule, stale: false },
              { ...rule, rule: "ignore /b", stale: true },
            ],
          }),
        ],
      },
      /^users: 1 rule excused nothing in 1,000 comparisons and may go: ignore \/b$/,
    ],
    [
      { routes: [sampleRouteState({ rules: Array.from({ length: 7 }, () => ({ ...rule, stale: true })) })] },
      /^users: 7 rules excused nothing .* and may go: (?:ignore \/a, ){4}ignore \/a and 2 more$/,
    ],
  ];
  for (const [over, expected] of cases) {
    assert.ok(
      view(over).warnings.some((warning) => expected.test(warning)),
      `${expected} in ${JSON.stringify(view(over).warnings)}`,
    );
  }
});

test("all well: no warning", () => {
  const clean = sampleRouteState({ eligible: 5, pending: 0, outcomes: [{ outcome: "match", reason: null, count: 5 }] });
  assert.deepEqual(view({ routes: [clean] }).warnings, []);
});

test("routes that disagree come first; the others keep their order", () => {
  const states = [
    sampleRouteState({ name: "quiet", outcomes: [] }),
    sampleRouteState({ name: "repairs", outcomes: [], repairs: 1 }),
    sampleRouteState({ name: "gap", outcomes: [], gaps: 1 }),
    sampleRouteState({ name: "divergent" }),
    sampleRouteState({ name: "quiet too", outcomes: [] }),
  ];
  const names = worstFirst(
    states.map((state) => buildRouteStatus(state, { unit: "writes", divergenceBelow: 0.0001 })),
  ).map((route) => route.name);
  assert.deepEqual(names, ["divergent", "gap", "repairs", "quiet", "quiet too"]);
});

test("numbers are spelled for people", () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(spellCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual([0, 0.00001, 0.0017, 0.124, 0.99999, 1].map(spellShare), [
    "0 %",
    "< 0.01 %",
    "0.17 %",
    "12.4 %",
    "99.9 %",
    "100 %",
  ]);
  assert.deepEqual([0, 340, 1500, 12_000, 65_000, 120_000, 4_140_000, 273_600_000].map(spellSpan), [
    "0 ms",
    "340 ms",
    "1.5 s",
    "12 s",
    "1 min 05 s",
    "2 min",
    "1 h 09 min",
    "3 d 4 h",
  ]);
  assert.deepEqual([0, 1023, 1536, 64 * 1024 * 1024].map(spellBytes), ["0 B", "1023 B", "1.5 KiB", "64 MiB"]);
});

test("modules that fail are one warning, with the first routes, what failed and whether they are off", () => {
  const module = (isOff: boolean) => ({
    file: "/hooks.mjs",
    hooks: ["judge"],
    failures: [{ step: "module judge", times: 2, last: "threw an Error at hooks.mjs:1:2", lastAt: 0 }],
    isOff,
  });
  const routes = Array.from({ length: 7 }, (_, i) => sampleRouteState({ name: `r${i}`, module: module(i === 0) }));
  const sound = sampleRouteState({ name: "sound", module: { ...module(false), failures: [] } });
  const said = view({ routes: [...routes, sound] }).warnings.filter((line) => line.includes("compare.module"));
  const each = (i: number): string => `r${i}: module judge threw an Error at hooks.mjs:1:2 (2 times)`;
  assert.deepEqual(said, [
    `compare.module failed on 7 routes, and rules alone decided: ${each(0)}, switched off until a changed config or module is loaded; ${each(1)}; ${each(2)}; ${each(3)}; ${each(4)}; and 2 more`,
  ]);
});
