/**
 * The second half of an exchange's life, after the primary's answer: settle → lane → shadow → compare → record.
 * The client has its answer; nothing here can touch it. Every path ends in `finish`, once.
 */
import type { ServiceSettings } from "./config/settings.ts";
import { serviceOf } from "./config/settings.ts";
import type { RepairReason } from "./evidence.ts";
import type { Answer, BodyCopy, Exchange, Settled } from "./exchange.ts";
import { headerOf } from "./exchange.ts";
import { judgeAnswers, type Judged } from "./compare/judge.ts";
import { contentEncodingOf, decodeContent } from "./compare/decode.ts";
import { Capture, type Captured } from "./forward/capture.ts";
import type { PrimaryAnswered, PrimaryEnding } from "./forward/forwarder.ts";
import type { Waiting } from "./mirror/backlog.ts";
import { deliver, type DeliveryEnd } from "./mirror/delivery.ts";
import type { Lanes, Ticket, Turn } from "./mirror/lanes.ts";
import { inSlices, untilLaterTurn } from "./mirror/loop-share.ts";
import { buildShadowRequest } from "./mirror/shadow-request.ts";
import { isAccepted, judgeUnanswered } from "./mirror/verdicts.ts";
import { dropped, type Outcome, skipped, UNKNOWN } from "./outcome.ts";
import { serviceNameFor } from "./phases.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import type { PrimaryEnd } from "./ports.ts";
import { keyAtAnswer, keyOfRoute } from "./route/entity-key.ts";

/** An eligible exchange on its way to its one outcome. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** As known from the request's head. */
  readonly key: string | null;
  readonly ticket: Ticket | null;
  readonly lanes: Lanes<Copy>;
  /** One of our own copies came back to us: it is forwarded, never mirrored again. */
  readonly isLoop: boolean;
}

/** An accepted exchange that waits in its lane for the shadow. */
export interface Copy {
  readonly exchange: Exchange;
  readonly key: string;
  readonly primary: PrimaryAnswered;
  readonly body: BodyCopy;
  readonly order: string;
  /** Held of the budget while the copy waits, beside its bodies. */
  readonly costBytes: number;
  readonly answeredAt: number;
  readonly waiting: Waiting;
}

/** What one waiting copy costs beside its bodies and headers: lane entry, promises, exchange (measured: 7.6 kB). */
const COPY_OVERHEAD_BYTES = 8 * 1024;
/** An id is read from answers up to this size: the scan takes well below the 20 ms that a client may be held up. */
const KEY_ANSWER_MAX_BYTES = 1024 * 1024;

/** Called before the last byte of the primary's answer leaves: a key that only the answer tells joins its lane here. */
export function settle(parts: PipelineParts, open: OpenExchange, ending: PrimaryEnding): void {
  const { exchange, ticket, lanes } = open;
  const isWrite = exchange.plan.requestClass === "write";
  if (ending.end !== "answered") {
    if (ticket !== null) lanes.withdraw(ticket);
    const unknown = ending.end === "unknown";
    if (isWrite) parts.journal.answered(exchange.id, unknown ? "unknown" : "refused", open.key);
    const outcome = unknown ? UNKNOWN : skipped("not-accepted");
    const found: Finding = { ...NOTHING_FOUND, outcome, repair: unknown ? "unknown" : null, error: ending.why };
    const primary = unknown ? { ...NO_ANSWER, status: ending.status } : NO_ANSWER;
    finish(parts, exchange, open.key, null, found, primary);
    return;
  }

  const key = open.key ?? keyFromAnswer(open, ending) ?? keyOfRoute(exchange.route);
  const verdict = whyNotMirrored(parts, open, ending);
  const costBytes = costOf(exchange);
  if (verdict !== null || !parts.budget.take(costBytes)) {
    if (ticket !== null) lanes.withdraw(ticket);
    if (isWrite) parts.journal.answered(exchange.id, verdict?.primaryEnd ?? "accepted", key);
    const { outcome, repair, error = null } = verdict ?? { outcome: dropped("queue-full"), repair: "dropped" as const };
    finish(parts, exchange, key, ending, { ...NOTHING_FOUND, outcome, repair, error });
    return;
  }
  const body = (ending.requestBody as { copy: BodyCopy }).copy;
  const answeredAt = parts.clock.monotonic();
  const waiting = parts.backlog.add(exchange.route.name, answeredAt);
  const order = parts.orderStamp();
  const copy: Copy = { exchange, key, primary: ending, body, order, costBytes, answeredAt, waiting };
  if (isWrite) parts.journal.answered(exchange.id, "accepted", key);
  if (ticket === null) lanes.join(key, copy, exchange.plan.requestClass);
  else lanes.answered(ticket, copy);
}

