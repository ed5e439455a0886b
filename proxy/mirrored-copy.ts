/** One copy's way to the shadow and through the comparison: lane → shadow → compare → record. */
import type { ServiceSettings } from "./config/settings.ts";
import { serviceOf } from "./config/settings.ts";
import type { RepairReason } from "./evidence.ts";
import type { Answer, BodyCopy, Exchange } from "./exchange.ts";
import { headerOf } from "./exchange.ts";
import { judgeAnswers, type Judged } from "./compare/judge.ts";
import { Capture } from "./forward/capture.ts";
import type { PrimaryAnswered } from "./forward/forwarder.ts";
import type { Waiting } from "./mirror/backlog.ts";
import { deliver, type DeliveryEnd, isSafeToResend } from "./mirror/delivery.ts";
import type { Lanes, Turn } from "./mirror/lanes.ts";
import { untilLaterTurn } from "./mirror/loop-share.ts";
import { buildShadowRequest } from "./mirror/shadow-request.ts";
import { isAccepted, judgeUnanswered } from "./mirror/verdicts.ts";
import { dropped, skipped } from "./outcome.ts";
import { serviceNameFor } from "./phases.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import { type Finding, finish, guarded, NOTHING_FOUND } from "./ending.ts";

/** An accepted exchange that waits in its lane for the shadow. */
export interface Copy {
  readonly exchange: Exchange;
  readonly key: string;
  readonly primary: PrimaryAnswered;
  readonly body: BodyCopy;
  readonly order: string;
  /** Attempts of an earlier process that may have reached the shadow. */
  readonly earlierAttempts: number;
  /** Held of the budget while the copy waits, beside its bodies. */
  readonly costBytes: number;
  readonly answeredAt: number;
  readonly waiting: Waiting;
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
  if (end.end === "shutdown" && parts.journal.holds(exchange.id)) {
    leaveToJournal(parts, copy);
    return null;
  }
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
  const attempts = copy.earlierAttempts;
  if (attempts > 0 && !isSafeToResend(exchange.request.method, service)) {
    const why = `the process ended while attempt ${attempts} was on the wire, and a second application may do harm`;
    return Promise.resolve({ end: "error", attempts, why, code: "connection-lost", bytesSent: true });
  }
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
      const recorded = isRead ? undefined : parts.journal.sent(exchange.id, attempt);
      // What does no harm a second time need not wait until a crash would know of the first.
      return isSafeToResend(exchange.request.method, service) ? undefined : recorded;
    },
    earlierAttempts: attempts,
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
    judged = judgeAnswers(parts, exchange.route.compare, primaryAnswer(primary), answer, {
      route: exchange.route.name,
      method: exchange.request.method,
    });
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

/** Gives up every copy that still waits: the process ends. What the journal holds, the next one delivers. */
export function abandonCopies(parts: PipelineParts, lanes: Lanes<Copy>): void {
  const { outcome, repair, error } = judgeUnanswered({ end: "shutdown", attempts: 0 });
  for (const copy of lanes.abandonWaiting()) {
    if (parts.journal.holds(copy.exchange.id)) leaveToJournal(parts, copy);
    else finishCopy(parts, copy, { ...NOTHING_FOUND, outcome, repair, error });
  }
}

/** It has no outcome in this process life. */
function leaveToJournal(parts: PipelineParts, copy: Copy): void {
  parts.budget.give(copy.costBytes);
  parts.backlog.leave(copy.waiting);
  copy.primary.release();
}

function finishCopy(parts: PipelineParts, copy: Copy, found: Finding): void {
  const { exchange } = copy;
  parts.budget.give(copy.costBytes);
  parts.backlog.remove(copy.waiting);
  finish(parts, exchange, copy.key, copy.primary, found);
}
