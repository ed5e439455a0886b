/** What the shadow answered to a copy beside what the primary did: compare → record, and what of the shadow's state is in doubt. */
import { serviceOf } from "../config/settings.ts";
import type { Copy } from "./copy.ts";
import { endTeaching, learnFrom } from "../ids/copy-mapping.ts";
import type { Difference, RepairReason } from "../evidence/evidence.ts";
import type { Answer, BodyCopy } from "../exchange.ts";
import { headerOf, MAX_DIFFERENCES } from "../exchange.ts";
import { judgeAnswers, type Judged } from "../compare/judge.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import type { DeliveryEnd } from "../mirror/delivery.ts";
import type { Turn } from "../mirror/lanes.ts";
import { isAccepted } from "../mirror/verdicts.ts";
import { DIVERGENT, dropped, skipped } from "../outcome.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { bytesInMemory, type Finding, guarded, NOTHING_FOUND } from "./ending.ts";
import { tellsErrors } from "../route/graphql.ts";
import { spanBegins, tellMismatch } from "../tracing/traced-copy.ts";
import { CROSSED, finishCopy, notBeforeOf } from "./copy-ending.ts";

type Answered = Extract<DeliveryEnd, { end: "answered" }>;

export interface Sent {
  readonly end: Answered;
  /** Of its values, those that went out as they came. */
  readonly passed: ReadonlySet<string>;
}

/** Sent to a shadow that has answered; `isCrossed`: what differs between the two answers says nothing. */
type Comparable = Sent & { readonly isCrossed: boolean };

/** The answer is put as legacy would have put it first, which a module of the user's may take its time for. */
export function compareWhenPut(parts: PipelineParts, turn: Turn<Copy>, sent: Comparable): void {
  const put = parts.transforms.answer(sent.end.answer, turn.work.exchange);
  if (!(put instanceof Promise)) {
    compareCopy(parts, turn, sent, put);
    return;
  }
  void put
    .then((answer) => compareCopy(parts, turn, sent, answer))
    .catch((error: unknown) => {
      parts.caught("lane", error, turn.work.exchange);
      endTeaching(parts, turn.work);
    });
}

