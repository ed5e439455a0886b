/** Sends a recorded request once more, compares the answers anew, and says how they stand to what was recorded. */
import { type JudgeParts, judgeAnswers } from "../compare/judge.ts";
import { hostFor, type ServiceSettings } from "../config/settings.ts";
import type { Difference, LegRecord } from "../evidence/evidence.ts";
import {
  type Answer,
  type BodyCopy,
  epochOf,
  type Exchange,
  type Role,
  type Settled,
  type Snapshot,
  type WholeAnswer,
} from "../exchange.ts";
import type { ChangeLog } from "../mirror/change-log.ts";
import type { Freezes } from "../mirror/freezes.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import type { WriteHold } from "../phase/write-hold.ts";
import { endToEndHeaders, withHeaders } from "../headers.ts";
import { makeTraceId } from "../identity.ts";
import { NotAttempted, type ShadowGate } from "../mirror/shadow-gate.ts";
import type { ValueMap } from "../mirror/values/value-map.ts";
import { buildShadowRequest } from "../mirror/shadow-request.ts";
import { DIVERGENT, MATCH, type Outcome, SHADOW_ERROR, UNKNOWN } from "../outcome.ts";
import type { Store, Upstream } from "../ports.ts";
import { buildRecord } from "../record/divergence-record.ts";
import type { DecodeBody } from "../record/pair-redaction.ts";
import type { Redactor } from "../record/redaction.ts";
import type {
  ReplayEnd,
  ReplayRefusal,
  ReplayRequest,
  ReplayResult,
  ReplayVerdict,
} from "../evidence/replay-request.ts";
import { PAIR_OUTCOMES, type PairAnswer, type StoredPair } from "../evidence/stored-pair.ts";
import type { Transforms } from "../transform/transforms.ts";
import { type Answered, ask, type Question, type Unanswered } from "../try/ask.ts";
import { compareAgain } from "./compare-again.ts";
import { KnownDifferences } from "./difference-keys.ts";
import { planReplay, type ReplayPlan } from "./replay-plan.ts";

export interface ReplayParts extends JudgeParts {
  readonly snapshot: () => Snapshot;
  readonly mirroringEnabled: () => boolean;
  readonly store: Pick<Store, "pair" | "divergence" | "append">;
  readonly upstream: (role: Role, service: ServiceSettings) => Upstream;
  readonly gate: (service: ServiceSettings) => ShadowGate;
  readonly redactor: Pick<Redactor, "redact" | "redactPair">;
  readonly decode: DecodeBody;
  readonly markKey: Buffer;
  readonly hold: Pick<WriteHold, "holds">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  readonly changes: Pick<ChangeLog, "began" | "ended">;
  readonly freezes: Pick<Freezes, "held">;
  readonly values: Pick<ValueMap, "repeated" | "answer">;
  readonly transforms: Transforms;
  /** For the log of the process. */
  readonly audit: (entry: ReplayAudit) => void;
}

export interface ReplayAudit extends ReplayRequest {
  /** Why it was refused, or what came of it. */
  readonly end: ReplayRefusal | ReplayVerdict | "unknown";
  readonly sentTo: readonly string[];
}

/** One at a time: it is a person who asks, and nothing of it may crowd the traffic. */
export function createReplay(parts: ReplayParts): (request: ReplayRequest) => Promise<ReplayEnd> {
  let isBusy = false;

  async function replay(request: ReplayRequest): Promise<ReplayEnd> {
    const pair = await parts.store.pair(request.id);
    if (pair === null) {
      if ((await parts.store.divergence(request.id)) === null) return { end: "unknown" };
      const detail = "it was not kept whole, or has been evicted: a few exchanges of each cause are (limits.pairs)";
      return { end: "refused", why: "not-kept", detail };
    }
    const plan = planReplay(pair, parts.snapshot(), parts.mirroringEnabled(), request);
    if ("why" in plan) return { end: "refused", ...plan };
    if (parts.gate(plan.shadow).state() !== "closed") {
      const detail = `${plan.shadow.name} has not answered of late and is left alone; try again once it is back`;
      return { end: "refused", why: "shadow-down", detail };
    }
    const result =
      plan.requestClass === "read" ? await replayRead(parts, pair, plan) : await replayWrite(parts, pair, plan);
    return { end: "replayed", result };
  }

  return async (request) => {
    if (isBusy) return { end: "refused", why: "busy", detail: "another request is being replayed; try again" };
    isBusy = true;
    try {
      const ended = await replay(request);
      const end = ended.end === "replayed" ? ended.result.verdict : ended.end === "refused" ? ended.why : ended.end;
      parts.audit({ ...request, end, sentTo: ended.end === "replayed" ? ended.result.sentTo : [] });
      return ended;
    } finally {
      isBusy = false;
    }
  };
}

