/** One copy's way to the shadow and through the comparison: lane → shadow → compare → record. */
import type { ServiceSettings } from "../config/settings.ts";
import { serviceOf } from "../config/settings.ts";
import { type Copy, shadowOf } from "./copy.ts";
import { endTeaching, learnFrom, mapCopy, NOTHING_PASSED, shapeCopy } from "../ids/copy-mapping.ts";
import type { Difference, RepairReason } from "../evidence/evidence.ts";
import type { Answer, BodyCopy } from "../exchange.ts";
import { headerOf, MAX_DIFFERENCES } from "../exchange.ts";
import { judgeAnswers, type Judged } from "../compare/judge.ts";
import { Capture } from "../forward/capture.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import { deliver, type DeliveryEnd, isSafeToResend } from "../mirror/delivery.ts";
import type { Lanes, Turn } from "../mirror/lanes.ts";
import { inSlices, untilLaterTurn } from "../mirror/loop-share.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import {
  isAccepted,
  judgeFollower,
  judgeUnanswered,
  judgeUnmapped,
  leavesHole,
  type Unanswered,
} from "../mirror/verdicts.ts";
import { DIVERGENT, dropped, skipped } from "../outcome.ts";
import { leaveBodies } from "./journaled-write.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { bytesInMemory, type Finding, finish, guarded, NOTHING_FOUND } from "./ending.ts";
import { crossedBy } from "../reads/crossed-read.ts";
import { isOfWholeEntity } from "../route/entity-key.ts";
import { tellsErrors } from "../route/graphql.ts";
import { spanBegins, tellMismatch, tellShadowSpan } from "../tracing/traced-copy.ts";
import { ALONE } from "../members/turns.ts";

/**
 * One copy's turn in its lane. Resolves, whatever happens, when the shadow is done with it, so that the lane goes on;
 * comparing does not hold it up.
 */
export async function mirrorCopy(parts: PipelineParts, lanes: Lanes<Copy>, turn: Turn<Copy>): Promise<void> {
  try {
    // The client's last byte is on its way first.
    await untilLaterTurn();
    // Most copies wait for nobody: a promise only where there is something to wait for.
    const others = afterOthers(parts, turn);
    const known = others instanceof Promise ? await others : others;
    const thawed = whenThawed(parts, turn.work);
    if (thawed !== null) await thawed;
    const sent = await takeTurn(parts, lanes, known);
    const crossed = sent === null ? null : crossedBy(parts, turn.work);
    const isCrossed = crossed !== null && (await crossed);
    if (sent === null) endTeaching(parts, turn.work);
    else if (isCrossed && !turn.work.exchange.route.sharedDatabase) {
      finishCopy(parts, turn.work, CROSSED, () => sent.end.copy.discard());
      endTeaching(parts, turn.work);
    } else compareWhenPut(parts, known, { ...sent, isCrossed });
  } catch (error) {
    parts.caught("lane", error, turn.work.exchange);
    endTeaching(parts, turn.work);
  } finally {
    if (turn.work.place !== null) parts.unsettled.remove(turn.work.place);
    leaveTurn(parts, turn.work);
  }
}

/** Other members' copies that need a value which this one teaches do not know that it does: they come once it has. */
function leaveTurn(parts: PipelineParts, { exchange, teaching }: Copy): void {
  if (teaching === null || teaching.values.length === 0) parts.turns.leave(exchange.id);
  else void teaching.ended.then(() => parts.turns.leave(exchange.id));
}

const CROSSED: Finding = { ...NOTHING_FOUND, outcome: skipped("key-written-meanwhile") };

/** A backfill is about to write rows that this write changes: it is the newer one, and follows. null: it need not wait. */
function whenThawed(parts: PipelineParts, { exchange }: Copy): Promise<unknown> | null {
  if (exchange.plan.requestClass === "read") return null;
  const thawed = parts.freezes.held(parts.changes.reachOf(exchange.id));
  if (thawed !== null) parts.journal.heldUp(exchange.id);
  return thawed;
}

