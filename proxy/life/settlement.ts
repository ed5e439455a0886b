/**
 * The second half of an exchange's life begins with the primary's answer: accepted, it joins its lane (mirrored-copy.ts);
 * otherwise it has its outcome here. The client has its answer; nothing here can touch it. Every path ends in `finish`
 * (ending.ts), once.
 */
import type { RepairReason } from "../evidence/evidence.ts";
import { type About, type BodyCopy, type Exchange, headerOf } from "../exchange.ts";
import { DEFAULT_SERVICE } from "../config/defaults.ts";
import { MAX_BATCH_KEYS, serviceOf } from "../config/settings.ts";
import { contentEncodingOf, decodeContent, parseMediaType } from "../compare/decode.ts";
import type { PrimaryAnswered, PrimaryEnding } from "../forward/forwarder.ts";
import type { Lanes, Ticket } from "../mirror/lanes.ts";
import type { Teaching } from "../mirror/values/teaching.ts";
import { isAccepted } from "../mirror/verdicts.ts";
import { dropped, type Outcome, skipped, UNKNOWN } from "../outcome.ts";
import { serviceNameFor } from "../moves/phases.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import type { AcceptedWrite, PrimaryEnd } from "../journal.ts";
import { acceptedWrite, leaveBodies, takeBackBodies } from "./journaled-write.ts";
import { batchKeys, keyAtAnswer, keyOfRoute, type LateKeySources } from "../route/entity-key.ts";
import { classifyGraphql } from "../route/graphql.ts";
import { pinsOfWrite } from "../route/pin-names.ts";
import { reachAtAnswer } from "../route/write-reach.ts";
import { ALONE } from "../members/turns.ts";
import { bytesInMemory, type Finding, finish, guarded, NO_ANSWER, NOTHING_FOUND } from "./ending.ts";
import type { Copy } from "./copy.ts";

/** An eligible exchange on its way to its one outcome. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** As known from the request's head: none where body or answer have to tell, several of a batch. */
  readonly keys: readonly string[];
  readonly ticket: Ticket;
  readonly lanes: Lanes<Copy>;
  /** One of our own copies came back to us: it is forwarded, never mirrored again. */
  readonly isLoop: boolean;
}

/** What one waiting copy costs beside its bodies and headers: lane entry, promises, exchange (measured: some 12 KiB). */
const COPY_OVERHEAD_BYTES = 12 * 1024;
/** And for each further lane that a batch waits in. */
const LANE_BYTES = 512;
/**
 * Of `limits.queued`, what accepted writes may fill before they wait in the journal alone: the rest is for the bodies of
 * those that come, without which nothing could be journaled.
 */
const SHARE_BEFORE_JOURNAL = 0.75;
const RECORD_WAIT_MS = 5;
/** An id is read from bodies up to this size: the scan takes well below the 20 ms that a client may be held up. */
const KEY_BODY_MAX_BYTES = 1024 * 1024;

/**
 * Called before the last byte of the primary's answer leaves: a key that only the answer tells joins its lane here. What is
 * returned is to be waited for before it does: then other members know of it too.
 */
