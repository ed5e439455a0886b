/** JSON Schemas (2020-12, as OpenAPI 3.1 takes them) of everything the API answers. */
import { TRANSFORM_HOOKS } from "../config/compare-settings.ts";
import { DETECTORS, PHASES, TREAT_AS } from "../config/settings.ts";
import {
  DIFFERENCE_KINDS,
  GROUP_STATES,
  REPAIR_REASONS,
  REPAIR_STATES,
  TREND_DIRECTIONS,
} from "../evidence/evidence.ts";
import { COPY_RESULTS, FALLBACK_RESULTS } from "../reads/fallback-results.ts";
import { DECISION_STATES, GROUP_CHANGE_SCHEMA } from "./group-change.ts";
import {
  BACKFILL_OPEN_SCHEMA,
  BACKFILL_END_SCHEMA,
  FREEZE_ORDER_SCHEMA,
  FREEZE_SCHEMA,
  IDS_SCHEMA,
  NOTHING_SCHEMA,
  ROW_JOB_END_SCHEMA,
  ROW_VALUES_SCHEMA,
} from "./backfill-requests.ts";
import { AUDIT_ACTIONS } from "../evidence/audit.ts";
import { MEMBER_STATES } from "../members/members.ts";
import { FORGET_SCHEMA } from "./forget-request.ts";
import { CHECK_NAMES, MOVE_ENDS } from "../moves/phase-move.ts";
import { PHASE_MOVE_SCHEMA } from "./phase-request.ts";
import { MIRROR_SWITCH_SCHEMA, ROUTE_CHANGE_SCHEMA } from "./override-change.ts";
import { PURGE_SCHEMA } from "./purge-request.ts";
import { JOB_CHANGE_SCHEMA, REPAIR_RUN_SCHEMA } from "./repair-request.ts";
import { REPLAY_SCHEMA } from "./replay-request.ts";
import { CONDITION_STATES, EPOCH_REASONS, GATE_CONDITIONS, STRATA } from "../moves/gate-evidence.ts";
import { DROP_REASONS, OUTCOME_KINDS, SKIP_REASONS } from "../outcome.ts";
import { LEANS_ON, RETIRE_CONDITIONS } from "../moves/retire.ts";
import { NOT_TWICE_REASONS, SURVEY_FAILURES } from "../evidence/places.ts";
import { READ_BACK_RESULTS } from "../read-back-results.ts";
import { JOB_STATES, REPAIR_RESULTS } from "../repair-job.ts";
import { RUNNING_JOB_ENDS, RUNNING_JOB_KINDS, RUNNING_JOB_STATES } from "../rows/running-job.ts";
import { RUNNING_JOB_ORDER_SCHEMA, RUNNING_JOB_REPORT_SCHEMA } from "./running-job-requests.ts";

import { REPLAY_VERDICTS } from "../evidence/replay-request.ts";
import { BODY_LEFT_OUT, PAIR_LOSSES, PAIR_OUTCOMES } from "../evidence/stored-pair.ts";

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const time: Schema = { type: "string", format: "date-time" };
const count: Schema = { type: "integer", minimum: 0 };
const amount: Schema = { type: "number", minimum: 0 };
const number: Schema = { type: "number" };
const flag: Schema = { type: "boolean" };
const share: Schema = { type: "number", minimum: 0, maximum: 1 };
/** Which service may miss what the other has; null: either. */
const misses: Schema = { anyOf: [{ type: "string", enum: ["legacy", "next"] }, { type: "null" }] };
const reasons = [...DROP_REASONS, ...SKIP_REASONS];

function enumOf(values: readonly string[]): Schema {
  return { type: "string", enum: values };
}

function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

/** An object with exactly these members; those in `optional` may be absent. */
function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

/** How often each of these came up; those that never did are absent. */
function countsOf(names: readonly string[]): Schema {
  return object(Object.fromEntries(names.map((name) => [name, count])), names);
}

function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const leg = { service: text, status: orNull(count), ms: orNull(amount), bytes: orNull(count) };

const pairBody: Schema = {
  anyOf: [object({ text }), object({ leftOut: enumOf(BODY_LEFT_OUT), bytes: count, digest: text })],
};
const pairMessage = { headers: listOf(text), body: pairBody, redacted: listOf(text) };
const pairAnswer = object({ service: text, status: count, ...pairMessage });

const runningJobWanted = orNull(object({ state: enumOf(["paused", "stopped"]), by: text }));