/** Waits for what other members were to send of its keys before; where nobody can tell, it is as if they overlapped. */
function afterOthers(parts: PipelineParts, turn: Turn<Copy>): Turn<Copy> | Promise<Turn<Copy>> {
  const { exchange, answeredAt } = turn.work;
  if (exchange.plan.requestClass === "read") {
    // All that is known of a shared database are its reads: one is not given up before it has been compared.
    const crossed = exchange.route.sharedDatabase ? null : crossedBy(parts, turn.work);
    return crossed === null ? turn : crossed.then((is) => (is ? { ...turn, crossed: true } : turn));
  }
  const come = parts.turns.come(exchange.id, answeredAt + shadowOf(turn.work).asShadow.maxAgeMs);
  return come === null ? turn : come.then((how) => (how === "unsure" ? { ...turn, overlapped: true } : turn));
}

/** null: the copy has its outcome already. */
async function takeTurn(parts: PipelineParts, lanes: Lanes<Copy>, turn: Turn<Copy>): Promise<Sent | null> {
  const { work: copy, crossed } = turn;
  if (crossed) {
    finishCopy(parts, copy, CROSSED);
    return null;
  }
  const broken = copy.body.kind === "spooled" ? await copy.body.file.whole() : null;
  if (broken !== null) {
    const found = { outcome: dropped("spool-full"), repair: "dropped", error: broken } as const;
    lost(parts, lanes, turn, { ...found, failure: null, status: null, attempts: 0 }, notBeforeUnsent(parts, copy));
    return null;
  }
  const mapping = mapCopy(parts, copy);
  const mapped = mapping instanceof Promise ? await mapping : mapping;
  if (mapped.end === "unmapped") {
    lost(parts, lanes, turn, judgeUnmapped(mapped.why), notBeforeUnsent(parts, copy));
    return null;
  }
  let end: DeliveryEnd;
  const begunAt = spanBegins(parts, copy);
  try {
    if (mapped.end === "mapped") {
      const shaped = await shapeCopy(parts, copy, mapped.rewrite);
      if (!shaped.ok) {
        lost(parts, lanes, turn, judgeUnmapped(shaped.why), notBeforeUnsent(parts, copy));
        return null;
      }
      end = await sendCopy(parts, copy, shadowOf(copy), shaped.value);
    } else end = { ...mapped, attempts: copy.earlierAttempts, mayLandLate: copy.earlierAttempts > 0 };
  } catch (error) {
    parts.caught("shadow", error, copy.exchange);
    end = { end: "error", attempts: 1, why: wordsOf(error), code: "internal", mayLandLate: true };
  }
  tellShadowSpan(parts, copy, end, begunAt);
  if (end.end === "answered") return { end, passed: mapped.end === "mapped" ? mapped.passed : NOTHING_PASSED };
  if (end.end === "shutdown" && parts.journal.holds(copy.exchange.id)) {
    leaveToJournal(parts, copy);
    return null;
  }
  const unanswered = judgeUnanswered(end);
  if (leavesHole(end)) lost(parts, lanes, turn, unanswered, notBeforeOf(parts, copy, end));
  else finishUnanswered(parts, copy, unanswered, notBeforeOf(parts, copy, end));
  return null;
}

function finishUnanswered(parts: PipelineParts, copy: Copy, found: Unanswered, notBefore: number | null): void {
  const { attempts, status, ...rest } = found;
  const taintedBy = taint(parts, copy, copy.exchange.id);
  const shadow = { status, ms: null, bytes: null, attempts };
  const uncreated = copy.about.made && notBefore === null && status === null;
  finishCopy(parts, copy, { ...NOTHING_FOUND, ...rest, notBefore, uncreated, taintedBy, shadow });
}

/**
 * The shadow lacks this write, or may: what waited behind it in its lanes was made for a state that is not there. It is not
 * replayed, up to the next write that does not depend on what was (docs/delivery.md, "After a hole").
 */