function costOf({ request }: Exchange): number {
  let headerChars = 0;
  for (const part of request.headers) headerChars += part.length;
  return COPY_OVERHEAD_BYTES + headerChars;
}

interface NotMirrored {
  /** What the journal is told of the primary; where absent, that it accepted. */
  readonly primaryEnd?: PrimaryEnd;
  readonly outcome: Outcome;
  readonly repair: RepairReason | null;
  readonly error?: string;
}

/** The outcome gate: what the primary did not take, and what cannot be copied whole, does not reach the shadow. */
function whyNotMirrored(parts: PipelineParts, open: OpenExchange, answered: PrimaryAnswered): NotMirrored | null {
  const { exchange } = open;
  const isWrite = exchange.plan.requestClass === "write";
  const always = exchange.route.mirror.when === "always";
  if (open.isLoop) return { outcome: skipped("loop"), repair: null, primaryEnd: "refused" };
  if (isWrite && !always && !isAccepted(answered.status)) {
    return { outcome: skipped("not-accepted"), repair: null, primaryEnd: "refused" };
  }
  const { requestBody, body } = answered;
  const lost = (why: "queue-full" | "spool-full"): NotMirrored => {
    const error = why === "spool-full" ? parts.forwarder.spool.problem : null;
    return { outcome: dropped(why), repair: isWrite ? "dropped" : null, ...(error === null ? {} : { error }) };
  };
  if (!answered.requestComplete) {
    const error = "the primary accepted the write before its body was complete";
    return { outcome: UNKNOWN, repair: isWrite ? "unknown" : null, error, primaryEnd: "unknown" };
  }
  if (requestBody.kind === "lost") return lost(requestBody.why);
  if (requestBody.copy.kind === "digest") {
    const bound = exchange.snapshot.settings.limits.bodyOnDiskBytes;
    const error = `the body has ${requestBody.length} bytes; limits.bodyOnDisk is ${bound}`;
    return { outcome: skipped("body-too-large"), repair: isWrite ? "body-too-large" : null, error };
  }
  if (body.kind === "lost") return lost(body.why);
  return null;
}

function keyFromAnswer({ exchange }: OpenExchange, answered: PrimaryAnswered): string | null {
  const { requestBody, body } = answered;
  return keyAtAnswer({
    route: exchange.route,
    params: exchange.params,
    request: exchange.request,
    requestBody: bytesInMemory(requestBody),
    answerHeaders: answered.headers,
    answerBody: () => {
      if (body.kind !== "kept" || body.copy.kind !== "memory") return null;
      return decodeContent(body.copy.bytes, contentEncodingOf(answered.headers), KEY_ANSWER_MAX_BYTES);
    },
  });
}

function bytesInMemory(captured: Captured): Buffer | null {
  return captured.kind === "kept" && captured.copy.kind === "memory" ? captured.copy.bytes : null;
}

/**
 * One copy's turn in its lane. Resolves, whatever happens, when the shadow is done with it, so that the lane goes on;
 * comparing does not hold it up.
 */
export async function mirrorCopy(parts: PipelineParts, turn: Turn<Copy>): Promise<void> {
  try {
    // The client's last byte is on its way first.
    await untilLaterTurn();
    const end = await takeTurn(parts, turn);
    if (end !== null) compareCopy(parts, turn, end);
  } catch (error) {
    parts.caught("lane", error);
  }
}

