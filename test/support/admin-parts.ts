import { createFeed, type Feed } from "../../proxy/admin/feed.ts";
import type { AdminParts, RouteState, StatusInput } from "../../proxy/admin/parts.ts";
import { loadSettings } from "../../proxy/config/load.ts";
import type { Settings } from "../../proxy/config/settings.ts";
import type { DivergenceRecord, GroupRecord } from "../../proxy/evidence/evidence.ts";
import type { GateAnswer } from "../../proxy/moves/gate-evidence.ts";
import { makeUlid } from "../../proxy/identity.ts";
import { beginEpoch } from "../../proxy/phase/epochs.ts";
import { askGate } from "../../proxy/phase/gate.ts";
import type { Member } from "../../proxy/members/members.ts";
import type { PlaceRecord } from "../../proxy/evidence/places.ts";
import type { Store } from "../../proxy/ports.ts";
import { type JobRecord, REPAIR_RESULTS } from "../../proxy/repair-job.ts";
import { askRetire } from "../../proxy/phase/retire.ts";
import type { RetireAnswer } from "../../proxy/moves/retire.ts";
import { compileRouter } from "../../proxy/route/router.ts";
import { NOON } from "./evidence.ts";

/** Settings as two URLs give them, with a route for users before the one for everything. */
export function sampleSettings(over: Partial<Settings> = {}): Settings {
  const loaded = loadSettings({
    file: null,
    flags: { legacy: "http://127.0.0.1:3000", next: "http://127.0.0.1:4000", store: "memory:" },
    env: {},
  });
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.text).join("; "));
  const [all] = loaded.settings.routes;
  if (all === undefined) throw new Error("settings without a route");
  const users = { ...all, name: "users", match: { ...all.match, path: "/users/**", methods: ["GET", "PUT"] } };
  return { ...loaded.settings, routes: [users, all], ...over };
}

export function sampleRouteState(over: Partial<RouteState> = {}): RouteState {
  return {
    name: "users",
    phase: "dual-write",
    wanted: "dual-write",
    rollback: null,
    heldWrites: null,
    primary: "legacy",
    shadow: "next",
    eligible: 18_205,
    pending: 1,
    outcomes: [
      { outcome: "match", reason: null, count: 18_011 },
      { outcome: "ignored", reason: null, count: 150 },
      { outcome: "divergent", reason: null, count: 31 },
      { outcome: "dropped", reason: "queue-full", count: 12 },
    ],
    latency: { counted: 18_192, primaryMs: 218_304, shadowMs: 72_768 },
    tunnels: 0,
    lagMs: 0,
    breaker: "closed",
    repairs: 0,
    parked: 0,
    gaps: 0,
    causes: null,
    seen: true,
    overrides: [],
    rules: [],
    module: null,
    noise: { askedTwice: 0, notAskedTwice: {}, counted: 0, notCounted: {}, placesLeftOut: 0 },
    gateEvidence: 0,
    mappedForClients: { requests: 0, answers: 0, unmapped: 0 },
    dialledReads: { next: 0, pinned: 0, askedAgain: 0 },
    readBacks: {
      ...{ equal: 0, differs: 0, "key-written-meanwhile": 0, unreadable: 0, failed: 0, "left-out": 0 },
    },
    fallbackReads: {
      ...{ legacy: 0, neither: 0, unasked: 0, failed: 0 },
      copies: { copied: 0, differs: 0, there: 0, gone: 0, busy: 0, refused: 0, failed: 0 },
    },
    ...over,
  };
}