const routeStatus = {
  name: text,
  phase: enumOf(PHASES),
  wanted: enumOf(PHASES),
  heldWrites: orNull(count),
  rollback: orNull(object({ price: enumOf(["free", "keys", "gone"]), text })),
  primary: text,
  shadow: orNull(text),
  unit: enumOf(["writes", "exchanges"]),
  eligible: count,
  pending: count,
  outcomes: object(Object.fromEntries(OUTCOME_KINDS.map((kind) => [kind, count]))),
  reasons: countsOf(reasons),
  divergenceRate: orNull(share),
  divergenceBelow: share,
  tunnels: count,
  lagMs: amount,
  breaker: orNull(enumOf(["closed", "half-open", "open"])),
  repairs: count,
  parked: count,
  gaps: count,
  gateEvidence: number,
  mappedForClients: object({ requests: count, answers: count, unmapped: count }),
  dialledReads: object({ next: count, pinned: count, askedAgain: count }),
  readBacks: object(Object.fromEntries(READ_BACK_RESULTS.map((result) => [result, count]))),
  fallbackReads: object({
    ...Object.fromEntries(FALLBACK_RESULTS.map((result) => [result, count])),
    copies: object(Object.fromEntries(COPY_RESULTS.map((result) => [result, count]))),
  }),
  causes: orNull(object(Object.fromEntries(GROUP_STATES.map((state) => [state, count])))),
  overrides: listOf(ref("Override")),
};

const group = {
  id: text,
  route: text,
  method: text,
  signature: listOf(
    object({ at: text, kind: enumOf([...DIFFERENCE_KINDS, "failure"]), primary: text, shadow: text }, [
      "primary",
      "shadow",
    ]),
  ),
  count,
  tainted: count,
  share: share,
  firstSeen: time,
  lastSeen: time,
  firstBuild: orNull(text),
  lastBuild: orNull(text),
  trend: object({ direction: enumOf(TREND_DIRECTIONS), hours: { ...listOf(count), minItems: 24, maxItems: 24 } }),
  state: enumOf(GROUP_STATES),
  decision: orNull(
    object({
      state: enumOf(DECISION_STATES),
      by: text,
      at: time,
      reason: orNull(text),
      until: orNull(time),
      build: orNull(text),
    }),
  ),
};

const ownDisagreements = listOf(object({ at: text, askedTwice: count, differedWithItself: count }));