async function replayRead(parts: ReplayParts, pair: StoredPair, plan: ReplayPlan): Promise<ReplayResult> {
  const exchange = exchangeOf(parts, pair, plan);
  const [primary, shadow] = await Promise.all([askPrimary(parts, exchange, plan), askShadow(parts, exchange, plan)]);
  const found = await judge(parts, exchange, primary, shadow);
  const legs = { primary: numbersOf(primary), shadow: { ...numbersOf(shadow), attempts: shadow.attempts } };
  const answers = { primary: wholeOf(primary), shadow: wholeOf(shadow) };
  const settled = settledFor(exchange, plan, { ...legs, ...found, answers });
  const { record } = buildRecord(settled, parts.redactor.redact(settled), null);
  const { differences, moreDifferences, outcome, error } = record;
  const isCompared = PAIR_OUTCOMES.some((kind) => kind === outcome);
  return {
    ...whatOf(pair, plan),
    sentTo: [plan.primary.name, plan.shadow.name],
    verdict: isCompared ? verdictOf(pair, differences, moreDifferences) : "unanswered",
    outcome,
    differences,
    moreDifferences,
    primary: record.primary,
    shadow: legOf(plan.shadow, shadow),
    error,
  };
}

/** The answer is redacted as the recorded one was, so that the two can be compared. */
async function replayWrite(parts: ReplayParts, pair: StoredPair, plan: ReplayPlan): Promise<ReplayResult> {
  const exchange = exchangeOf(parts, pair, plan);
  const answer = await askShadow(parts, exchange, plan);
  // What it wrote may be older than what the shadow held: its state is not known to equal the primary's any more.
  if (plan.shadow.idempotency !== "honoured" && answer.attempts > 0) {
    const now = parts.clock.now();
    const at = new Date(now).toISOString();
    const notBefore = new Date(now + plan.shadow.asShadow.maxWorkMs).toISOString();
    const { route, key, id: exchangeId } = pair;
    parts.store.append([
      {
        type: "repair",
        ...{ route, key, reason: "late-attempt", exchangeId, at, notBefore, place: null },
        misses: plan.identities.shadow,
      },
    ]);
  }
  const common = {
    ...whatOf(pair, plan),
    sentTo: [plan.shadow.name],
    primary: { service: pair.primary.service, status: pair.primary.status, ms: null, bytes: null },
    shadow: legOf(plan.shadow, answer),
  };
  const failed = (error: string): ReplayResult => ({
    ...common,
    verdict: "unanswered",
    outcome: SHADOW_ERROR.kind,
    differences: [],
    moreDifferences: 0,
    error,
  });
  if ("failure" in answer) return failed(redactError(parts, exchange, plan, `${answer.failure}: ${answer.why}`));
  const shadow = redactAnswer(parts, exchange, plan, answer);
  if (shadow === null) return failed("its answer is larger than what is kept whole");
  const again = await compareAgain({ ...pair, shadow }, plan.found.route, parts.comparer, parts.clock.now());
  if ("failed" in again) return failed(again.failed);
  const { differences, moreDifferences, appeared, vanished, undecided } = again;
  let verdict: ReplayVerdict = "same";
  if (differences.length + moreDifferences === 0 && pair.differences.length > 0) verdict = "gone";
  else if (appeared.length + vanished.length > 0) verdict = "other";
  else if (undecided.length > 0) verdict = "undecided";
  const outcome = differences.length + moreDifferences === 0 ? MATCH.kind : DIVERGENT.kind;
  return { ...common, verdict, outcome, differences, moreDifferences, error: null };
}

function whatOf(
  pair: StoredPair,
  { requestClass }: ReplayPlan,
): Pick<ReplayResult, "id" | "route" | "method" | "target" | "requestClass" | "before"> {
  const { method, target } = pair.request;
  return { id: pair.id, route: pair.route, method, target, requestClass, before: pair.differences };
}

/** With the id of the exchange that it repeats: the same idempotency key goes along. */
function exchangeOf({ snapshot, clock }: ReplayParts, { id }: StoredPair, plan: ReplayPlan): Exchange {
  const { head, found, requestClass, identities } = plan;
  return {
    id,
    arrivedAt: clock.now(),
    snapshot: snapshot(),
    request: head,
    route: found.route,
    params: found.params,
    plan: { mirror: true, ...identities, requestClass },
    traceId: makeTraceId(),
    trace: null,
  };
}

