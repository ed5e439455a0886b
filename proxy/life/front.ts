/**
 * The client's half of a request's life: listen → route → plan → journal → forward → answer. A step works for the client here;
 * what is to be mirrored is entered into the books (intake.ts) before the primary is called, and ended there before the
 * answer's last byte leaves.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { RouteSettings } from "../config/settings.ts";
import type { RequestClass, RequestHead, RouteFound, Snapshot } from "../exchange.ts";
import { Patience } from "../forward/patience.ts";
import { BROUGHT_OVER, MOVING, refuse } from "../forward/refusal.ts";
import { makeUlid } from "../identity.ts";
import type { Asked } from "../ids/client-mapping.ts";
import { type Dial, fallsBack, isDialled } from "../reads/dial.ts";
import { dialledUpstream } from "../reads/dialled-upstream.ts";
import type { Fallback } from "../reads/fallback.ts";
import { type FallbackUpstream, fallbackUpstream } from "../reads/fallback-upstream.ts";
import type { Arrived, Entered, Intake } from "./intake.ts";
import { readRequestHead } from "../listen/request-head.ts";
import { NO_ROUTE } from "../moves/leanings.ts";
import type { Noise, Watched } from "../noise/noise.ts";
import type { OpenWrites } from "../phase/open-writes.ts";
import { holdBack, type WriteHold } from "../phase/write-hold.ts";
import { serviceNameFor } from "../moves/phases.ts";
import { keyAtHead, samplePoint } from "../route/entity-key.ts";
import { dialledTo, wholeRead } from "../route/pin-names.ts";
import { classifyRequest, methodOverride, planExchange } from "../route/plan.ts";
import { beginTrace } from "../tracing/tracing.ts";
import { guarded } from "./ending.ts";
import { forwardWatched, type Mapping, ofRequest } from "./front-forwarding.ts";
import { type TunnelingParts, tunnelTo } from "./front-tunnel.ts";
import { crossingWatch, NOT_FORWARDED, toldOnce, type Traced, UNWATCHED, type Watch } from "./front-watch.ts";

export interface FrontParts extends TunnelingParts {
  readonly mirroringEnabled: () => boolean;
  readonly intake: Intake;
  readonly dial: Dial;
  readonly fallback: Fallback;
  /** Writes whose source of truth is being changed wait here. */
  readonly hold: Pick<WriteHold, "holds" | "take">;
  readonly openWrites: Pick<OpenWrites, "enter" | "leave">;
  readonly noise: Pick<Noise, "watch" | "sawFailure">;
}

export interface Front {
  handle(request: IncomingMessage, response: ServerResponse, target: string): void;
  /** A connection that is to change its protocol: it goes to the route's primary and nowhere else. */
  tunnel(request: IncomingMessage, socket: Socket, head: Buffer): void;
}