export function settle(parts: PipelineParts, open: OpenExchange, ending: PrimaryEnding): Promise<void> | null {
  const { exchange, ticket, lanes } = open;
  const isWrite = exchange.plan.requestClass === "write";
  const answeredAt = parts.clock.monotonic();
  if (ending.end !== "answered") {
    lanes.withdraw(ticket);
    const unknown = ending.end === "unknown";
    const [key = null, ...moreKeys] = open.keys;
    if (isWrite) parts.journal.answered(exchange.id, unknown ? "unknown" : "refused", keyForAll(open.keys));
    if (isWrite && unknown) parts.taints.add(open.keys, exchange.id, answeredAt);
    const outcome = unknown ? UNKNOWN : skipped("not-accepted");
    const doubt = unknown ? { repair: "unknown" as const, notBefore: parts.clock.now() + primaryWorkMs(exchange) } : {};
    const found: Finding = { ...NOTHING_FOUND, moreKeys, outcome, ...doubt, error: ending.why };
    const primary = unknown ? { ...NO_ANSWER, status: ending.status } : NO_ANSWER;
    finish(parts, exchange, key, null, found, { unanswered: primary });
    return null;
  }

  const about = whatItIsAbout(open, ending);
  if (isWrite) guarded(parts, "changes", () => noteReach(parts, exchange, about, ending));
  const verdict = whyNotMirrored(parts, open, ending);
  const costBytes = costOf(exchange, about.keys.length);
  const held = verdict === null && isWrite ? parts.turns.answered(exchange.id, about.keys, ending.ms) : null;
  const orderBase = parts.orderBase(exchange.id);
  const toJournal = isWrite && parts.journal.kind === "durable";
  const write =
    verdict === null && toJournal ? acceptedWrite(open, ending, about, parts.clock.now(), orderBase) : undefined;
  const share = toJournal ? SHARE_BEFORE_JOURNAL : 1;
  // Behind what waits in the journal everything does: the order of a lane is the order of answers.
  const isRoom = verdict === null && parts.journal.waiting() === 0 && parts.budget.take(costBytes, share);
  if (!isRoom) {
    if (write !== undefined && keepInJournal(parts, open, ending, write, answeredAt)) {
      return both(held, untilRecorded(parts, open, parts.journal.position()));
    }
    lanes.withdraw(ticket);
    if (verdict?.primaryEnd === undefined) teachNothing(parts, exchange, ending);
    if (isWrite) parts.journal.answered(exchange.id, verdict?.primaryEnd ?? "accepted", keyForAll(about.keys));
    const { outcome, repair, error = null } = verdict ?? { outcome: dropped("queue-full"), repair: "dropped" as const };
    if (isWrite && repair !== null) parts.taints.add(about.keys, exchange.id, answeredAt);
    const { key, moreKeys, made } = about;
    const uncreated = made && verdict?.primaryEnd === undefined;
    finish(parts, exchange, key, ending, { ...NOTHING_FOUND, moreKeys, outcome, repair, uncreated, error });
    return held;
  }
  const body = (ending.requestBody as { copy: BodyCopy }).copy;
  const waiting = parts.backlog.add(exchange.route.name, answeredAt);
  const place = isWrite ? parts.unsettled.add(shadowNameOf(exchange)) : null;
  const key = keyForAll(about.keys);
  const teaching = beginTeaching(parts, exchange, ending);
  const atOnce = teaching === null && body.kind === "memory" && goesAtOnce(parts, open, about.keys);
  const record = write !== undefined && atOnce ? { ...write, sentAtOnce: true } : write;
  const position = isWrite ? parts.journal.answered(exchange.id, "accepted", key, record) : undefined;
  const order = parts.orderStamp(orderBase, position);
  const kept = { primary: ending, body, costBytes, waiting, place, teaching };
  const copy: Copy = { exchange, about, order, earlierAttempts: 0, answeredAt, ...kept };
  lanes.answered(ticket, copy, about.keys);
  return both(held, untilRecorded(parts, open, position));
}

/**
 * Where only the answer tells the key, whoever has that answer writes the key next: what is found after a crash must not begin
 * with that write. Waited for as long as a write waits for its intent.
 */
function untilRecorded(
  { journal }: PipelineParts,
  { keys }: OpenExchange,
  position: number | undefined,
): Promise<void> | null {
  if (keys.length > 0 || position === undefined) return null;
  const recorded = journal.whenReached(position);
  if (recorded === null) return null;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, RECORD_WAIT_MS);
    void recorded.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function both(one: Promise<void> | null, other: Promise<void> | null): Promise<void> | null {
  if (one === null || other === null) return one ?? other;
  return Promise.all([one, other]).then(() => undefined);
}

