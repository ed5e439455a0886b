/** One recorded request to legacy and to next at once, as the proxy would send it to each, and what the comparison says. */
import type { Comparer } from "../compare/comparer.ts";
import { hostFor, serviceOf, type ServiceSettings } from "../config/settings.ts";
import type { BodyCopy, Exchange, RuleTimes, Settled, Snapshot } from "../exchange.ts";
import { headerOf } from "../exchange.ts";
import { endToEndHeaders } from "../headers.ts";
import { makeTraceId, makeUlid } from "../identity.ts";
import { buildShadowRequest, identityRewrite } from "../mirror/shadow-request.ts";
import { DIVERGENT, dropped, IGNORED, MATCH, SHADOW_ERROR, SHADOW_TIMEOUT, UNKNOWN } from "../outcome.ts";
import type { Clock, Upstream } from "../ports.ts";
import type { Role } from "../exchange.ts";
import type { Transforms } from "../transform/transforms.ts";
import { type Answered, ask, comparablePair, type Question, type Unanswered } from "./ask.ts";
import type { Chosen } from "./choose.ts";

export interface ReplayParts {
  readonly snapshot: Snapshot;
  readonly upstream: (role: Role, service: ServiceSettings) => Upstream;
  /** Resolves when next may be sent one more request (asShadow.rate). */
  readonly turnOf: (service: ServiceSettings) => Promise<void>;
  readonly comparer: Comparer;
  readonly transforms: Transforms;
  readonly clock: Clock;
  readonly markKey: Buffer;
}

export interface Replayed {
  readonly settled: Settled;
  /** How often each rule excused a difference. */
  readonly excusedBy: readonly RuleTimes[];
  /** Of each service its failure, where it gave no complete answer. */
  readonly unanswered: { readonly legacy: string | null; readonly next: string | null };
}

const OUTCOMES = { match: MATCH, ignored: IGNORED, divergent: DIVERGENT } as const;

/** `position`: of the request in the file. Never rejects for what a service does. */
export async function replay(parts: ReplayParts, chosen: Chosen, position: number): Promise<Replayed> {
  const { settings } = parts.snapshot;
  const exchange = exchangeOf(parts, chosen);
  const legacy = serviceOf(settings, "legacy");
  const next = serviceOf(settings, exchange.route.next);
  const maxBytes = settings.limits.bodyOnDiskBytes;
  const [primary, shadow] = await Promise.all([
    ask(parts.upstream("primary", legacy), questionTo(legacy, exchange, chosen.recorded.body, maxBytes)),
    parts.turnOf(next).then(async () => {
      const body = { kind: "memory", bytes: chosen.recorded.body } as const;
      const order = `0.${position}`;
      const { markKey } = parts;
      const copy = { exchange, service: next, body, markKey, order, epoch: 1, rewrite: identityRewrite };
      const shaped = await parts.transforms.copy(buildShadowRequest(copy), exchange);
      if (!shaped.ok) return { attempts: 0, failure: "unmapped-value", why: shaped.why };
      const { method, target, headers, body: sent } = shaped.value;
      const ms = next.asShadow.timeoutMs;
      const limits = { headersTimeoutMs: ms, totalTimeoutMs: ms, maxBytes };
      return ask(parts.upstream("shadow", next), {
        method,
        target,
        headers,
        body: sent.kind === "memory" ? sent.bytes : body.bytes,
        ...limits,
      });
    }),
  ]);
  const unanswered = { legacy: failureIn(primary), next: failureIn(shadow) };
  const { excusedBy, ...found } = await judge(parts, exchange, primary, await putAtLegacy(parts, exchange, shadow));
  const build = next.build === null || "failure" in shadow ? null : headerOf(shadow.headers, next.build.name);
  const settled: Settled = {
    exchange,
    requestBody: chosen.recorded.body,
    key: null,
    moreKeys: [],
    primary: legOf(primary),
    shadow: { ...legOf(shadow), attempts: shadow.attempts },
    build,
    taintedBy: null,
    repair: null,
    notBefore: null,
    uncreated: false,
    answers: null,
    ...found,
  };
  return { settled, excusedBy, unanswered };
}