export function sampleStatusInput(over: Partial<StatusInput> = {}): StatusInput {
  const startedAt = Date.parse("2026-11-22T12:00:00.000Z");
  return {
    now: startedAt + 65_000,
    startedAt,
    notReady: null,
    warnings: [],
    routes: [sampleRouteState()],
    collections: [],
    killSwitch: null,
    config: { file: "crossfade.yaml", revision: 1, error: null },
    store: { kind: "memory", problem: null, lostWrites: 0, pendingWrites: 0 },
    members: [sampleMember(startedAt)],
    memberProblem: null,
    workers: { wanted: 0, running: 0, replaced: 0 },
    services: [
      { name: "legacy", origin: "http://127.0.0.1:3000", problem: null },
      { name: "next", origin: "http://127.0.0.1:4000", problem: null },
    ],
    queue: {
      bytes: 0,
      limitBytes: 64 * 1024 * 1024,
      waiting: 0,
      inFlight: 0,
      inFlightLimit: 1024,
      spoolBytes: 0,
      spoolLimitBytes: 1024 * 1024 * 1024,
      headroomSeconds: null,
    },
    journal: { kind: "memory", depth: 0, waiting: 0, problem: null, bytes: 0, pendingBytes: 0, limitBytes: null },
    log: { file: "crossfade-divergences.ndjson", problem: null, lostLines: 0 },
    pairs: {
      kept: 0,
      bytes: 0,
      limitBytes: 64 * 1024 * 1024,
      notKept: { "too-large": 0, failed: 0, "no-room": 0 },
    },
    webhook: null,
    telemetry: null,
    caught: {},
    ...over,
  };
}

export function sampleDivergence(over: Partial<DivergenceRecord> = {}): DivergenceRecord {
  const at = Date.parse("2026-11-22T12:00:30.000Z");
  return {
    id: makeUlid(at),
    time: new Date(at).toISOString(),
    route: "users",
    phase: "dual-write",
    outcome: "divergent",
    reason: null,
    key: "users/42",
    method: "PUT",
    path: "/users/42",
    query: null,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    group: null,
    taintedBy: null,
    build: null,
    primary: { service: "legacy", status: 200, ms: 12.1, bytes: 431 },
    shadow: { service: "next", status: 200, ms: 3.4, bytes: 433, attempts: 1 },
    differences: [{ at: "/balance", kind: "precision", primary: "9007199254740993", shadow: "9007199254740992" }],
    moreDifferences: 0,
    error: null,
    ...over,
  };
}

export function sampleGroup(over: Partial<GroupRecord> = {}): GroupRecord {
  return {
    id: "b1946ac9",
    route: "users",
    method: "PUT",
    signature: [{ at: "/balance", kind: "precision" }],
    count: 31,
    share: 0.0017,
    firstSeen: "2026-11-22T12:00:10.000Z",
    lastSeen: "2026-11-22T12:00:30.000Z",
    firstBuild: null,
    lastBuild: null,
    tainted: 0,
    trend: { direction: "rising", hours: [...Array.from({ length: 23 }, () => 0), 31] },
    state: "new",
    decision: null,
    ...over,
  };
}

const SAMPLE_JOB: JobRecord = {
  id: "01JOB",
  kind: "repair",
  state: "done",
  by: "ops",
  route: "users",
  dryRun: false,
  startedAt: "2026-11-22T12:00:00.000Z",
  endedAt: "2026-11-22T12:00:01.000Z",
  total: 1,
  done: 1,
  results: { ...(Object.fromEntries(REPAIR_RESULTS.map((result) => [result, 0])) as JobRecord["results"]), parked: 1 },
  oldestSeconds: null,
  findings: [
    {
      route: "users",
      key: "users/42",
      result: "parked",
      would: null,
      why: "the shadow answered 422 to PUT",
      differences: [{ at: "", kind: "status", primary: "200", shadow: "404" }],
    },
  ],
  error: null,
};

function samplePlace(): PlaceRecord {
  return {
    route: "users",
    method: "GET",
    path: "/users/*",
    at: "/seen",
    askedTwice: 40,
    differedWithItself: 38,
    compared: 12,
    onBothSides: 12,
    differed: 11,
    values: 12,
    distinct: 12,
    classes: [{ class: "instant", count: 12 }],
    since: "2026-11-22T12:00:10.000Z",
    lastSeen: "2026-11-22T12:00:30.000Z",
  };
}

/** Of a route that was compared a little, and has a cause at a place that must match. */
function sampleGate({ routes: [users] }: Settings): GateAnswer {
  if (users === undefined) throw new Error("settings without a route");
  const given = { rules: "r", build: "9f3c", epoch: 2, why: "build", since: NOON } as const;
  const all = { clean: 2_409, divergent: 1, excused: 150, logE: -2 };
  const evidence = { ...beginEpoch("users", users.gate, given), strata: { all, "2xx": all } };
  const mustMatch = [{ at: "/total", count: 3, firstBuild: null }];
  return askGate({ route: users, evidence, repairs: 1, gaps: 0, mustMatch, members: null, rows: [], now: 0 });
}