function askPrimary(
  parts: ReplayParts,
  { request, snapshot, route, plan }: Exchange,
  { primary, body }: ReplayPlan,
): Promise<Answered | Unanswered> {
  const { timeoutMs, totalTimeoutMs } = primary.asPrimary;
  const marks = plan.requestClass === "write" ? route.markHeaders : [];
  const headers = withHeaders(endToEndHeaders(request, { host: hostFor(primary), proto: request.scheme }), marks);
  return ask(parts.upstream("primary", primary), {
    method: request.method,
    target: request.target,
    headers: withOwn(headers, primary),
    body,
    headersTimeoutMs: timeoutMs,
    totalTimeoutMs: totalTimeoutMs ?? timeoutMs,
    maxBytes: snapshot.settings.limits.bodyInMemoryBytes,
  });
}

class Failed extends Error {
  readonly end: Unanswered;

  constructor(end: Unanswered) {
    super(end.why);
    this.end = end;
  }
}

/** Within the limits that copies have. */
async function askShadow(
  parts: ReplayParts,
  exchange: Exchange,
  { shadow, body, requestClass }: ReplayPlan,
): Promise<Answered | Unanswered> {
  const { id, route } = exchange;
  if (parts.hold.holds(route.name) || exchange.snapshot.revision !== parts.snapshot().revision) {
    return { attempts: 0, failure: "changed", why: "its route was changed meanwhile" };
  }
  // Not while its route is taken over the barrier: it would be sent to who is the primary then.
  const name = `replay ${id}`;
  parts.openWrites.enter(name, route.name);
  // What it writes is older than what a backfill may be bringing over; which row it is of is redacted.
  const entities = [route.entity, ...route.touches.map(({ entity }) => entity)].filter((entity) => entity !== null);
  const reach = { keys: [], lateOf: [], anyOf: requestClass === "write" ? entities : [] };
  parts.changes.began(name, route.name, reach);
  let landsUntil: number | null = null;
  try {
    await parts.freezes.held(reach);
    const answer = await askShadowNow(parts, exchange, { shadow, body });
    if ("failure" in answer && answer.attempts > 0) landsUntil = parts.clock.now() + shadow.asShadow.maxWorkMs;
    return answer;
  } finally {
    parts.openWrites.leave(name);
    parts.changes.ended(name, landsUntil);
  }
}

async function askShadowNow(
  parts: ReplayParts,
  exchange: Exchange,
  { shadow, body }: Pick<ReplayPlan, "shadow" | "body">,
): Promise<Answered | Unanswered> {
  const { markKey } = parts;
  const { timeoutMs, maxAgeMs } = shadow.asShadow;
  const stored = { kind: "memory", bytes: body } as const;
  const mapped = await parts.values.repeated(exchange, stored, parts.clock.monotonic() + timeoutMs);
  if (mapped.end === "shutdown") return { attempts: 0, failure: "shutdown", why: "the proxy ends" };
  if (mapped.end === "unmapped") return { attempts: 0, failure: "unmapped-value", why: mapped.why };
  const { rewrite } = mapped;
  const copy = { exchange, service: shadow, body: stored, markKey, epoch: epochOf(exchange), rewrite };
  // Older than every write that the traffic sends: where it came in the primary's order is not known.
  const shaped = await parts.transforms.copy(buildShadowRequest({ ...copy, order: "0.0" }), exchange);
  if (!shaped.ok) return { attempts: 0, failure: "unmapped-value", why: shaped.why };
  const { method, target, headers, body: sent } = shaped.value;
  const question: Question = {
    method,
    target,
    headers: withOwn(headers, shadow),
    body: sent.kind === "memory" ? sent.bytes : body,
    headersTimeoutMs: timeoutMs,
    totalTimeoutMs: timeoutMs,
    maxBytes: exchange.snapshot.settings.limits.bodyInMemoryBytes,
  };
  try {
    const end = await parts.gate(shadow).run(async () => {
      const answer = await ask(parts.upstream("shadow", shadow), question);
      if ("failure" in answer) throw new Failed(answer);
      return answer;
    }, parts.clock.monotonic() + maxAgeMs);
    if (end instanceof NotAttempted) return { attempts: 0, failure: end.because, why: "it was not sent" };
    return await mappedBack(parts, exchange, end);
  } catch (thrown) {
    if (thrown instanceof Failed) return thrown.end;
    throw thrown;
  }
}