function exchangeOf({ clock, snapshot }: ReplayParts, { recorded, route, params }: Chosen): Exchange {
  const arrivedAt = clock.now();
  return {
    id: makeUlid(arrivedAt),
    arrivedAt,
    snapshot,
    request: recorded.head,
    route,
    params,
    // Whatever the route's phase: legacy is what there is, next is what may take its place.
    plan: { mirror: true, primary: "legacy", shadow: "next", requestClass: "read" },
    traceId: makeTraceId(),
    trace: null,
  };
}

function questionTo(legacy: ServiceSettings, { request }: Exchange, body: Buffer, maxBytes: number): Question {
  const { timeoutMs, totalTimeoutMs } = legacy.asPrimary;
  const headers = endToEndHeaders(request, { host: hostFor(legacy), proto: request.scheme });
  const limits = { headersTimeoutMs: timeoutMs, totalTimeoutMs: totalTimeoutMs ?? timeoutMs, maxBytes };
  return { method: request.method, target: request.target, headers, body, ...limits };
}

interface Found extends Pick<Settled, "outcome" | "differences" | "moreDifferences" | "error" | "failure"> {
  readonly excusedBy: readonly RuleTimes[];
}

const NOTHING_FOUND = { differences: [], moreDifferences: 0, excusedBy: [], failure: null } as const;

async function judge(
  parts: ReplayParts,
  exchange: Exchange,
  primary: Answered | Unanswered,
  shadow: Answered | Unanswered,
): Promise<Found> {
  if ("failure" in primary) return { ...NOTHING_FOUND, outcome: UNKNOWN, error: `${primary.failure}: ${primary.why}` };
  if ("failure" in shadow) {
    const { failure, why } = shadow;
    const outcome = failure === "timeout" ? SHADOW_TIMEOUT : SHADOW_ERROR;
    return { ...NOTHING_FOUND, outcome, error: `${failure}: ${why}`, failure };
  }
  const [a, b] = comparablePair(primary.body, shadow.body);
  const pair = {
    primary: { status: primary.status, headers: primary.headers, body: a },
    shadow: { status: shadow.status, headers: shadow.headers, body: b },
    rules: exchange.route.compare,
    now: parts.clock.now(),
  };
  const verdict = parts.comparer.compareInline(pair) ?? (await parts.comparer.compare(pair));
  if ("failed" in verdict || "overloaded" in verdict) {
    const error = "failed" in verdict ? verdict.failed : "more comparisons wait than the queue holds";
    return { ...NOTHING_FOUND, outcome: dropped("compare-overload"), error };
  }
  const { differences, moreDifferences, excusedBy } = verdict;
  const outcome = OUTCOMES[verdict.outcome];
  return { outcome, differences, moreDifferences, excusedBy, error: null, failure: null };
}

async function putAtLegacy(
  { transforms }: ReplayParts,
  exchange: Exchange,
  answer: Answered | Unanswered,
): Promise<Answered | Unanswered> {
  if ("failure" in answer) return answer;
  const { body, ...rest } = answer;
  const held: BodyCopy = body.kind === "bytes" ? { kind: "memory", bytes: Buffer.from(body.bytes) } : body;
  const put = await transforms.answer({ ...rest, body: held }, exchange);
  return {
    ...answer,
    status: put.status,
    headers: put.headers,
    body: put.body.kind === "memory" ? { ...put.body, kind: "bytes" } : body,
  };
}

function failureIn(answer: Answered | Unanswered): string | null {
  return "failure" in answer ? answer.failure : null;
}

function legOf(answer: Answered | Unanswered): Settled["primary"] {
  if ("failure" in answer) return { status: null, ms: null, bytes: null };
  return { status: answer.status, ms: answer.ms, bytes: answer.bytes };
}
