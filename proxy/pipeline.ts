/**
 * The life of one request: listen → route → plan → journal → forward → answer → settle → lane → shadow → compare → record.
 * The steps are called here, in this order, and know nothing of one another. Down to `answer` a step works for the
 * client; from `settle` on it works for the record only, and whatever goes wrong there is caught, counted and survived.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { hostFor, serviceOf } from "./config/settings.ts";
import type { Exchange, RequestHead, RouteFound, Snapshot } from "./exchange.ts";
import { headerOf } from "./exchange.ts";
import { forward, type ForwarderParts, type PrimaryEnding } from "./forward/forwarder.ts";
import { openTunnel } from "./forward/tunnel.ts";
import { endToEndHeaders } from "./headers.ts";
import { makeTraceId, makeUlid, parseTraceParent } from "./identity.ts";
import { readRequestHead } from "./listen/request-head.ts";
import { Lanes } from "./mirror/lanes.ts";
import { isOurShadowMark, SHADOW_MARK_HEADER } from "./mirror/mark.ts";
import type { Noise, Watched } from "./noise.ts";
import { PHASE_ROLES, serviceNameFor } from "./phases.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import type { Intent, LeftOver } from "./journal.ts";
import { keyAtHead, keysAtHead, samplePoint } from "./route/entity-key.ts";
import { createJournalBacklog, settleLeftOver } from "./journal-backlog.ts";
import { classifyRequest, methodOverride, planExchange } from "./route/plan.ts";
import { abandonCopies, mirrorCopy, type Copy } from "./mirrored-copy.ts";
import { keyForAll, settle, type OpenExchange } from "./settlement.ts";
import type { QuietKey } from "./turns.ts";

/** How long a write waits for its intent to be durable before it is forwarded unjournaled. */
const INTENT_WAIT_MS = 5;
/** How long an answer's last byte is held back until other members know of the write (docs/semantics.md, "Keys, lanes, order"). */
const PLACE_WAIT_MS = 20;
/** How long an earlier intent without an answer holds up a lane. */
const LANE_INTENT_WAIT_MS = 5_000;
/** Label of requests that no route matches; they go to legacy and are not mirrored. */
const NO_ROUTE = "(none)";