/** As the primary would have put it, which is how it was recorded. */
async function mappedBack(
  { values, transforms }: ReplayParts,
  exchange: Exchange,
  answered: Answered,
): Promise<Answered> {
  const put = await transforms.answer(answerOf(answered), exchange);
  const { status, headers, body } = await values.answer(exchange, put);
  return {
    ...answered,
    status,
    headers,
    body: body.kind === "memory" ? { kind: "bytes", bytes: body.bytes } : answered.body,
  };
}

/** Those that the file says stand in the place of the client's. */
function withOwn(headers: readonly string[], { own }: ServiceSettings): string[] {
  const set = new Set(own.headers.map(([name]) => name));
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!set.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return [...kept, ...own.headers.flat()];
}

type Found = Pick<Settled, "outcome" | "differences" | "moreDifferences" | "error">;

async function judge(
  parts: ReplayParts,
  { route, request }: Exchange,
  primary: Answered | Unanswered,
  shadow: Answered | Unanswered,
): Promise<Found> {
  const nothing = (outcome: Outcome, { failure, why }: Unanswered): Found => {
    return { outcome, differences: [], moreDifferences: 0, error: `${failure}: ${why}` };
  };
  if ("failure" in primary) return nothing(UNKNOWN, primary);
  if ("failure" in shadow) return nothing(SHADOW_ERROR, shadow);
  const about = { route: route.name, method: request.method };
  const judged = await judgeAnswers(parts, route.compare, answerOf(primary), answerOf(shadow), about);
  const { outcome, differences, moreDifferences, error } = judged;
  return { outcome, differences, moreDifferences, error };
}

/** What it sets as a cookie is secret in its body too. */
function wholeOf(answer: Answered | Unanswered): WholeAnswer {
  if ("failure" in answer) return { status: 0, headers: [], body: Buffer.alloc(0) };
  const { status, headers, body } = answer;
  return { status, headers, body: Buffer.from(body.kind === "bytes" ? body.bytes : []) };
}

function answerOf({ status, headers, body, ms }: Answered): Answer {
  const copy: BodyCopy = body.kind === "bytes" ? { kind: "memory", bytes: Buffer.from(body.bytes) } : body;
  return { status, headers, body: copy, ms };
}

function verdictOf(pair: StoredPair, differences: readonly Difference[], moreDifferences: number): ReplayVerdict {
  if (differences.length + moreDifferences === 0) return pair.differences.length > 0 ? "gone" : "same";
  const known = new KnownDifferences(pair.differences);
  const found = new KnownDifferences(differences);
  const isSame = differences.every((one) => known.has(one)) && pair.differences.every((one) => found.has(one));
  return isSame ? "same" : "other";
}

function numbersOf(answer: Answered | Unanswered): Settled["primary"] {
  if ("failure" in answer) return { status: null, ms: null, bytes: null };
  return { status: answer.status, ms: answer.ms, bytes: answer.bytes };
}

function legOf({ name }: ServiceSettings, answer: Answered | Unanswered): LegRecord {
  const { ms, ...numbers } = numbersOf(answer);
  return { service: name, ...numbers, ms: ms === null ? null : Math.round(ms * 10) / 10 };
}

/** What a settled exchange would be, as far as redaction looks at it. */
function settledFor(exchange: Exchange, { body }: ReplayPlan, given: Partial<Settled>): Settled {
  return {
    exchange,
    requestBody: body,
    key: null,
    outcome: UNKNOWN,
    primary: { status: null, ms: null, bytes: null },
    shadow: null,
    differences: [],
    moreDifferences: 0,
    build: null,
    taintedBy: null,
    error: null,
    failure: null,
    repair: null,
    notBefore: null,
    uncreated: false,
    moreKeys: [],
    answers: null,
    ...given,
  };
}

function redactError(parts: ReplayParts, exchange: Exchange, plan: ReplayPlan, error: string): string {
  return parts.redactor.redact(settledFor(exchange, plan, { error })).error ?? error;
}

/** null: larger than what is kept whole. */
function redactAnswer(parts: ReplayParts, exchange: Exchange, plan: ReplayPlan, answer: Answered): PairAnswer | null {
  if (answer.body.kind !== "bytes") return null;
  const whole = { status: answer.status, headers: answer.headers, body: Buffer.from(answer.body.bytes) };
  const answers = { primary: whole, shadow: whole };
  const steps = parts.redactor.redactPair(settledFor(exchange, plan, { answers }), parts.decode);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value?.shadow ?? null;
}