export function createFront(parts: FrontParts): Front {
  const patience = new Patience();

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
      const traced = traceOf(snapshot, head, null);
      forwardWatched(parts, {
        ...{ request, response, head, snapshot, mapping: null, marks: [] },
        ...{ serviceName: "legacy", routeName: NO_ROUTE },
        watch: traced === null ? UNWATCHED : { ...UNWATCHED, traced },
      });
      return;
    }
    const { route } = found;
    const requestClass = classifyRequest(head.method, route.treatAs, methodOverride(head));
    if (requestClass === "write" && parts.hold.holds(route.name)) {
      heldBack(request, response, target);
      return;
    }
    const names = requestClass === "read" && isDialled(route) ? dialledTo(found, head) : null;
    if (names === null) forwardPlanned(request, response, snapshot, head, found, requestClass);
    else decideOnDial(request, response, snapshot, head, found, names);
  }

  /** `names`: what has to be free for next to be asked. */
  function decideOnDial(
    request: IncomingMessage,
    response: ServerResponse,
    snapshot: Snapshot,
    head: RequestHead,
    found: RouteFound,
    names: readonly string[],
  ): void {
    const route = found.route.name;
    const decided = (mayAsk: boolean): void => {
      if (mayAsk) {
        forwardDialled(request, response, snapshot, head, found);
        return;
      }
      guarded(parts, "dial", () => parts.dial.count(route, "pinned"));
      forwardPlanned(request, response, snapshot, head, found, "read");
    };
    const answer = parts.dial.mayAsk({ route, names, revision: snapshot.revision });
    if (answer instanceof Promise) {
      answer.then(decided).catch((error: unknown) => {
        parts.caught("pipeline", error);
        response.destroy();
      });
    } else decided(answer);
  }

  function forwardPlanned(
    request: IncomingMessage,
    response: ServerResponse,
    snapshot: Snapshot,
    head: RequestHead,
    found: RouteFound,
    requestClass: RequestClass,
  ): void {
    const { route } = found;
    const plan = planExchange({
      phase: route.phase,
      requestClass,
      mirrorWrites: route.mirror.writes,
      readShare: route.mirror.readShare,
      samplePoint: () => samplePoint(sampleKey(found, head)),
      mirroringEnabled: parts.mirroringEnabled(),
    });
    const traced = traceOf(snapshot, head, route);
    const mapped = parts.clients.of({ snapshot, request: head, found });
    const behind = requestClass === "read" ? behindNext({ snapshot, request: head, found }, traced) : null;
    const mapping = behind === null ? mapped : behind.around(mapped);
    // What is asked twice is asked as the client asks.
    const learns = route.compare.noise.readShare > 0 && mapping === null;
    const watched = learns ? watchNoise({ snapshot, request: head, route, params: found.params, plan }) : null;
    if (!plan.mirror) {
      let watch = watched === null ? UNWATCHED : watchOf(watched);
      if (traced !== null) watch = { ...watch, traced };
      if (behind !== null) watch = { ...watch, answeredBy: behind.answeredBy };
      if (requestClass === "write") watch = counted(watch, route.name, head);
      if (plan.why === "writes-off" && route.sharedDatabase)
        watch = crossingWatch(parts, watch, { snapshot, request: head, found, plan });
      try {
        const serviceName = serviceNameFor(plan.primary, route);
        const marks = requestClass === "write" ? route.markHeaders : [];
        forwardWatched(parts, {
          request,
          response,
          head,
          snapshot,
          serviceName,
          routeName: route.name,
          watch,
          mapping,
          marks,
        });
      } catch (error) {
        void watch.ended(NOT_FORWARDED);
        if (watch.closed !== null) guarded(parts, "noise", watch.closed);
        throw error;
      }
      return;
    }
    const trace = traced === null ? null : traced.trace;
    // Whoever watches it would wait for its end for ever.
    const unwatch = (): void => {
      guarded(parts, "noise", () => {
        watched?.ended(NOT_FORWARDED);
        watched?.closed();
      });
    };
    const failed = (): void => {
      unwatch();
      response.destroy();
    };
    try {
      parts.intake.open(
        { snapshot, request: head, found, plan, trace },
        (entered) => {
          const arrived = { snapshot, request: head, found, plan, trace };
          forwardMirrored(request, response, arrived, entered, watched, mapping, traced, behind);
        },
        failed,
        () => {
          unwatch();
          refuse(response, BROUGHT_OVER, request.complete);
        },
      );
    } catch (error) {
      failed();
      throw error;
    }
  }

  /** legacy behind next, for an entity that next has not. null: next alone answers. */
  function behindNext(asked: Asked, traced: Traced | null): FallbackUpstream | null {
    const { found, request } = asked;
    if (!fallsBack(found.route)) return null;
    const whole = wholeRead(found, request);
    if (whole === null) return null;
    return fallbackUpstream({ ...parts, patience }, asked, whole, traced === null ? null : traced.trace);
  }

  /** next is asked, and legacy where it gives no answer that counts. */
  function forwardDialled(
    request: IncomingMessage,
    response: ServerResponse,
    snapshot: Snapshot,
    head: RequestHead,
    found: RouteFound,
  ): void {
    const { route } = found;
    const traced = traceOf(snapshot, head, route);
    const asked = { snapshot, request: head, found };
    const { upstream, answeredBy } = dialledUpstream(parts, asked, traced === null ? null : traced.trace);
    const watch = traced === null ? UNWATCHED : { ...UNWATCHED, traced, answeredBy };
    const toWhom = { serviceName: "legacy", routeName: route.name, mapping: () => upstream, marks: [] };
    forwardWatched(parts, { request, response, head, snapshot, watch, ...toWhom });
  }

  /** It begins anew once the hold is over: nothing of it has been decided, read or sent. */
  function heldBack(request: IncomingMessage, response: ServerResponse, target: string): void {
    holdBack(parts.hold, response, {
      goOn: () => handle(request, response, target),
      refuse: () => guarded(parts, "pipeline", () => refuse(response, MOVING, request.complete)),
    });
  }

  /** A write that is not mirrored is under way for as long as the primary may be at it. */
  function counted(watch: Watch, route: string, { method, path }: RequestHead): Watch {
    const id = makeUlid(parts.clock.now());
    parts.openWrites.enter(id, route, `${method} ${path}`);
    return {
      ...watch,
      ended: (ending) => {
        parts.openWrites.leave(id);
        return watch.ended(ending);
      },
    };
  }

  function watchNoise(arrived: Parameters<Noise["watch"]>[0]): Watched | null {
    try {
      const watched = parts.noise.watch(arrived);
      return watched === null ? null : toldOnce(watched);
    } catch (error) {
      parts.caught("noise", error);
      return null;
    }
  }

  function forwardMirrored(
    request: IncomingMessage,
    response: ServerResponse,
    { snapshot, request: head, found: { route }, plan }: Arrived,
    entered: Entered,
    watched: Watched | null,
    mapping: Mapping,
    traced: Traced | null,
    behind: FallbackUpstream | null,
  ): void {
    const serviceName = serviceNameFor(plan.primary, route);
    const watch: Watch = {
      takers: entered.takers(),
      settleWrite: plan.requestClass === "write",
      ended: (ending) => {
        // Before it is settled, which lets go of the copy.
        if (watched !== null) guarded(parts, "noise", () => watched.ended(ending));
        const isAnothers = ending.end === "answered" && behind?.isLegacys() === true;
        return entered.ended(isAnothers ? { ...ending, isAnothers } : ending);
      },
      closed: watched === null ? null : () => watched.closed(),
      traced,
      ...(behind === null ? {} : { answeredBy: behind.answeredBy }),
    };
    const marks = plan.requestClass === "write" ? route.markHeaders : [];
    forwardWatched(parts, {
      request,
      response,
      head,
      snapshot,
      serviceName,
      routeName: route.name,
      watch,
      mapping,
      marks,
    });
  }

  /** The copy of an answer that nobody else needs. */
  function watchOf(watched: Watched): Watch {
    return {
      takers: watched.takers?.() ?? null,
      settleWrite: false,
      ended: (ending) => {
        guarded(parts, "noise", () => watched.ended(ending));
        if (ending.end === "answered") ending.release();
        return null;
      },
      closed: () => watched.closed(),
      traced: null,
    };
  }

  function traceOf({ settings }: Snapshot, head: RequestHead, route: RouteSettings | null): Traced | null {
    const { telemetry } = settings;
    if (telemetry === null || telemetry.traceShare === null) return null;
    try {
      const trace = beginTrace(head.headers, telemetry.traceShare, parts.clock);
      return trace === null ? null : { trace, asked: { method: head.method, scheme: head.scheme, route } };
    } catch (error) {
      parts.caught("telemetry", error, ofRequest(head));
      return null;
    }
  }

  return { handle, tunnel: (request, socket, head) => tunnelTo(parts, request, socket, head) };
}

/** Reads are sampled by what they are about: by entity where the head tells it, else by path. */
function sampleKey(found: RouteFound, head: RequestHead): string {
  const atHead = keyAtHead({ route: found.route, params: found.params, request: head });
  return atHead.known ? atHead.key : head.path;
}