/**
 * Nothing that is known of is in its way to the shadow: then its acceptance and its first attempt are one record, and wait for
 * the disk once. Where it is held up all the same, the journal is told.
 */
function goesAtOnce(parts: PipelineParts, { exchange, ticket, lanes }: OpenExchange, keys: readonly string[]): boolean {
  const service = serviceOf(exchange.snapshot.settings, shadowNameOf(exchange));
  return parts.turns === ALONE && lanes.isFirst(ticket, keys) && parts.gate(service).isFree;
}

/** It waits in the journal alone until there is room for it. Whether the journal took it. */
function keepInJournal(
  parts: PipelineParts,
  { exchange, ticket, lanes }: OpenExchange,
  ending: PrimaryAnswered,
  write: AcceptedWrite,
  answeredAt: number,
): boolean {
  if (write.body.kind === "digest") return false;
  const kept = parts.journal.keep(exchange.id, write);
  if (kept === null) return false;
  const { key, keys, moreKeys } = write.about;
  leaveBodies(ending);
  lanes.postpone(ticket, keys);
  void kept.then((isDurable) => {
    if (isDurable) {
      ending.release();
      leaveMemory(parts, exchange.id);
      parts.journalHasMore();
      return;
    }
    const uncreated = write.about.made;
    const lost: Finding = { ...NOTHING_FOUND, moreKeys, outcome: dropped("queue-full"), repair: "dropped", uncreated };
    guarded(
      parts,
      "settle",
      () => {
        takeBackBodies(write, parts.copies.spool);
        parts.taints.add(keys, exchange.id, answeredAt);
        teachNothing(parts, exchange, ending);
        finish(parts, exchange, key, ending, lost);
      },
      exchange,
    );
  });
  return true;
}

/** What waits in the journal is held by nothing else: an outage may last for hours. What asks for it asks the journal too. */
function leaveMemory({ journal, openWrites, changes, pins }: PipelineParts, id: string): void {
  // It was taken from there already.
  if (journal.holds(id)) return;
  openWrites.leave(id);
  changes.postponed(id);
  pins.postponed(id);
}

/** Whoever needs a value that this answer makes waits for what the shadow calls it. In the order of answers. */
export function beginTeaching(parts: PipelineParts, exchange: Exchange, primary: PrimaryAnswered): Teaching | null {
  const { status, headers, requestBody, body } = primary;
  return parts.values.begin(exchange, bytesInMemory(requestBody), { status, headers, body: bytesInMemory(body) });
}

/** The shadow is not asked what it calls the values that this answer makes. */
export function teachNothing(parts: PipelineParts, exchange: Exchange, primary: PrimaryAnswered): void {
  const teaching = beginTeaching(parts, exchange, primary);
  if (teaching !== null) parts.values.end(exchange, teaching);
}

/** One key that stands for all: null, the whole collection, where there are several. */
export function keyForAll(keys: readonly string[]): string | null {
  return keys.length === 1 ? (keys[0] as string) : null;
}

/** A request that broke off may still be at work in the primary for so long. */
export function primaryWorkMs({ snapshot, plan, route }: Exchange): number {
  return serviceOf(snapshot.settings, serviceNameFor(plan.primary, route)).asPrimary.maxWorkMs;
}

/** So may what the shadow was sent. */
export function shadowWorkMs(exchange: Exchange): number {
  // A route that is gone may have had a service that is gone too.
  return (exchange.snapshot.settings.services[shadowNameOf(exchange)] ?? DEFAULT_SERVICE).asShadow.maxWorkMs;
}

/** Which service the copy goes to. */
export function shadowNameOf({ plan, route }: Exchange): string {
  return serviceNameFor(plan.mirror ? plan.shadow : "next", route);
}