function compareCopy(
  parts: PipelineParts,
  { work: copy, overlapped }: Turn<Copy>,
  sent: Comparable,
  answer: Answer,
): void {
  const { exchange, about, answeredAt, primary, teaching } = copy;
  const { end } = sent;
  const taintedBy = parts.taints.taintedBy(about.keys, answeredAt);
  const repair = repairAfter(parts, copy, end, overlapped);
  const notBefore = notBeforeOf(parts, copy, end);
  const { status } = end.answer;
  // What answers 5xx may have done it all the same.
  const uncreated = about.made && repair === "shadow-refused" && notBefore === null && status >= 400 && status < 500;
  if (repair === "shadow-refused") parts.taints.add(about.keys, exchange.id, answeredAt);
  const shadow = {
    status: answer.status,
    ms: answer.ms,
    bytes: end.answer.body.kind === "memory" ? end.answer.body.bytes.length : end.answer.body.length,
    attempts: end.attempts,
  };
  const ofPrimary = primaryAnswer(primary);
  let begunAt = 0;
  const told = (judged: Judged, compared: Answer): void => {
    const { outcome, differences, moreDifferences, excusedBy, error } = judged;
    if (sent.isCrossed && outcome.kind === "divergent") {
      finishCopy(parts, copy, { ...CROSSED, shadow }, () => end.copy.discard());
      return;
    }
    tellMismatch(parts, copy, judged, begunAt);
    if (excusedBy !== null) {
      guarded(
        parts,
        "count",
        () => {
          parts.ruleCounters.compared(exchange.route, exchange.snapshot.revision, excusedBy, parts.clock.now());
        },
        exchange,
      );
      // What follows from a failed write says nothing about how the services differ.
      if (exchange.route.compare.noise.comparedShare > 0 && taintedBy === null) {
        guarded(
          parts,
          "noise",
          () => {
            const requestBody = bytesInMemory(primary.requestBody);
            parts.noise.compared({ exchange, requestBody, key: about.key }, ofPrimary, compared);
          },
          exchange,
        );
      }
    }
    const build = buildOf(copy, end.answer);
    const isAlike = outcome.kind === "match" || outcome.kind === "ignored";
    if (taintedBy !== null && isAlike && exchange.plan.requestClass === "write") {
      parts.taints.lift(about.keys, answeredAt);
    }
    let answers: Finding["answers"] = null;
    guarded(parts, "pair", () => (answers = parts.pairs.choose(exchange, outcome, ofPrimary, compared)), exchange);
    const found = {
      ...NOTHING_FOUND,
      ...(hasErrors(copy, compared) ? ({ hasErrors: true } as const) : {}),
      outcome,
      repair,
      notBefore,
      uncreated,
      error,
      shadow,
      differences,
      moreDifferences,
      build,
      taintedBy,
      answers,
    };
    finishCopy(parts, copy, found, () => end.copy.discard());
  };
  const failed = (error: unknown): Judged => {
    parts.caught("compare", error, exchange);
    return {
      outcome: dropped("compare-overload"),
      differences: [],
      moreDifferences: 0,
      excusedBy: null,
      error: error instanceof Error ? error.message : String(error),
    };
  };
  try {
    parts.telemetry.clientRequest("shadow", exchange.route.name, answer.status, answer.ms);
    if (answer.status >= 500) parts.telemetry.shadowFailure(exchange.route.name, "status-5xx");
  } catch (error) {
    parts.caught("telemetry", error, exchange);
  }
  if (isNotCopied(parts, copy, answer.status)) {
    const found = { ...NOTHING_FOUND, outcome: skipped("not-copied"), repair, notBefore, shadow };
    finishCopy(parts, copy, found, () => end.copy.discard());
    endTeaching(parts, copy);
    return;
  }
  const judge = (compared: Answer, conflicts: readonly Difference[]): void => {
    let judged: Judged | Promise<Judged>;
    begunAt = spanBegins(parts, copy);
    try {
      judged = judgeAnswers(parts, exchange.route.compare, ofPrimary, compared, {
        route: exchange.route.name,
        method: exchange.request.method,
      });
    } catch (error) {
      judged = failed(error);
    }
    if (judged instanceof Promise) {
      void judged.catch(failed).then((late) => told(withConflicts(late, conflicts), compared));
    } else told(withConflicts(judged, conflicts), compared);
  };
  if (teaching === null) {
    judge(answer, []);
    return;
  }
  void learnFrom(parts, copy, teaching, answer, sent.passed)
    .then((learnt) => judge(learnt.answer, learnt.conflicts))
    .catch((error: unknown) => parts.caught("lane", error, exchange));
}

/** GraphQL answers 200 to what it applied in part, or not at all. */
function hasErrors({ exchange, primary }: Copy, shadow: Answer): boolean {
  if (exchange.route.treatAs !== "graphql" || exchange.plan.requestClass === "read") return false;
  return (
    tellsErrors(bytesInMemory(primary.body)) || tellsErrors(shadow.body.kind === "memory" ? shadow.body.bytes : null)
  );
}

/** No rule excuses a value that is two things at once. */
function withConflicts(judged: Judged, conflicts: readonly Difference[]): Judged {
  if (conflicts.length === 0 || judged.excusedBy === null) return judged;
  const differences = [...conflicts, ...judged.differences];
  const kept = differences.slice(0, MAX_DIFFERENCES);
  const moreDifferences = judged.moreDifferences + differences.length - kept.length;
  return { ...judged, outcome: DIVERGENT, differences: kept, moreDifferences };
}

/** What the shadow's answer leaves in doubt about its state. */
function repairAfter(parts: PipelineParts, copy: Copy, end: Answered, overlapped: boolean): RepairReason | null {
  const { exchange, about, primary } = copy;
  if (exchange.plan.requestClass === "read") return null;
  if (isNotCopied(parts, copy, end.answer.status)) return end.mayLandLate ? "late-attempt" : "not-copied";
  if (isAccepted(primary.status) && !isAccepted(end.answer.status)) return "shadow-refused";
  if (end.mayLandLate) return "late-attempt";
  return overlapped && about.entity ? "overlap" : null;
}

/** The shadow has no such row, and a backfill is bringing over those that it has not. A create's 404 is about something else. */
export function isNotCopied(parts: PipelineParts, { exchange, about, primary }: Copy, shadowStatus: number): boolean {
  if (shadowStatus !== 404 && shadowStatus !== 410) return false;
  return isAccepted(primary.status) && !about.made && about.entity && parts.copying.isCopying(exchange.route.entity);
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