/** Of a route that a client still leans on. */
function sampleRetire({ routes: [users] }: Settings, quietMs: number): RetireAnswer {
  if (users === undefined) throw new Error("settings without a route");
  return askRetire({
    route: { ...users, phase: "next-primary" },
    quietMs,
    now: NOON + 10 * 86_400_000,
    cutOverAt: NOON,
    leanings: [
      { route: "users", on: "watched", times: 0, first: NOON, last: NOON },
      { route: "users", on: "translation", times: 7, first: NOON, last: NOON + 9 * 86_400_000 + 3_600_000 },
    ],
    openRepairs: 0,
    gaps: [],
    looked: null,
  });
}

export interface SampleParts extends AdminParts {
  readonly feed: Feed;
  /** What reached `onError`. */
  readonly errors: string[];
  settings: Settings;
  input: StatusInput;
}

/** Everything the admin listener asks for, on a free loopback port; `settings` and `input` may be exchanged while it runs. */
export function sampleAdminParts(store: Store, over: Partial<AdminParts> = {}): SampleParts {
  const feed = createFeed();
  const parts: SampleParts = {
    version: "0.1.0",
    listen: { host: "127.0.0.1", port: 0 },
    store,
    feed,
    errors: [],
    settings: sampleSettings(),
    input: sampleStatusInput(),
    snapshot: () => ({
      revision: 1,
      settings: parts.settings,
      router: compileRouter(parts.settings.routes),
      epochs: new Map(),
    }),
    status: () => parts.input,
    lookAgain: () => Promise.resolve(),
    metricsText: () => Promise.resolve("# HELP sample A sample\nsample 1\n"),
    subscribe: (listener) => feed.subscribe(listener),
    repairs: {
      start: () => Promise.resolve(null),
      running: () => null,
      jobs: () => [SAMPLE_JOB],
      job: (id) => (id === "01JOB" ? SAMPLE_JOB : null),
      cancel: () => null,
    },
    runningJobs: {
      begin: () => null,
      report: () => null,
      want: () => null,
      jobs: () => [],
      job: () => null,
      open: () => [],
    },
    backfills: {
      open: () => ({ end: "unknown" }),
      window: () => null,
      mark: () => null,
      freeze: () => null,
      confirm: () => null,
      thaw: () => null,
      leaveToRepair: () => null,
      end: () => null,
      attend: () => Promise.resolve(),
      warnings: () => [],
    },
    rowJobs: { begin: () => Promise.resolve(null), end: () => Promise.resolve(null) },
    rowValues: (asked) => Promise.resolve(asked.map(({ legacy = null, next = null }) => ({ legacy, next }))),
    override: () => Promise.resolve({ kept: true }),
    members: {
      list: () => Promise.resolve([sampleMember(Date.parse("2026-11-22T11:00:00.000Z"))]),
      forget: (id) => Promise.resolve(id === "01JMEMBER" ? "alive" : "unknown"),
    },
    audit: () => undefined,
    move: () => Promise.resolve(null),
    gate: (route) => Promise.resolve(route === "users" ? sampleGate(parts.settings) : null),
    retire: (route, quietMs) =>
      Promise.resolve(route === "users" ? sampleRetire(parts.settings, quietMs ?? 86_400_000) : null),
    places: { list: () => [samplePlace()], ownDisagreements: () => [] },
    values: () => {
      const since = "2026-11-22T12:00:00.000Z";
      const pair = {
        kind: "user",
        legacy: "1",
        next: "k1",
        same: false,
        secret: false,
        held: "legacy",
        since,
        until: null,
      } as const;
      return Promise.resolve({ items: [pair], next: null });
    },
    purge: ({ dryRun }) => Promise.resolve({ dryRun, records: 0, samples: 0, pairs: 0, logLines: 0, kept: [] }),
    replay: () => Promise.resolve({ end: "unknown" }),
    onError: (error, what) => parts.errors.push(`${what}: ${String(error)}`),
    ...over,
  };
  return parts;
}

function sampleMember(startedAt: number): Member {
  return {
    id: "01JMEMBER",
    name: "front-1",
    host: "machine-1",
    pid: 4711,
    version: "0.1.0",
    state: "serving",
    startedAt,
    heardAt: startedAt,
    settings: { revision: 1, digest: "1a2b3c4d" },
    open: 0,
    isSelf: true,
  };
}