function lost(
  parts: PipelineParts,
  lanes: Lanes<Copy>,
  turn: Turn<Copy>,
  found: Unanswered,
  notBefore: number | null,
): void {
  const copy = turn.work;
  finishUnanswered(parts, copy, found, notBefore);
  if (copy.exchange.plan.requestClass === "read") return;
  const follower = judgeFollower(found);
  const emptied: string[] = [];
  const followers = lanes.takeFollowers(turn, standsAlone, (key) => emptied.push(key));
  if (parts.journal.waiting() > 0) {
    parts.holes.note(emptied, { madeAt: parts.clock.monotonic(), exchangeId: copy.exchange.id, lost: follower });
  }
  for (const one of followers) {
    const taintedBy = taint(parts, one, copy.exchange.id);
    const notBefore = notBeforeUnsent(parts, one);
    inSlices(() => {
      guarded(
        parts,
        "lane",
        () => finishWaiting(parts, one, { ...NOTHING_FOUND, ...follower, notBefore, taintedBy }),
        one.exchange,
      );
    });
  }
}

/** Whether the shadow can take it whatever it holds of that key: it says all of the entity, removes it, or made it. */
export function standsAlone({ exchange, about }: Pick<Copy, "exchange" | "about">, key: string): boolean {
  if (about.made) return true;
  const { method, path } = exchange.request;
  return about.keys.length === 1 && (method === "PUT" || method === "DELETE") && isOfWholeEntity(path, key);
}

/** What it follows from; what comes after it follows from `root`. */
function taint(parts: PipelineParts, { exchange, about, answeredAt }: Copy, root: string): string | null {
  const taintedBy = parts.taints.taintedBy(about.keys, answeredAt);
  if (exchange.plan.requestClass === "write") parts.taints.add(about.keys, root, answeredAt);
  return taintedBy;
}

/** Until when an attempt that nobody heard the end of may still be applied; null: there was none. */
function notBeforeOf(
  parts: PipelineParts,
  copy: Copy,
  { mayLandLate }: Pick<DeliveryEnd, "mayLandLate">,
): number | null {
  return mayLandLate ? parts.clock.now() + shadowOf(copy).asShadow.maxWorkMs : null;
}

