/**
 * The second half of an exchange's life begins with the primary's answer: accepted, it joins its lane (mirrored-copy.ts);
 * otherwise it has its outcome here. The client has its answer; nothing here can touch it. Every path ends in `finish`
 * (ending.ts), once.
 */
import type { RepairReason } from "./evidence.ts";
import type { BodyCopy, Exchange } from "./exchange.ts";
import { contentEncodingOf, decodeContent } from "./compare/decode.ts";
import type { PrimaryAnswered, PrimaryEnding } from "./forward/forwarder.ts";
import type { Lanes, Ticket } from "./mirror/lanes.ts";
import { isAccepted } from "./mirror/verdicts.ts";
import { dropped, type Outcome, skipped, UNKNOWN } from "./outcome.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import type { PrimaryEnd } from "./ports.ts";
import { keyAtAnswer, keyOfRoute } from "./route/entity-key.ts";
import { bytesInMemory, type Finding, finish, NO_ANSWER, NOTHING_FOUND } from "./ending.ts";
import type { Copy } from "./mirrored-copy.ts";

/** An eligible exchange on its way to its one outcome. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** As known from the request's head. */
  readonly key: string | null;
  readonly ticket: Ticket | null;
  /** When it began, in the lanes' order. */
  readonly began: number;
  readonly lanes: Lanes<Copy>;
  /** One of our own copies came back to us: it is forwarded, never mirrored again. */
  readonly isLoop: boolean;
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
  if (ticket === null) lanes.join(key, copy, exchange.plan.requestClass, open.began);
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
