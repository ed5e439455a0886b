/**
 * Brings back what waits in the journal and nowhere else: what an earlier process left, and what there was no room for.
 * Each write joins its lane in the order in which it was answered, as soon as memory has room for it.
 */
import type { OfRequest } from "../caught.ts";
import { type Finding, finish, guarded, NOTHING_FOUND } from "./ending.ts";
import { exchangeAgain, isStillMirrored, primaryAgain } from "./journaled-write.ts";
import type { Lanes } from "../mirror/lanes.ts";
import type { Copy } from "./copy.ts";
import type { BodyCopy, Exchange } from "../exchange.ts";
import type { PrimaryAnswered } from "../forward/forwarder.ts";
import { standsAlone } from "./copy-ending.ts";
import { dropped, skipped, UNKNOWN } from "../outcome.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import type { LeftOver, WaitingWrite } from "../journal.ts";
import type { Clock } from "../ports.ts";
import { pinsOfWrite } from "../route/pin-names.ts";
import { reachAtAnswer } from "../route/write-reach.ts";
import {
  beginTeaching,
  costOf,
  primaryWorkMs,
  shadowNameOf,
  shadowWorkMs,
  sourcesOf,
  teachNothing,
} from "./settlement.ts";

/** Of `limits.queued`, what is filled from the journal: what clients send meanwhile must find room. */
const SHARE_FROM_JOURNAL = 0.5;
const LOOK_FOR_ROOM_MS = 20;
const READ_AGAIN_MS = 1_000;
const SLICE_MS = 1;
const LONGEST_SLICE_MS = 4;

export interface JournalBacklog {
  /** There may be more to bring back. */
  wake(): void;
  /** Resolves when all that waits has been brought back, or memory has no room for more of it. */
  caughtUp(): Promise<void>;
  /** Nothing more is brought back. */
  stop(): void;
}

export function createJournalBacklog(parts: PipelineParts, lanes: Lanes<Copy>): JournalBacklog {
  const { journal, budget } = parts;
  let running = false;
  let again = false;
  let stopped = false;
  /** It waits for room. */
  let isFull = false;

  function wake(): void {
    again = true;
    if (running || stopped) return;
    running = true;
    void bringBack().finally(() => {
      running = false;
      if (again) wake();
    });
  }

  async function bringBack(): Promise<void> {
    try {
      again = false;
      const slice = new Slice(parts.clock);
      while (!stopped && journal.waiting() > 0) {
        const writes = await journal.nextWaiting();
        // What waits is not all written yet: whoever waits for that wakes us.
        if (writes.length === 0) return;
        for (const write of writes) {
          const costBytes = costOfWaiting(write);
          while (!stopped && !takeRoom(costBytes)) {
            isFull = true;
            await pause(LOOK_FOR_ROOM_MS);
          }
          isFull = false;
          if (stopped) return;
          journal.take(write);
          guarded(parts, "journal", () => bringOne(write, costBytes), idsOf(write.intent));
          if (journal.waiting() === 0) parts.holes.clear();
          if (slice.isOver()) await slice.next();
        }
      }
    } catch (error) {
      parts.caught("journal", error);
      await pause(READ_AGAIN_MS);
      again = true;
    }
  }

  /** What is larger than its share is let through alone. */
  function takeRoom(bytes: number): boolean {
    return budget.take(bytes, SHARE_FROM_JOURNAL) || (budget.usedBytes === 0 && budget.take(bytes, Infinity));
  }

  function bringOne(waitingWrite: WaitingWrite, costBytes: number): void {
    const { intent, write, order, attempts } = waitingWrite;
    const exchange = exchangeAgain(parts.snapshot(), intent, write.shadow);
    const primary = primaryAgain(waitingWrite, parts.copies.spool);
    parts.openWrites.enter(exchange.id, exchange.route.name);
    guarded(parts, "changes", () => {
      const reach = reachAtAnswer(sourcesOf(exchange, primary), write.about);
      parts.changes.began(exchange.id, exchange.route.name, reach);
      const { isNeeded, bys } = parts.pins;
      parts.pins.began(exchange.id, isNeeded ? pinsOfWrite(reach, bys, exchange.request) : []);
    });
    const problem = whyNotDelivered(waitingWrite, isStillMirrored(exchange));
    if (problem !== null) {
      budget.give(costBytes);
      const notBefore = notBeforeOf(exchange, attempts);
      finish(parts, exchange, write.about.key, primary, { ...problem, moreKeys: write.about.moreKeys, notBefore });
      return;
    }
    const answeredAt = parts.clock.monotonic() - Math.max(0, parts.clock.now() - write.answeredAt);
    if (isLostBehind(waitingWrite, { exchange, primary, answeredAt, costBytes })) return;
    const waiting = parts.backlog.add(exchange.route.name, answeredAt);
    const { about, overlapped } = write;
    const body = (primary.requestBody as { copy: BodyCopy }).copy;
    const place = parts.unsettled.add(shadowNameOf(exchange));
    const teaching = beginTeaching(parts, exchange, primary);
    const held = { primary, body, costBytes, waiting, place, teaching };
    const copy: Copy = { exchange, about, order, earlierAttempts: attempts, answeredAt, ...held };
    lanes.rejoin(about.keys, copy, overlapped);
  }

  /** It waited behind a write of its key that was lost, and has its outcome by that. */
  function isLostBehind(
    { write, attempts }: WaitingWrite,
    of: {
      readonly exchange: Exchange;
      readonly primary: PrimaryAnswered;
      readonly answeredAt: number;
      costBytes: number;
    },
  ): boolean {
    const { exchange, primary, answeredAt, costBytes } = of;
    const { about } = write;
    const hole = parts.holes.behind(about.keys, answeredAt, (key) => standsAlone({ exchange, about }, key));
    if (hole === null) return false;
    const taintedBy = parts.taints.taintedBy(about.keys, answeredAt);
    parts.taints.add(about.keys, hole.exchangeId, answeredAt);
    budget.give(costBytes);
    teachNothing(parts, exchange, primary);
    const notBefore = notBeforeOf(exchange, attempts);
    const { key, moreKeys } = about;
    finish(parts, exchange, key, primary, { ...NOTHING_FOUND, ...hole.lost, moreKeys, notBefore, taintedBy });
    return true;
  }

  /** What an earlier process had sent may be on its way still. */
  function notBeforeOf(exchange: Exchange, attempts: number): number | null {
    return attempts > 0 ? parts.clock.now() + shadowWorkMs(exchange) : null;
  }

  async function caughtUp(): Promise<void> {
    while (running && !isFull && !stopped) await pause(LOOK_FOR_ROOM_MS);
  }

  return {
    wake,
    caughtUp,
    stop() {
      stopped = true;
    },
  };
}

