/**
 * Where an eligible exchange enters the books: it is counted, gets its place in the lanes and among other members' writes, and
 * its intent is journaled; when the primary has ended, it is settled (settlement.ts). The client's half (front.ts) waits for
 * both, within bounds; with worker processes it does so from another process.
 */
import { guarded } from "./ending.ts";
import type { Exchange, Plan, RequestHead, RouteFound, Snapshot } from "../exchange.ts";
import { headerOf } from "../exchange.ts";
import { type BodyTakers, captures } from "../forward/capture.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import { makeTraceId, makeUlid } from "../identity.ts";
import type { Intent } from "../journal.ts";
import type { Lanes } from "../mirror/lanes.ts";
import { isOurShadowMark, SHADOW_MARK_HEADER } from "../mirror/mark.ts";
import type { Copy } from "./copy.ts";
import { enterCrossingWrite } from "./crossing-write.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import { keysAtHead } from "../route/entity-key.ts";
import type { Reach } from "../reach.ts";
import { pinsOfWrite } from "../route/pin-names.ts";
import { reachAtHead } from "../route/write-reach.ts";
import { keyForAll, settle, type OpenExchange } from "./settlement.ts";
import type { Trace } from "../tracing/trace.ts";
import { clientTrace } from "../tracing/trace-context.ts";

/** How long a write waits for its intent to be durable before it is forwarded unjournaled. */
const INTENT_WAIT_MS = 5;
/** How long an answer's last byte is held back until other members know of the write (docs/semantics.md, "Keys, lanes, order"). */
const PLACE_WAIT_MS = 20;

/** A request that is to be mirrored, before its primary is called. */
export interface Arrived {
  readonly snapshot: Snapshot;
  readonly request: RequestHead;
  readonly found: RouteFound;
  readonly plan: Extract<Plan, { mirror: true }>;
  /** null: it is not traced. */
  readonly trace: Trace | null;
}

export interface Intake {
  /**
   * Calls `goOn` once the primary may be called: at once where nothing is to be waited for. Where it cannot be entered it throws, or
   * calls `failed` later. Where `goOn` throws, now or later, the exchange is ended in the books, and `failed` is called. Where it is
   * held back for as long as a client may wait, `refused` is: nothing was sent, and it is in no books.
   */
  open(arrived: Arrived, goOn: (entered: Entered) => void, failed: () => void, refused: () => void): void;
  /** A write to a database that both services use: reads that it crosses are to be told apart. The primary may be called at once. */
  cross(write: CrossingWrite): Entered;
}

export type CrossingWrite = Pick<Arrived, "snapshot" | "request" | "found"> & { readonly plan: Plan };

/** An exchange that is in the books and has to be ended there. */
export interface Entered {
  /** For copies of both bodies. null: nobody needs them. */
  takers(): BodyTakers | null;
  /**
   * false: where it stands among other members' writes is not known yet. Then it is settled, and has its order stamp, a little after
   * `ended`, and whoever writes the key next must not come before that.
   */
  isPlaced(): boolean;
  /** The first call counts. What it returns is to be waited for before the answer's last byte leaves. */
  ended(ending: PrimaryEnding): Promise<void> | null;
}