/** The same of a copy that this process has sent nothing of. */
function notBeforeUnsent(parts: PipelineParts, copy: Copy): number | null {
  return notBeforeOf(parts, copy, { mayLandLate: copy.earlierAttempts > 0 });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Answered = Extract<DeliveryEnd, { end: "answered" }>;

interface Sent {
  readonly end: Answered;
  /** Of its values, those that went out as they came. */
  readonly passed: ReadonlySet<string>;
}

/** Sent to a shadow that has answered; `isCrossed`: what differs between the two answers says nothing. */
type Comparable = Sent & { readonly isCrossed: boolean };

function sendCopy(
  parts: PipelineParts,
  copy: Copy,
  service: ServiceSettings,
  request: ShadowRequest,
): Promise<DeliveryEnd> {
  const { exchange } = copy;
  const { limits } = exchange.snapshot.settings;
  const isRead = exchange.plan.requestClass === "read";
  const gate = parts.gate(service);
  // A read is worth nothing later: it does not wait for a service that is down.
  if (isRead && gate.state() === "open")
    return Promise.resolve({ end: "not-sent", because: "breaker-open", attempts: 0, mayLandLate: false });
  const attempts = copy.earlierAttempts;
  if (attempts > 0 && !isSafeToResend(request.method, service)) {
    const why = `the process ended while attempt ${attempts} was on the wire, and a second application may do harm`;
    const end: DeliveryEnd = { end: "error", attempts, why, code: "connection-lost", mayLandLate: true };
    // What it leaves is a hole for all that waited behind it, so that has to be in its lanes first.
    return parts.journalCaughtUp().then(() => end);
  }
  return deliver({
    request,
    service,
    upstream: parts.upstream("shadow", service),
    gate,
    clock: parts.clock,
    answeredAt: copy.answeredAt,
    deadline: copy.answeredAt + service.asShadow.maxAgeMs,
    primaryAccepted: isAccepted(copy.primary.status),
    // While rows are brought over this is most answers: each would wait for all that was answered before it, one after another.
    isExpected: (status) => isNotCopied(parts, copy, status),
    place: copy.place,
    unsettled: parts.unsettled,
    elsewhere:
      isRead || parts.turns === ALONE
        ? null
        : (since, forMs) => parts.turns.earlier(exchange.id, since, forMs) ?? Promise.resolve(false),
    newAnswerCopy: () =>
      new Capture(
        { memoryBytes: limits.bodyInMemoryBytes, diskBytes: limits.bodyOnDiskBytes },
        parts.copies.budget,
        parts.copies.spool,
      ),
    primaryBytes: copy.primary.body.length,
    onAttempt: (attempt) => {
      const recorded = isRead ? undefined : parts.journal.sent(exchange.id, attempt);
      // A crash has to know of it: what is applied twice has to be verified, an idempotent method's write too. A service
      // that honours the idempotency key applies nothing twice.
      return service.idempotency === "honoured" ? undefined : recorded;
    },
    mayBegin: () => isRead || service.idempotency === "honoured" || parts.journal.canTellOfFirst(exchange.id),
    onHeldUp: () => {
      if (!isRead) parts.journal.heldUp(exchange.id);
    },
    earlierAttempts: attempts,
    onFailure: (code) => parts.telemetry.shadowFailure(exchange.route.name, code),
  });
}

/** The answer is put as legacy would have put it first, which a module of the user's may take its time for. */
function compareWhenPut(parts: PipelineParts, turn: Turn<Copy>, sent: Comparable): void {
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
      error: wordsOf(error),
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
function isNotCopied(parts: PipelineParts, { exchange, about, primary }: Copy, shadowStatus: number): boolean {
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

/** Gives up every copy that still waits: the process ends. What the journal holds, the next one delivers. */
export function abandonCopies(parts: PipelineParts, lanes: Lanes<Copy>): void {
  const { outcome, repair, error } = judgeUnanswered({ end: "shutdown", attempts: 0, mayLandLate: false });
  for (const copy of lanes.abandonWaiting()) {
    if (!parts.journal.holds(copy.exchange.id)) {
      const notBefore = notBeforeUnsent(parts, copy);
      finishWaiting(parts, copy, { ...NOTHING_FOUND, outcome, repair, notBefore, error });
      continue;
    }
    if (copy.place !== null) parts.unsettled.remove(copy.place);
    leaveToJournal(parts, copy);
  }
}

/** It has no outcome in this process life. */
function leaveToJournal(parts: PipelineParts, copy: Copy): void {
  parts.budget.give(copy.costBytes);
  parts.backlog.leave(copy.waiting);
  parts.turns.leave(copy.exchange.id);
  leaveBodies(copy.primary);
  copy.primary.release();
}

/** The end of a copy that had no turn. */
function finishWaiting(parts: PipelineParts, copy: Copy, found: Finding): void {
  if (copy.place !== null) parts.unsettled.remove(copy.place);
  endTeaching(parts, copy);
  finishCopy(parts, copy, { ...found, uncreated: copy.about.made && copy.earlierAttempts === 0 });
}

function finishCopy(parts: PipelineParts, copy: Copy, found: Finding, recorded?: () => void): void {
  const { exchange, about } = copy;
  parts.budget.give(copy.costBytes);
  parts.backlog.remove(copy.waiting);
  const unfollowed = about.unfollowed === null ? null : ("keys-not-followed" as const);
  const whole = {
    ...found,
    moreKeys: about.moreKeys,
    repair: found.repair ?? unfollowed,
    error: found.error ?? about.unfollowed,
  };
  finish(parts, exchange, about.key, copy.primary, whole, recorded === undefined ? {} : { recorded });
}