/** null: the copy has its outcome already. */
async function takeTurn(parts: PipelineParts, { work: copy, crossed }: Turn<Copy>): Promise<Answered | null> {
  if (crossed) {
    finishCopy(parts, copy, { ...NOTHING_FOUND, outcome: skipped("key-written-meanwhile") });
    return null;
  }
  if (copy.body.kind === "spooled") {
    const broken = await copy.body.file.whole();
    if (broken !== null) {
      finishCopy(parts, copy, { ...NOTHING_FOUND, outcome: dropped("spool-full"), repair: "dropped", error: broken });
      return null;
    }
  }
  const { exchange } = copy;
  const identity = exchange.plan.mirror ? exchange.plan.shadow : "next";
  const service = serviceOf(exchange.snapshot.settings, serviceNameFor(identity, exchange.route));
  let end: DeliveryEnd;
  try {
    end = await sendCopy(parts, copy, service);
  } catch (error) {
    parts.caught("shadow", error);
    end = { end: "error", attempts: 1, why: wordsOf(error), code: "internal", bytesSent: true };
  }
  if (end.end === "answered") return end;
  const { attempts, ...unanswered } = judgeUnanswered(end);
  const taintedBy = parts.taints.taintedBy(copy.key);
  if (exchange.plan.requestClass === "write") parts.taints.add(copy.key, exchange.id);
  const shadow = { status: null, ms: null, bytes: null, attempts };
  finishCopy(parts, copy, { ...NOTHING_FOUND, ...unanswered, taintedBy, shadow });
  return null;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Answered = Extract<DeliveryEnd, { end: "answered" }>;

function sendCopy(parts: PipelineParts, copy: Copy, service: ServiceSettings): Promise<DeliveryEnd> {
  const { exchange } = copy;
  const { limits } = exchange.snapshot.settings;
  const isRead = exchange.plan.requestClass === "read";
  const gate = parts.gate(service);
  // A read is worth nothing later: it does not wait for a service that is down.
  if (isRead && gate.state() === "open") return Promise.resolve({ end: "not-sent", because: "breaker-open" });
  return deliver({
    request: buildShadowRequest({
      exchange,
      service,
      body: copy.body,
      markKey: parts.markKey,
      order: copy.order,
      epoch: 1,
      rewrite: parts.rewrite,
    }),
    service,
    upstream: parts.upstream("shadow", service),
    gate,
    clock: parts.clock,
    deadline: copy.answeredAt + service.asShadow.maxAgeMs,
    newAnswerCopy: () =>
      new Capture(
        { memoryBytes: limits.bodyInMemoryBytes, diskBytes: limits.bodyOnDiskBytes },
        parts.forwarder.budget,
        parts.forwarder.spool,
      ),
    primaryBytes: copy.primary.body.length,
    onAttempt: (attempt) => {
      if (!isRead) parts.journal.sent(exchange.id, attempt);
    },
    onFailure: (code) => parts.telemetry.shadowFailure(exchange.route.name, code),
  });
}

function compareCopy(parts: PipelineParts, { work: copy, overlapped }: Turn<Copy>, end: Answered): void {
  const { exchange, primary } = copy;
  const { answer } = end;
  const taintedBy = parts.taints.taintedBy(copy.key);
  const repair = repairAfter(copy, end, overlapped);
  if (repair === "shadow-refused") parts.taints.add(copy.key, exchange.id);
  const shadow = {
    status: answer.status,
    ms: answer.ms,
    bytes: answer.body.kind === "memory" ? answer.body.bytes.length : answer.body.length,
    attempts: end.attempts,
  };
  const told = (judged: Judged): void => {
    const { outcome, differences, moreDifferences, excusedBy, error } = judged;
    if (excusedBy !== null) {
      guarded(parts, "count", () => {
        parts.ruleCounters.compared(exchange.route, exchange.snapshot.revision, excusedBy, parts.clock.now());
      });
    }
    const build = buildOf(copy, answer);
    const isAlike = outcome.kind === "match" || outcome.kind === "ignored";
    if (taintedBy !== null && isAlike && exchange.plan.requestClass === "write") parts.taints.lift(copy.key);
    finishCopy(parts, copy, {
      outcome,
      repair,
      error,
      failure: null,
      shadow,
      differences,
      moreDifferences,
      build,
      taintedBy,
    });
    end.copy.discard();
  };
  const failed = (error: unknown): Judged => {
    parts.caught("compare", error);
    return {
      outcome: dropped("compare-overload"),
      differences: [],
      moreDifferences: 0,
      excusedBy: null,
      error: wordsOf(error),
    };
  };
  try {
    parts.telemetry.clientRequest("shadow", exchange.route.name, answer.status, answer.ms);
    if (answer.status >= 500) parts.telemetry.shadowFailure(exchange.route.name, "status-5xx");
  } catch (error) {
    parts.caught("telemetry", error);
  }
  let judged: Judged | Promise<Judged>;
  try {
    judged = judgeAnswers(parts, exchange.route.compare, primaryAnswer(primary), answer);
  } catch (error) {
    judged = failed(error);
  }
  if (judged instanceof Promise) void judged.catch(failed).then(told);
  else told(judged);
}

/** What the shadow's answer leaves in doubt about its state. */
function repairAfter({ exchange, primary }: Copy, end: Answered, overlapped: boolean): RepairReason | null {
  if (exchange.plan.requestClass === "read") return null;
  if (isAccepted(primary.status) && !isAccepted(end.answer.status)) return "shadow-refused";
  if (end.earlierAttemptUnknown) return "late-attempt";
  return overlapped ? "overlap" : null;
}

function primaryAnswer(primary: PrimaryAnswered): Answer {
  const body = (primary.body as { copy: BodyCopy }).copy;
  return { status: primary.status, headers: primary.headers, body, ms: primary.ms };
}

/** What next calls its build, in whichever role it answered. */
function buildOf({ exchange, primary }: Copy, shadow: Answer): string | null {
  const service = serviceOf(exchange.snapshot.settings, exchange.route.next);
  if (service.build === null) return null;
  const headers = exchange.plan.primary === "next" ? primary.headers : shadow.headers;
  return headerOf(headers, service.build.name);
}

/** Gives up every copy that still waits: the process ends. */
export function abandonCopies(parts: PipelineParts, lanes: Lanes<Copy>): void {
  const { outcome, repair, error } = judgeUnanswered({ end: "shutdown", attempts: 0 });
  for (const copy of lanes.abandonWaiting()) finishCopy(parts, copy, { ...NOTHING_FOUND, outcome, repair, error });
}

type Finding = Omit<Settled, "exchange" | "requestBody" | "key" | "primary">;

const NOTHING_FOUND: Omit<Finding, "outcome"> = {
  repair: null,
  error: null,
  failure: null,
  shadow: null,
  differences: [],
  moreDifferences: 0,
  build: null,
  taintedBy: null,
};
const NO_ANSWER: Settled["primary"] = { status: null, ms: null, bytes: null };

function finishCopy(parts: PipelineParts, copy: Copy, found: Finding): void {
  const { exchange } = copy;
  parts.budget.give(copy.costBytes);
  parts.backlog.remove(copy.waiting);
  finish(parts, exchange, copy.key, copy.primary, found);
}

/**
 * The one end of an eligible exchange. Most leave a count and nothing else; writing evidence down takes longer than all
 * that came before, and is put off where it would hold up a client.
 */
function finish(
  parts: PipelineParts,
  exchange: Exchange,
  key: string | null,
  primary: PrimaryAnswered | null,
  found: Finding,
  unanswered = NO_ANSWER,
): void {
  const isWrite = exchange.plan.requestClass === "write";
  const settled: Settled = {
    exchange,
    requestBody: primary === null ? null : bytesInMemory(primary.requestBody),
    key,
    primary: primary === null ? unanswered : { status: primary.status, ms: primary.ms, bytes: primary.body.length },
    outcome: found.outcome,
    repair: isWrite ? found.repair : null,
    error: found.error,
    failure: found.failure,
    shadow: found.shadow,
    differences: found.differences,
    moreDifferences: found.moreDifferences,
    build: found.build,
    taintedBy: found.taintedBy,
  };
  const record = (): void => {
    parts.recorder.settle(settled);
    if (isWrite) parts.journal.settled(exchange.id);
    primary?.release();
  };
  if (parts.recorder.leavesEvidence(settled)) inSlices(() => guarded(parts, "record", record));
  else record();
}

function guarded(parts: PipelineParts, step: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    parts.caught(step, error);
  }
}