export function createIntake(parts: PipelineParts, lanes: Lanes<Copy>): Intake {
  /** What holds clients' writes back ends before anything of it is in the books: whoever holds would meet it there. */
  function open(
    { snapshot, request, found, plan, trace }: Arrived,
    goOn: (entered: Entered) => void,
    failed: () => void,
    refused: () => void,
  ): void {
    const exchange = exchangeOf({ snapshot, request, found, plan }, trace);
    const from = { route: found.route, params: found.params, request };
    const keys = keysAtHead(from, plan.requestClass);
    if (plan.requestClass === "read") {
      enter(exchange, keys, null, goOn, failed);
      return;
    }
    parts.openWrites.enter(exchange.id, found.route.name, `${request.method} ${request.path}`);
    const reach = reachAtHead(from, keys);
    const enterHeld = (): void => {
      const held = parts.keyHolds.held(reach);
      if (held === null) {
        enter(exchange, keys, reach, goOn, failed);
        return;
      }
      held
        .then((mayGoOn) => {
          if (mayGoOn) {
            enterHeld();
            return;
          }
          parts.openWrites.leave(exchange.id);
          refused();
        })
        .catch((error: unknown) => {
          parts.caught("pipeline", error, exchange);
          failed();
        });
    };
    enterHeld();
  }

  /** From here on it is in the books. `reach` null: of a read. */
  function enter(
    exchange: Exchange,
    keys: readonly string[],
    reach: Reach | null,
    goOn: (entered: Entered) => void,
    failed: () => void,
  ): void {
    const { request, plan, route } = exchange;
    const mark = headerOf(request.headers, SHADOW_MARK_HEADER);
    const open: OpenExchange = {
      exchange,
      keys,
      isLoop: mark !== null && isOurShadowMark(parts.markKey, mark),
      ticket: lanes.intend(keys, plan.requestClass),
      lanes,
    };
    if (reach !== null) {
      guarded(parts, "changes", () => parts.changes.began(exchange.id, route.name, reach));
      const { isNeeded, bys } = parts.pins;
      parts.pins.began(exchange.id, isNeeded ? pinsOfWrite(reach, bys, request) : []);
    }
    try {
      parts.recorder.eligible(route.name, plan.requestClass);
    } catch (error) {
      // Its client's exchange is ended by whoever catches this.
      lanes.withdraw(open.ticket);
      parts.openWrites.leave(exchange.id);
      parts.changes.ended(exchange.id, null);
      parts.pins.ended(exchange.id, null);
      throw error;
    }
    journalIntent(open, () => letGoOn(entered(open), goOn, failed, parts.caught));
  }

  function exchangeOf({ snapshot, request, found, plan }: CrossingWrite, trace: Trace | null): Exchange {
    const arrivedAt = parts.clock.now();
    return {
      id: makeUlid(arrivedAt),
      arrivedAt,
      snapshot,
      request,
      route: found.route,
      params: found.params,
      plan,
      traceId: (trace ?? clientTrace(request.headers))?.traceId ?? makeTraceId(),
      trace,
    };
  }

  function entered(open: OpenExchange): Entered {
    const { limits } = open.exchange.snapshot.settings;
    return endedOnce({
      takers: () =>
        captures(
          {
            memoryBytes: limits.bodyInMemoryBytes,
            diskBytes: limits.bodyOnDiskBytes,
            lasting: open.exchange.plan.requestClass === "write" && parts.journal.kind === "durable",
          },
          parts.copies,
        ),
      // What its answer tells may have to be told to others too.
      isPlaced: () => parts.turns.placed(open.exchange.id) === null && !parts.pins.areShared,
      ended(ending) {
        const placed = parts.turns.placed(open.exchange.id);
        if (placed === null) return settleAndTell(open, ending);
        return within(placed, PLACE_WAIT_MS).then(async (inTime) => {
          if (!inTime) doubt(open);
          await settleAndTell(open, ending);
        });
      },
    });
  }

  /**
   * Records the intent and takes its place among other members' writes, then goes on: at once where nothing is to be
   * waited for, else after at most INTENT_WAIT_MS.
   */
  function journalIntent(open: OpenExchange, goOn: () => void): void {
    const { exchange, keys } = open;
    if (exchange.plan.requestClass === "read") {
      goOn();
      return;
    }
    const durable = recordIntent(exchange, {
      exchangeId: exchange.id,
      route: exchange.route.name,
      request: exchange.request,
      key: keyForAll(keys),
      traceId: exchange.traceId,
      arrivedAt: exchange.arrivedAt,
    });
    const place = takePlace(open);
    if (durable === null && place === null) {
      goOn();
      return;
    }
    let gone = false;
    let [journaled, placed] = [durable === null, place === null];
    let awaited = Number(!journaled) + Number(!placed);
    const once = (): void => {
      if (gone) return;
      gone = true;
      clearTimeout(timer);
      if (!placed) guarded(parts, "turns", () => parts.turns.hurried(exchange.id), exchange);
      if (durable === null) goOn();
      else if (journaled) {
        guarded(parts, "gaps", () => parts.gaps.journaled(exchange.route.name));
        goOn();
      } else {
        let marked: Promise<void> | null = null;
        guarded(parts, "gaps", () => {
          marked = parts.gaps.unjournaled(exchange.route.name, durable, exchange.plan.shadow);
        });
        afterMarking(marked, durable, goOn);
      }
    };
    const came = (): void => {
      awaited -= 1;
      if (awaited === 0) once();
    };
    // After a long turn timers come before what the disk has done meanwhile: one look at that first.
    const timer = setTimeout(() => setImmediate(once), INTENT_WAIT_MS);
    durable?.then(() => {
      journaled = true;
      came();
    }, came);
    void place?.then(() => {
      placed = true;
      came();
    });
  }

  function takePlace({ exchange, keys }: OpenExchange): Promise<void> | null {
    try {
      return parts.turns.take(exchange.id, keys);
    } catch (error) {
      parts.caught("turns", error, exchange);
      return null;
    }
  }

  function recordIntent(exchange: Exchange, intent: Intent): Promise<void> | null {
    try {
      return parts.journal.intend(intent);
    } catch (error) {
      parts.caught("journal", error, exchange);
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** A write that is in no journal waits until a crash would tell of it, within a bound, or it is in the journal after all. */
  function afterMarking(marked: Promise<void> | null, durable: Promise<void>, goOn: () => void): void {
    if (marked === null) {
      goOn();
      return;
    }
    let gone = false;
    const once = (): void => {
      if (gone) return;
      gone = true;
      goOn();
    };
    void marked.then(once);
    durable.then(once, () => undefined);
  }

  /** Others' reads must find what was written before the client can; its copy, or the whole exchange, may be done with by then. */
  function settleAndTell(open: OpenExchange, ending: PrimaryEnding): Promise<void> | null {
    if (!parts.pins.areShared) return settleNow(open, ending);
    const { id } = open.exchange;
    const begun = parts.pins.told(id);
    const settled = settleNow(open, ending);
    const awaited = [begun, parts.pins.told(id), settled].filter((one) => one !== null);
    return awaited.length === 0 ? null : Promise.all(awaited).then(() => undefined);
  }

  /** What it returns is to be waited for before the answer's last byte leaves. */
  function settleNow(open: OpenExchange, ending: PrimaryEnding): Promise<void> | null {
    try {
      const placed = settle(parts, open, ending);
      return placed === null
        ? null
        : within(placed, PLACE_WAIT_MS).then((inTime) => {
            // What is waited for may be the journal alone.
            if (!inTime && parts.turns.placed(open.exchange.id) !== null) doubt(open);
          });
    } catch (error) {
      parts.caught("settle", error, open.exchange);
      return null;
    }
  }

  function doubt({ exchange }: OpenExchange): void {
    guarded(parts, "turns", () => parts.turns.doubt(exchange.id), exchange);
  }

  return { open, cross: (write) => endedOnce(enterCrossingWrite(parts, exchangeOf(write, null))) };
}

/** What comes after the first end gives back what it holds. */
export function endedOnce(entered: Entered): Entered {
  let hasEnded = false;
  return {
    takers: () => entered.takers(),
    isPlaced: () => entered.isPlaced(),
    ended(ending) {
      if (!hasEnded) {
        hasEnded = true;
        return entered.ended(ending);
      }
      if (ending.end === "answered") ending.release();
      return null;
    },
  };
}

/**
 * Nobody above catches: it may be called from a timer, or when the disk has answered. An exchange that cannot go on ends
 * `unknown`, since its primary may have been called before that.
 */
export function letGoOn(
  entered: Entered,
  goOn: (entered: Entered) => void,
  failed: () => void,
  caught: (step: string, error: unknown) => void,
): void {
  try {
    goOn(entered);
  } catch (error) {
    caught("pipeline", error);
    const why = `it could not be forwarded: ${error instanceof Error ? error.message : String(error)}`;
    void entered.ended({ end: "unknown", status: null, why, ms: 0 });
    try {
      failed();
    } catch (again) {
      caught("pipeline", again);
    }
  }
}

/** Whether it came in time. After a long turn timers come before what has come meanwhile: one look at that first. */
function within(promise: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(resolve, false), ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
