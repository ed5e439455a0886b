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
import { forward, type PrimaryEnding } from "./forward/forwarder.ts";
import { openTunnel } from "./forward/tunnel.ts";
import { endToEndHeaders } from "./headers.ts";
import { makeTraceId, makeUlid, parseTraceParent } from "./identity.ts";
import { readRequestHead } from "./listen/request-head.ts";
import { Lanes, type QuietTurn } from "./mirror/lanes.ts";
import { isOurShadowMark, SHADOW_MARK_HEADER } from "./mirror/mark.ts";
import { PHASE_ROLES, serviceNameFor } from "./phases.ts";
import type { PipelineParts } from "./pipeline-parts.ts";
import { keyAtHead, samplePoint } from "./route/entity-key.ts";
import { classifyRequest, planExchange } from "./route/plan.ts";
import { abandonCopies, mirrorCopy, type Copy } from "./mirrored-copy.ts";
import { settle, type OpenExchange } from "./settlement.ts";

/** How long a write waits for its intent to be durable before it is forwarded unjournaled. */
const INTENT_WAIT_MS = 5;
/** How long an earlier intent without an answer holds up a lane. */
const LANE_INTENT_WAIT_MS = 5_000;
/** Label of requests that no route matches; they go to legacy and are not mirrored. */
const NO_ROUTE = "(none)";

export interface Pipeline {
  handle(request: IncomingMessage, response: ServerResponse, target: string): void;
  /** A connection that is to change its protocol: it goes to the route's primary and nowhere else. */
  tunnel(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** See `Lanes.visit`. */
  visit<T>(key: string, patienceMs: number, work: (turn: QuietTurn) => Promise<T>): Promise<T | null>;
  /** Copies that wait or are being delivered. */
  queued(): number;
  whenIdle(): Promise<void>;
  /** Gives up what waits: each ends `dropped(shutdown)` with a repair entry. */
  abandon(): void;
}

export function createPipeline(parts: PipelineParts): Pipeline {
  const lanes = new Lanes<Copy>({
    deliver: (turn) => mirrorCopy(parts, turn),
    intentWaitMs: LANE_INTENT_WAIT_MS,
    monotonic: () => parts.clock.monotonic(),
  });

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
    if (!plan.mirror) {
      passThrough(request, response, head, snapshot, serviceNameFor(plan.primary, route), route.name);
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
    const atHead = keyAtHead({ route, params: found.params, request: head });
    const key = atHead.known ? atHead.key : null;
    const mark = headerOf(head.headers, SHADOW_MARK_HEADER);
    const open: OpenExchange = {
      exchange,
      key,
      isLoop: mark !== null && isOurShadowMark(parts.markKey, mark),
      began: lanes.begin(),
      ticket: key === null ? null : lanes.intend(key, plan.requestClass),
      lanes,
    };
    parts.recorder.eligible(route.name, plan.requestClass);
    journalIntent(open, () => forwardMirrored(request, response, open));
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

  /** Records the intent, then goes on: at once where nothing is to be waited for, else after at most INTENT_WAIT_MS. */
  function journalIntent(open: OpenExchange, goOn: () => void): void {
    const { exchange, key } = open;
    if (exchange.plan.requestClass === "read") {
      goOn();
      return;
    }
    const durable = parts.journal.intend({
      exchangeId: exchange.id,
      route: exchange.route.name,
      method: exchange.request.method,
      path: exchange.request.path,
      key,
    });
    if (durable === null) {
      goOn();
      return;
    }
    let gone = false;
    const once = (journaled: boolean): void => {
      if (gone) return;
      gone = true;
      clearTimeout(timer);
      if (journaled) parts.gaps.journaled(exchange.route.name);
      else parts.gaps.unjournaled(exchange.route.name);
      goOn();
    };
    const timer = setTimeout(() => once(false), INTENT_WAIT_MS);
    durable.then(
      () => once(true),
      () => once(false),
    );
  }

  function forwardMirrored(request: IncomingMessage, response: ServerResponse, open: OpenExchange): void {
    const { exchange } = open;
    const { settings } = exchange.snapshot;
    const service = serviceNameFor(exchange.plan.primary, exchange.route);
    forwardTo(request, response, exchange.request, exchange.snapshot, service, exchange.route.name, {
      capture: { memoryBytes: settings.limits.bodyInMemoryBytes, diskBytes: settings.limits.bodyOnDiskBytes },
      settleWrite: exchange.plan.requestClass === "write",
      ended: (ending) => guard("settle", () => settle(parts, open, ending)),
    });
  }

  function passThrough(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    snapshot: Snapshot,
    serviceName: string,
    routeName: string,
  ): void {
    forwardTo(request, response, head, snapshot, serviceName, routeName, {
      capture: null,
      settleWrite: false,
      ended: ignoreEnding,
    });
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
          watch.ended(ending);
          const reached = ending.end !== "unreached";
          guard("telemetry", () => {
            parts.telemetry.clientRequest(
              "primary",
              routeName,
              reached ? ending.status : null,
              reached ? ending.ms : 0,
            );
          });
        },
        closed: (status) => {
          guard("telemetry", () => {
            parts.telemetry.serverRequest(routeName, head.method, status, parts.clock.monotonic() - begunAt);
          });
        },
      },
      parts.forwarder,
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
    visit: (key, patienceMs, work) => lanes.visit(key, patienceMs, work),
    queued: () => lanes.queued,
    whenIdle: () => lanes.whenIdle(),
    abandon: () => abandonCopies(parts, lanes),
  };
}

interface Watch {
  readonly capture: { readonly memoryBytes: number; readonly diskBytes: number } | null;
  readonly settleWrite: boolean;
  readonly ended: (ending: PrimaryEnding) => void;
}

function ignoreEnding(): void {}

/** The three spellings that frameworks act on (Express's method-override, Symfony, Google's APIs). */
function methodOverride(head: RequestHead): string | null {
  if (head.method !== "POST") return null;
  return (
    headerOf(head.headers, "x-http-method-override") ??
    headerOf(head.headers, "x-http-method") ??
    headerOf(head.headers, "x-method-override")
  );
}

/** Reads are sampled by what they are about: by entity where the head tells it, else by path. */
function sampleKey(found: RouteFound, head: RequestHead): string {
  const atHead = keyAtHead({ route: found.route, params: found.params, request: head });
  return atHead.known ? atHead.key : head.path;
}
