/** One copy's turn: it waits for whoever goes first, and is sent to the shadow. Answered, it is compared (compared-copy.ts). */
import type { ServiceSettings } from "../config/settings.ts";
import { type Copy, shadowOf } from "./copy.ts";
import { endTeaching, mapCopy, NOTHING_PASSED, shapeCopy } from "../ids/copy-mapping.ts";
import { Capture } from "../forward/capture.ts";
import { deliver, type DeliveryEnd, isSafeToResend } from "../mirror/delivery.ts";
import type { Lanes, Turn } from "../mirror/lanes.ts";
import { untilLaterTurn } from "../mirror/loop-share.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import { isAccepted, judgeUnanswered, judgeUnmapped, leavesHole } from "../mirror/verdicts.ts";
import { dropped } from "../outcome.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { crossedBy } from "../reads/crossed-read.ts";
import { spanBegins, tellShadowSpan } from "../tracing/traced-copy.ts";
import { ALONE } from "../members/turns.ts";
import {
  finishUnanswered,
  leaveToJournal,
  lost,
  notBeforeOf,
  notBeforeUnsent,
  finishCopy,
  CROSSED,
} from "./copy-ending.ts";
import { compareWhenPut, isNotCopied, type Sent } from "./compared-copy.ts";

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
    end = {
      end: "error",
      attempts: 1,
      why: error instanceof Error ? error.message : String(error),
      code: "internal",
      mayLandLate: true,
    };
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