function whyNotDelivered({ write, attempts }: WaitingWrite, isMirrored: boolean): Finding | null {
  const uncreated = write.about.made && attempts === 0;
  const given = (error: string, outcome: Finding["outcome"]): Finding => {
    return { ...NOTHING_FOUND, outcome, repair: "dropped", uncreated, error };
  };
  if (!isMirrored) return given("accepted by an earlier process; its route no longer mirrors", dropped("shutdown"));
  if (write.body.kind !== "digest") return null;
  return given("its body was in the spool of a process that ended", dropped("spool-full"));
}

function costOfWaiting({ intent, write }: WaitingWrite): number {
  const held = [write.body, write.answer.body].map((body) => (body.kind === "memory" ? body.bytes.length : 0));
  return held.reduce((sum, bytes) => sum + bytes, costOf(intent, write.about.keys.length));
}

/** Gives an outcome to each write that an earlier process left without one and without a copy (docs/semantics.md). */
export function settleLeftOver(parts: PipelineParts, leftOver: readonly LeftOver[]): void {
  for (const { intent, end, key } of leftOver) {
    const exchange = exchangeAgain(parts.snapshot(), intent, null);
    const found: Finding =
      end === "refused"
        ? { ...NOTHING_FOUND, outcome: skipped("not-accepted") }
        : {
            ...NOTHING_FOUND,
            outcome: UNKNOWN,
            repair: "unknown",
            // Its copy may have been sent: that it was accepted is recorded beside, to a service that applies nothing twice.
            notBefore: parts.clock.now() + Math.max(primaryWorkMs(exchange), shadowWorkMs(exchange)),
            error: "the proxy ended before it was answered",
          };
    guarded(parts, "journal", () => finish(parts, exchange, key, null, found), exchange);
  }
}

/**
 * The part of the event loop's time that bringing back takes while clients are served: a third of it at most, in slices
 * that delay nobody for long. Less, and where turns are long more would be accepted than is brought back.
 */
class Slice {
  readonly #clock: Pick<Clock, "monotonic">;
  #begunAt: number;
  #ms = SLICE_MS;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#begunAt = clock.monotonic();
  }

  isOver(): boolean {
    return this.#clock.monotonic() - this.#begunAt >= this.#ms;
  }

  /** Resolves in a later turn. */
  async next(): Promise<void> {
    const endedAt = this.#clock.monotonic();
    await new Promise(setImmediate);
    this.#begunAt = this.#clock.monotonic();
    this.#ms = Math.min(Math.max((this.#begunAt - endedAt) / 2, SLICE_MS), LONGEST_SLICE_MS);
  }
}

function idsOf({ exchangeId, traceId }: WaitingWrite["intent"]): OfRequest {
  return { id: exchangeId, traceId };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