export interface Pipeline {
  handle(request: IncomingMessage, response: ServerResponse, target: string): void;
  /** A connection that is to change its protocol: it goes to the route's primary and nowhere else. */
  tunnel(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** See `Lanes.visit`. */
  visit<T>(key: string, patienceMs: number, work: (turn: QuietKey) => Promise<T>): Promise<T | null>;
  /** Brings back what waits in the journal, also from an earlier process. */
  resume(leftOver: readonly LeftOver[]): void;
  /** Copies that wait or are being delivered. */
  queued(): number;
  whenIdle(): Promise<void>;
  /** Nothing more is brought back from the journal: what waits there alone is for the next process. */
  leaveJournal(): void;
  /** Gives up what waits: each ends `dropped(shutdown)` with a repair entry, unless the journal holds it. */
  abandon(): void;
}

export function createPipeline(given: Omit<PipelineParts, "journalHasMore" | "journalCaughtUp">): Pipeline {
  const parts: PipelineParts = {
    ...given,
    journalHasMore: () => backlog.wake(),
    journalCaughtUp: () => backlog.caughtUp(),
  };
  const lanes: Lanes<Copy> = new Lanes({
    deliver: (turn) => mirrorCopy(parts, lanes, turn),
    intentWaitMs: LANE_INTENT_WAIT_MS,
    monotonic: () => parts.clock.monotonic(),
  });

  const backlog = createJournalBacklog(parts, lanes);

  /** Nobody above catches: what fails here must end the client's exchange, and nothing else. */
  function handle(request: IncomingMessage, response: ServerResponse, target: string): void {
    try {
      begin(request, response, target);
    } catch (error) {
      parts.caught("pipeline", error);
      response.destroy();
    }
  }

  function begin(request: IncomingMessage, response: ServerResponse, target: string): void {
    const snapshot = parts.snapshot();
    const head = readRequestHead(request, target);
    const found = snapshot.router.match(head);
    if (found === null) {
      passThrough(request, response, head, snapshot, "legacy", NO_ROUTE);
      return;
    }
    const { route } = found;
    const plan = planExchange({
      phase: route.phase,
      requestClass: classifyRequest(head.method, route.treatAs, methodOverride(head)),
      mirrorWrites: route.mirror.writes,
      readShare: route.mirror.readShare,
      samplePoint: () => samplePoint(sampleKey(found, head)),
      mirroringEnabled: parts.mirroringEnabled(),
    });
    const learns = route.compare.noise.readShare > 0;
    const watched = learns ? watchNoise({ snapshot, request: head, route, params: found.params, plan }) : null;
    if (!plan.mirror) {
      passThrough(request, response, head, snapshot, serviceNameFor(plan.primary, route), route.name, watched);
      return;
    }
    const arrivedAt = parts.clock.now();
    const trace = parseTraceParent(headerOf(head.headers, "traceparent"));
    const exchange: Exchange = {
      id: makeUlid(arrivedAt),
      arrivedAt,
      snapshot,
      request: head,
      route,
      params: found.params,
      plan,
      traceId: trace?.traceId ?? makeTraceId(),
    };
    const keys = keysAtHead({ route, params: found.params, request: head }, plan.requestClass);
    const mark = headerOf(head.headers, SHADOW_MARK_HEADER);
    const open: OpenExchange = {
      exchange,
      keys,
      isLoop: mark !== null && isOurShadowMark(parts.markKey, mark),
      ticket: lanes.intend(keys, plan.requestClass),
      lanes,
    };
    parts.recorder.eligible(route.name, plan.requestClass);
    journalIntent(open, () => forwardMirrored(request, response, open, watched));
  }

  function tunnel(request: IncomingMessage, socket: Socket, bytes: Buffer): void {
    try {
      const snapshot = parts.snapshot();
      const head = readRequestHead(request, request.url ?? "");
      const found = snapshot.router.match(head);
      const primary = found === null ? "legacy" : PHASE_ROLES[found.route.phase].primary;
      const routeName = found === null ? NO_ROUTE : found.route.name;
      const service = serviceOf(snapshot.settings, found === null ? "legacy" : serviceNameFor(primary, found.route));
      openTunnel({
        request,
        socket,
        head: bytes,
        upstream: parts.upstream("primary", service),
        method: head.method,
        target: head.target,
        headers: endToEndHeaders(head, { host: hostFor(service), proto: head.scheme, upgrade: true }),
        headTimeoutMs: service.asPrimary.timeoutMs,
        clock: parts.clock,
        answered: (status, ms) => {
          guard("telemetry", () => {
            parts.telemetry.clientRequest("primary", routeName, status, ms);
            parts.telemetry.serverRequest(routeName, head.method, status ?? 502, ms);
          });
        },
      });
    } catch (error) {
      parts.caught("pipeline", error);
      socket.destroy();
    }
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
    const durable = recordIntent({
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
      if (!placed) guard("turns", () => parts.turns.doubt(exchange.id));
      if (durable === null) goOn();
      else if (journaled) {
        parts.gaps.journaled(exchange.route.name);
        goOn();
      } else {
        afterMarking(parts.gaps.unjournaled(exchange.route.name, durable), goOn);
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
      parts.caught("turns", error);
      return null;
    }
  }

  function recordIntent(intent: Intent): Promise<void> | null {
    try {
      return parts.journal.intend(intent);
    } catch (error) {
      parts.caught("journal", error);
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The first write that is in no journal waits until a crash would tell of it; as long as a write waits for its intent. */
  function afterMarking(marked: Promise<void> | null, goOn: () => void): void {
    if (marked === null) {
      goOn();
      return;
    }
    let gone = false;
    const once = (): void => {
      if (gone) return;
      gone = true;
      clearTimeout(timer);
      goOn();
    };
    const timer = setTimeout(once, INTENT_WAIT_MS);
    marked.then(once, once);
  }

  function watchNoise(arrived: Parameters<Noise["watch"]>[0]): Watched | null {
    try {
      return parts.noise.watch(arrived);
    } catch (error) {
      parts.caught("noise", error);
      return null;
    }
  }

  function forwardMirrored(
    request: IncomingMessage,
    response: ServerResponse,
    open: OpenExchange,
    watched: Watched | null,
  ): void {
    const { exchange } = open;
    const { settings } = exchange.snapshot;
    const service = serviceNameFor(exchange.plan.primary, exchange.route);
    forwardTo(request, response, exchange.request, exchange.snapshot, service, exchange.route.name, {
      capture: { memoryBytes: settings.limits.bodyInMemoryBytes, diskBytes: settings.limits.bodyOnDiskBytes },
      settleWrite: exchange.plan.requestClass === "write",
      forwarder: parts.forwarder,
      ended: (ending) => {
        // Before it is settled, which lets go of the copy.
        if (watched !== null) guard("noise", () => watched.ended(ending));
        const placed = parts.turns.placed(exchange.id);
        if (placed === null) return settleNow(open, ending);
        return within(placed, PLACE_WAIT_MS).then(async () => {
          await settleNow(open, ending);
        });
      },
      closed: watched === null ? null : () => watched.closed(),
    });
  }

  /** What it returns is to be waited for before the answer's last byte leaves. */
  function settleNow(open: OpenExchange, ending: PrimaryEnding): Promise<void> | null {
    try {
      const placed = settle(parts, open, ending);
      return placed === null
        ? null
        : within(placed, PLACE_WAIT_MS).then((inTime) => {
            if (!inTime) guard("turns", () => parts.turns.doubt(open.exchange.id));
          });
    } catch (error) {
      parts.caught("settle", error);
      return null;
    }
  }

  function passThrough(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    snapshot: Snapshot,
    serviceName: string,
    routeName: string,
    watched: Watched | null = null,
  ): void {
    const watch = watched === null ? UNWATCHED : watchOf(watched);
    forwardTo(request, response, head, snapshot, serviceName, routeName, watch);
  }

  /** The copy of an answer that nobody else needs. */
  function watchOf(watched: Watched): Watch {
    return {
      capture: watched.forwarder === null ? null : COPY_IN_MEMORY,
      forwarder: watched.forwarder,
      settleWrite: false,
      ended: (ending) => {
        guard("noise", () => watched.ended(ending));
        if (ending.end === "answered") ending.release();
        return null;
      },
      closed: () => watched.closed(),
    };
  }

  function forwardTo(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    snapshot: Snapshot,
    serviceName: string,
    routeName: string,
    watch: Watch,
  ): void {
    const service = serviceOf(snapshot.settings, serviceName);
    const begunAt = parts.clock.monotonic();
    forward(
      {
        request,
        response,
        upstream: parts.upstream("primary", service),
        method: head.method,
        target: head.target,
        headers: endToEndHeaders(head, { host: hostFor(service), proto: head.scheme }),
        limits: {
          headMs: service.asPrimary.timeoutMs,
          idleMs: service.asPrimary.idleTimeoutMs ?? 0,
          totalMs: service.asPrimary.totalTimeoutMs ?? 0,
        },
        capture: watch.capture,
        settleWrite: watch.settleWrite,
        ended: (ending) => {
          const held = watch.ended(ending);
          const reached = ending.end !== "unreached";
          // A client that leaves is no failure of the primary's.
          if ((ending.end !== "answered" || ending.status >= 500) && !response.destroyed)
            guard("noise", () => parts.noise.sawFailure(service.origin));
          guard("telemetry", () => {
            parts.telemetry.clientRequest(
              "primary",
              routeName,
              reached ? ending.status : null,
              reached ? ending.ms : 0,
            );
          });
          return held;
        },
        closed: (status) => {
          if (watch.closed !== null) guard("noise", watch.closed);
          guard("telemetry", () => {
            parts.telemetry.serverRequest(routeName, head.method, status, parts.clock.monotonic() - begunAt);
          });
        },
      },
      watch.forwarder ?? parts.forwarder,
    );
  }

  function guard(step: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      parts.caught(step, error);
    }
  }

  return {
    handle,
    tunnel,
    // What waits in the journal alone is in no lane: it may be in what is read, and is yet to be delivered.
    visit(key, patienceMs, work) {
      const isBehind = (): boolean => parts.journal.waiting() > 0;
      if (isBehind()) return Promise.resolve(null);
      return lanes.visit(key, patienceMs, async ({ crossed }) => {
        const turn = await parts.turns.visit(key, patienceMs);
        if (turn === null) return null;
        try {
          return await work({ crossed: async () => isBehind() || crossed() || (await turn.crossed()) });
        } finally {
          turn.leave();
        }
      });
    },
    resume(leftOver) {
      settleLeftOver(parts, leftOver);
      backlog.wake();
    },
    leaveJournal: () => backlog.stop(),
    queued: () => lanes.queued,
    whenIdle: () => lanes.whenIdle(),
    abandon: () => {
      parts.values.stop();
      parts.turns.stop();
      abandonCopies(parts, lanes);
    },
  };
}

interface Watch {
  readonly capture: { readonly memoryBytes: number; readonly diskBytes: number } | null;
  /** What pays for the copy; null: there is none. */
  readonly forwarder: ForwarderParts | null;
  readonly settleWrite: boolean;
  /** See `ForwardJob`. */
  readonly ended: (ending: PrimaryEnding) => Promise<void> | null;
  readonly closed: (() => void) | null;
}

const UNWATCHED: Watch = {
  capture: null,
  forwarder: null,
  settleWrite: false,
  ended: () => null,
  closed: null,
};
/** The budget alone bounds it. */
const COPY_IN_MEMORY = { memoryBytes: Number.POSITIVE_INFINITY, diskBytes: Number.POSITIVE_INFINITY };

/** Whether it came in time. */
function within(promise: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, false);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Reads are sampled by what they are about: by entity where the head tells it, else by path. */
function sampleKey(found: RouteFound, head: RequestHead): string {
  const atHead = keyAtHead({ route: found.route, params: found.params, request: head });
  return atHead.known ? atHead.key : head.path;
}