export const SCHEMAS = {
  Health: object({ status: { const: "ok" } }),
  Readiness: object({ ready: flag, warnings: listOf(text) }, ["warnings"]),
  Member: object({
    id: text,
    name: orNull(text),
    host: text,
    pid: count,
    version: text,
    state: enumOf(MEMBER_STATES),
    since: time,
    heard: time,
    settings: object({ revision: count, digest: text }),
    open: count,
    self: flag,
  }),
  PhaseMove: PHASE_MOVE_SCHEMA,
  PhaseMoved: object({
    end: enumOf(MOVE_ENDS),
    sentence: text,
    dryRun: flag,
    routes: listOf(text),
    from: enumOf(PHASES),
    to: enumOf(PHASES),
    crosses: flag,
    checks: listOf(object({ name: enumOf(CHECK_NAMES), state: enumOf(["met", "missing", "forced"]), text })),
    epoch: count,
    pauseMs: orNull(amount),
    estimatedPauseMs: orNull(amount),
    refusedWrites: count,
  }),
  Forget: FORGET_SCHEMA,
  Forgotten: object({ forgotten: text }),
  Status: object({
    summary: text,
    ready: flag,
    warnings: listOf(text),
    routes: listOf(ref("RouteStatus")),
    collections: listOf(ref("CollectionStatus")),
    store: object({
      kind: enumOf(["sqlite", "redis", "memory"]),
      problem: orNull(text),
      lostWrites: count,
      pendingWrites: count,
    }),
    jobs: listOf(ref("RunningJob")),
    members: listOf(ref("Member")),
    config: object({ file: orNull(text), revision: count, error: orNull(text) }),
    workers: object({ wanted: count, running: count, replaced: count }),
    services: listOf(object({ name: text, origin: text, problem: orNull(text) })),
    queue: object({
      bytes: count,
      limitBytes: count,
      waiting: count,
      inFlight: count,
      inFlightLimit: count,
      spoolBytes: count,
      spoolLimitBytes: count,
      headroomSeconds: orNull(amount),
    }),
    journal: object({
      kind: enumOf(["none", "memory", "durable"]),
      depth: count,
      waiting: count,
      problem: orNull(text),
      bytes: count,
      pendingBytes: count,
      limitBytes: orNull(count),
    }),
    log: object({ file: text, problem: orNull(text), lostLines: count }),
    pairs: object({
      kept: count,
      bytes: count,
      limitBytes: count,
      notKept: object(Object.fromEntries(PAIR_LOSSES.map((why) => [why, count]))),
    }),
    webhook: orNull(
      object({ origin: text, delivered: count, failed: count, dropped: count, waiting: count, problem: orNull(text) }),
    ),
    telemetry: orNull(
      object({ origin: text, sent: count, failed: count, dropped: count, waiting: count, problem: orNull(text) }),
    ),
    mirroring: flag,
    killSwitch: orNull(ref("Override")),
    version: text,
    startedAt: time,
    time,
  }),
  RouteStatus: object(routeStatus),
  CollectionStatus: object({
    name: text,
    route: text,
    schedule: orNull(
      object({
        everyMs: count,
        sample: orNull(count),
        nextAt: orNull(time),
        runningSince: orNull(time),
        problem: orNull(text),
      }),
    ),
    reconcile: orNull(
      object({
        sourceRows: count,
        targetRows: count,
        missing: count,
        mismatched: count,
        extra: orNull(count),
        unmade: count,
        around: orNull(object({ legacy: count, next: count })),
        begunAt: time,
        endedAt: time,
      }),
    ),
    sample: orNull(
      object({
        legacy: ref("SampledRows"),
        next: orNull(ref("SampledRows")),
        missing: count,
        mismatched: count,
        unmade: count,
        begunAt: time,
        endedAt: time,
      }),
    ),
    cleanAt: orNull(time),
  }),
  SampledRows: object({ drawn: count, differing: count, shareAtMost: share }),
  Route: object({
    ...routeStatus,
    match: object({ path: text, methods: orNull(listOf(text)), host: orNull(text), headers: listOf(text) }),
    entity: orNull(text),
    key: listOf(text),
    treatAs: enumOf(TREAT_AS),
    mirror: object({
      writes: flag,
      readShare: share,
      when: enumOf(["accepted", "always"]),
      acceptRealEffects: orNull(text),
    }),
    reads: object({ dialShare: share, by: orNull(text), fallback: flag }),
    sharedDatabase: flag,
    compare: object({
      status: enumOf(["exact", "class"]),
      headers: listOf(text),
      mustMatch: listOf(text),
      noise: object({ readShare: share, comparedShare: share }),
      ignore: listOf(object({ at: text, because: text, until: orNull(time) })),
    }),
    rules: listOf(
      object({
        rule: text,
        because: orNull(text),
        until: orNull(time),
        excused: count,
        lastExcusedAt: orNull(time),
        stale: flag,
      }),
    ),
    module: orNull(
      object({
        file: text,
        hooks: listOf(text),
        failures: listOf(object({ step: text, times: count, last: text, lastAt: time })),
        isOff: flag,
      }),
    ),
    noise: object({
      askedTwice: count,
      notAskedTwice: countsOf(NOT_TWICE_REASONS),
      counted: count,
      notCounted: countsOf(SURVEY_FAILURES),
      placesLeftOut: count,
    }),
    values: object({ learn: listOf(text), apply: listOf(text) }),
    transform: object({
      path: orNull(text),
      methods: { type: "object", additionalProperties: text },
      headers: listOf(object({ legacy: text, next: text })),
      body: listOf(object({ legacy: text, next: text, of: orNull(enumOf(["request", "answer"])) })),
      module: orNull(object({ file: text, hooks: listOf(enumOf(TRANSFORM_HOOKS)) })),
    }),
    redact: listOf(text),
    redactDetect: listOf(enumOf(DETECTORS)),
  }),
  RouteHistory: object({
    route: text,
    points: listOf(
      object({
        from: time,
        to: time,
        outcomes: object(Object.fromEntries(OUTCOME_KINDS.map((kind) => [kind, count]))),
        primaryMs: orNull(amount),
        shadowMs: orNull(amount),
      }),
    ),
  }),
  Difference: object({ at: text, kind: enumOf(DIFFERENCE_KINDS), primary: orNull(text), shadow: orNull(text) }),
  Divergence: object(
    {
      id: text,
      time,
      route: text,
      phase: enumOf(PHASES),
      outcome: enumOf(OUTCOME_KINDS),
      reason: orNull(enumOf(reasons)),
      key: orNull(text),
      method: text,
      path: text,
      query: orNull(text),
      traceId: text,
      group: orNull(text),
      taintedBy: orNull(text),
      build: orNull(text),
      primary: object(leg),
      shadow: orNull(object({ ...leg, attempts: count })),
      differences: listOf(ref("Difference")),
      moreDifferences: count,
      error: orNull(text),
      readBack: object({ of: text, ageMs: count }),
    },
    ["readBack"],
  ),
  Place: object({
    route: text,
    method: text,
    path: text,
    at: text,
    askedTwice: count,
    differedWithItself: count,
    compared: count,
    onBothSides: count,
    differed: count,
    values: count,
    distinct: count,
    classes: listOf(object({ class: text, count })),
    since: time,
    lastSeen: time,
  }),
  Group: object({ ...group, ownDisagreements, samples: { ...listOf(text), maxItems: 10 } }),
  GroupRecord: object(group),
  GroupChange: GROUP_CHANGE_SCHEMA,
  Override: object({
    route: orNull(text),
    setting: enumOf(["mirror", "reads", "dial"]),
    value: { anyOf: [flag, { type: "number", minimum: 0, maximum: 1 }] },
    by: text,
    at: time,
    reason: orNull(text),
  }),
  RouteChange: ROUTE_CHANGE_SCHEMA,
  MirrorSwitch: MIRROR_SWITCH_SCHEMA,
  MirrorState: object({ enabled: flag, kept: flag }),
  AuditEntry: object({
    id: text,
    at: time,
    by: text,
    action: enumOf(AUDIT_ACTIONS),
    subject: orNull(text),
    what: text,
    reason: orNull(text),
  }),
  Purge: PURGE_SCHEMA,
  GroupWithSamples: object({ ...group, ownDisagreements, samples: listOf(ref("Divergence")) }),
  Purged: object({ dryRun: flag, records: count, samples: count, pairs: count, logLines: count, kept: listOf(text) }),
  Pair: object({
    id: text,
    time,
    route: text,
    phase: enumOf(PHASES),
    key: orNull(text),
    build: orNull(text),
    outcome: enumOf(PAIR_OUTCOMES),
    group: orNull(text),
    request: object({ method: text, target: text, scheme: enumOf(["http", "https"]), ...pairMessage }),
    primary: pairAnswer,
    shadow: pairAnswer,
    rules: listOf(text),
    differences: listOf(ref("Difference")),
    moreDifferences: count,
  }),
  Replay: REPLAY_SCHEMA,
  Replayed: object({
    id: text,
    route: text,
    method: text,
    target: text,
    requestClass: enumOf(["read", "write"]),
    sentTo: listOf(text),
    verdict: enumOf(REPLAY_VERDICTS),
    outcome: enumOf(OUTCOME_KINDS),
    before: listOf(ref("Difference")),
    differences: listOf(ref("Difference")),
    moreDifferences: count,
    primary: object(leg),
    shadow: object(leg),
    error: orNull(text),
  }),
  Repair: object({
    route: text,
    key: orNull(text),
    reason: enumOf(REPAIR_REASONS),
    exchangeId: text,
    since: time,
    times: count,
    revision: count,
    notBefore: orNull(time),
    state: enumOf(REPAIR_STATES),
    attempts: count,
    nextTry: orNull(time),
    lastError: orNull(text),
    misses,
    evidence: orNull(
      object({
        at: time,
        path: text,
        wrote: orNull(text),
        answered: orNull(count),
        primary: orNull(count),
        shadow: orNull(count),
        differences: listOf(object({ at: text, kind: enumOf(DIFFERENCE_KINDS) })),
      }),
    ),
  }),
  RepairRun: REPAIR_RUN_SCHEMA,
  JobChange: JOB_CHANGE_SCHEMA,
  Job: object({
    id: text,
    kind: enumOf(["repair"]),
    state: enumOf(JOB_STATES),
    by: text,
    route: orNull(text),
    dryRun: flag,
    startedAt: time,
    endedAt: orNull(time),
    total: count,
    done: count,
    results: object(Object.fromEntries(REPAIR_RESULTS.map((result) => [result, count]))),
    oldestSeconds: orNull(count),
    findings: listOf(
      object({
        route: text,
        key: orNull(text),
        result: enumOf(REPAIR_RESULTS),
        would: orNull(enumOf(["PUT", "POST", "DELETE"])),
        why: orNull(text),
        differences: listOf(ref("Difference")),
      }),
    ),
    error: orNull(text),
  }),
  RunningJobOrder: RUNNING_JOB_ORDER_SCHEMA,
  RunningJobReport: RUNNING_JOB_REPORT_SCHEMA,
  RunningJobAnswer: object({ id: text, wanted: runningJobWanted, lagMs: orNull(amount) }),
  RunningJob: object({
    id: text,
    kind: enumOf(RUNNING_JOB_KINDS),
    collection: text,
    dryRun: flag,
    route: text,
    state: enumOf(RUNNING_JOB_STATES),
    by: text,
    startedAt: time,
    heardAt: time,
    endedAt: orNull(time),
    wanted: runningJobWanted,
    rows: count,
    estimate: orNull(count),
    rowsPerSecond: amount,
    written: count,
    setAside: count,
    differing: count,
    waiting: orNull(text),
    end: orNull(enumOf(RUNNING_JOB_ENDS)),
    error: orNull(text),
  }),
  AnyJob: { anyOf: [ref("Job"), ref("RunningJob")] },
  BackfillOpen: BACKFILL_OPEN_SCHEMA,
  BackfillOpened: object({ id: text, entity: text }),
  BackfillNothing: NOTHING_SCHEMA,
  BackfillMark: object({ at: count }),
  BackfillFreeze: FREEZE_ORDER_SCHEMA,
  BackfillFrozen: object(
    { end: enumOf(["frozen", "dirty", "later", "over"]), freeze: count, touched: listOf(text), why: text },
    ["freeze", "touched", "why"],
  ),
  BackfillHeld: FREEZE_SCHEMA,
  BackfillConfirmed: object({ holds: flag }),
  BackfillThawed: object({ thawed: count }),
  BackfillRows: IDS_SCHEMA,
  BackfillLeft: object({ left: count }),
  BackfillEnd: BACKFILL_END_SCHEMA,
  BackfillEnded: object({ ended: text }),
  RowJobBegun: object({ id: text }),
  RowJobEnd: ROW_JOB_END_SCHEMA,
  RowJobTold: object({ gapsEnded: count, repairsEnded: count }),
  RowValues: ROW_VALUES_SCHEMA,
  RowValuePairs: object({ values: listOf(object({ legacy: orNull(text), next: orNull(text) })) }),
  Gate: object({
    route: text,
    open: flag,
    sentence: text,
    conditions: listOf(object({ name: enumOf(GATE_CONDITIONS), state: enumOf(CONDITION_STATES), text })),
    divergenceBelow: share,
    confidence: share,
    spanMs: count,
    latencyRatioBelow: amount,
    epoch: count,
    why: enumOf(EPOCH_REASONS),
    since: time,
    build: orNull(text),
    blockMs: count,
    strata: listOf(
      object({
        stratum: enumOf(STRATA),
        units: count,
        divergent: count,
        excused: count,
        evidence: number,
        asked: flag,
      }),
    ),
    against: { type: "object", additionalProperties: count },
    methods: { type: "object", additionalProperties: count },
    latencyRatio: orNull(amount),
    unitsNeeded: count,
    unitsPerDay: amount,
    etaMs: orNull(amount),
  }),
  Retire: object({
    route: text,
    phase: enumOf(PHASES),
    clean: flag,
    legacyCanGo: flag,
    sentence: text,
    quietMs: count,
    conditions: listOf(
      object({
        name: enumOf(RETIRE_CONDITIONS),
        state: enumOf(CONDITION_STATES),
        leansOn: enumOf(LEANS_ON),
        text,
        figure: orNull(count),
        since: orNull(time),
      }),
    ),
    etaMs: orNull(amount),
  }),
  ValuePair: object({
    kind: text,
    legacy: orNull(text),
    next: orNull(text),
    same: flag,
    secret: flag,
    held: orNull(enumOf(["legacy", "next"])),
    since: time,
    until: orNull(time),
  }),
  Gap: object({ id: text, route: text, from: time, to: orNull(time), why: text, misses }),
  Problem: {
    type: "object",
    properties: { type: text, title: text, status: count, detail: text },
    required: ["type", "title", "status", "detail"],
  },
} satisfies Readonly<Record<string, Schema>>;

export type SchemaName = keyof typeof SCHEMAS;