export function costOf({ request }: Pick<Exchange, "request">, lanes: number): number {
  let headerChars = 0;
  for (const part of request.headers) headerChars += part.length;
  return COPY_OVERHEAD_BYTES + headerChars + LANE_BYTES * (lanes - 1);
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
  if (isWrite && isGraphqlRead(exchange, answered)) {
    return { outcome: skipped("sampled-out"), repair: null, primaryEnd: "refused" };
  }
  // The primary has no such row: what the two sides hold of it is no comparison.
  if (answered.isAnothers === true) return { outcome: skipped("not-copied"), repair: null };
  const { requestBody, body } = answered;
  const lost = (why: "queue-full" | "spool-full"): NotMirrored => {
    const error = why === "spool-full" ? parts.copies.spool.problem : null;
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

/** Only its body tells that it changed nothing. */
function isGraphqlRead({ route, request }: Exchange, { requestBody, requestComplete }: PrimaryAnswered): boolean {
  if (route.treatAs !== "graphql" || request.method !== "POST" || !requestComplete) return false;
  const sent = bytesInMemory(requestBody);
  const body = sent === null ? null : decodeContent(sent, contentEncodingOf(request.headers), KEY_BODY_MAX_BYTES);
  const contentType = parseMediaType(headerOf(request.headers, "content-type"))?.essence ?? null;
  return classifyGraphql({ query: request.query, contentType, body }, route.persisted) === "read";
}

/** Its keys, once body and answer are there. */
export function whatItIsAbout(
  { exchange, keys }: Pick<OpenExchange, "exchange" | "keys">,
  answered: PrimaryAnswered,
): About {
  if (keys.length > 0) return aboutKeys(keys);
  const { route } = exchange;
  const from = sourcesOf(exchange, answered);
  if (route.keys.length > 0 && exchange.plan.requestClass === "write") {
    const batch = batchKeys(from);
    if (batch.kind === "keys") return aboutKeys(batch.keys);
    if (batch.kind !== "none") {
      const why =
        batch.kind === "unread"
          ? "its keys could not be read: the body is not in memory, or not what its content-encoding says"
          : `it names more than ${MAX_BATCH_KEYS} keys`;
      const unfollowed = `${why}; it is in one lane for the route, and the whole collection is to be verified`;
      return { key: null, moreKeys: [], keys: [keyOfRoute(route)], made: false, entity: false, unfollowed };
    }
  }
  const late = keyAtAnswer(from);
  if (late === null) return { ...aboutKeys([keyOfRoute(route)]), entity: false };
  return { ...aboutKeys([late.key]), made: late.made, entity: late.entity };
}

/** Where late keys stand: body and answer are looked into where they are asked for. */
export function sourcesOf({ route, params, request }: Exchange, answered: PrimaryAnswered): LateKeySources {
  const { requestBody, body } = answered;
  return {
    route,
    params,
    request,
    requestBody: () => {
      const sent = bytesInMemory(requestBody);
      return sent === null ? null : decodeContent(sent, contentEncodingOf(request.headers), KEY_BODY_MAX_BYTES);
    },
    answerHeaders: answered.headers,
    answerBody: () => {
      if (body.kind !== "kept" || body.copy.kind !== "memory") return null;
      return decodeContent(body.copy.bytes, contentEncodingOf(answered.headers), KEY_BODY_MAX_BYTES);
    },
  };
}

/** What the head alone could not tell. */
function noteReach(parts: PipelineParts, exchange: Exchange, about: About, answered: PrimaryAnswered): void {
  const known = parts.changes.reachOf(exchange.id);
  if (known === null || known.lateOf.length === 0) return;
  const reach = reachAtAnswer(sourcesOf(exchange, answered), about);
  parts.changes.answered(exchange.id, reach);
  if (parts.pins.isNeeded) parts.pins.changed(exchange.id, pinsOfWrite(reach, parts.pins.bys, exchange.request));
}

function aboutKeys(keys: readonly string[]): About {
  const [key = null, ...moreKeys] = keys;
  return { key, moreKeys, keys, made: false, entity: true, unfollowed: null };
}
