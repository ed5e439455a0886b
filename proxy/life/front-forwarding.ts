/** A client's request on its way to the service that answers it, and who hears what of it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caught, OfRequest } from "../caught.ts";
import { hostFor, type RouteSettings, serviceOf, type ServiceSettings } from "../config/settings.ts";
import { headerOf, type RawHeaders, type RequestHead, type Role, type Snapshot } from "../exchange.ts";
import { forward } from "../forward/forwarder.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import { endToEndHeaders, withHeaders } from "../headers.ts";
import type { ClientMapping } from "../ids/client-mapping.ts";
import type { Noise } from "../noise/noise.ts";
import type { Clock, Telemetry, Upstream } from "../ports.ts";
import { serverSpan } from "../tracing/spans.ts";
import { clientTrace } from "../tracing/trace-context.ts";
import { tracedHeaders } from "../tracing/tracing.ts";
import { spanOfPrimary, type Watch } from "./front-watch.ts";

export interface ForwardingParts {
  readonly upstream: (role: Role, service: ServiceSettings) => Upstream;
  readonly tunnels: Pick<OpenTunnels, "opened">;
  readonly noise: Pick<Noise, "sawFailure">;
  readonly telemetry: Pick<Telemetry, "clientRequest" | "serverRequest" | "span">;
  readonly clock: Clock;
  /** Something failed that is not the client's. */
  readonly caught: Caught;
}

export interface WatchedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly head: RequestHead;
  readonly snapshot: Snapshot;
  /** Who is asked. */
  readonly serviceName: string;
  /** As it is counted. */
  readonly routeName: string;
  readonly watch: Watch;
  readonly mapping: Mapping;
  /** Headers that mark who wrote. */
  readonly marks: RouteSettings["markHeaders"];
}

/** See `ClientMapping`. */
export type Mapping = ReturnType<ClientMapping["of"]>;

export function forwardWatched(
  parts: ForwardingParts,
  { request, response, head, snapshot, serviceName, routeName, watch, mapping, marks }: WatchedRequest,
): void {
  const service = serviceOf(snapshot.settings, serviceName);
  const primary = parts.upstream("primary", service);
  const begunAt = parts.clock.monotonic();
  const { traced } = watch;
  const headers = withHeaders(endToEndHeaders(head, { host: hostFor(service), proto: head.scheme }), marks);
  forward(
    {
      request,
      response,
      upstream: mapping === null ? primary : mapping(primary),
      method: head.method,
      target: head.target,
      headers: traced === null ? headers : tracedHeaders(headers, traced.trace, traced.trace.spans.primary),
      limits: {
        headMs: service.asPrimary.timeoutMs,
        idleMs: service.asPrimary.idleTimeoutMs ?? 0,
        totalMs: service.asPrimary.totalTimeoutMs ?? 0,
      },
      takers: watch.takers,
      settleWrite: watch.settleWrite,
      begun: (status, answerHeaders) => {
        if (status !== 200 || !isEventStream(answerHeaders)) return;
        const primary = serviceName === "legacy" ? "legacy" : "next";
        parts.tunnels.opened({ route: routeName, kind: "events", primary }, response);
      },
      ended: (ending) => {
        const held = watch.ended(ending);
        const reached = ending.end !== "unreached";
        // A client that leaves is no failure of the primary's.
        if ((ending.end !== "answered" || ending.status >= 500) && !response.destroyed)
          guard(parts, head, "noise", () => parts.noise.sawFailure(service.origin));
        guard(parts, head, "telemetry", () => {
          parts.telemetry.clientRequest("primary", routeName, reached ? ending.status : null, reached ? ending.ms : 0);
        });
        if (traced !== null)
          guard(parts, head, "telemetry", () =>
            parts.telemetry.span(spanOfPrimary(traced, ending, watch.answeredBy?.() ?? service, parts.clock)),
          );
        return held;
      },
      closed: (status) => {
        if (watch.closed !== null) guard(parts, head, "noise", watch.closed);
        guard(parts, head, "telemetry", () => {
          parts.telemetry.serverRequest(routeName, head.method, status, parts.clock.monotonic() - begunAt);
        });
        if (traced === null) return;
        guard(parts, head, "telemetry", () => {
          parts.telemetry.span(serverSpan(traced.trace, traced.asked, status, parts.clock.monotonic()));
        });
      },
    },
    parts.clock,
  );
}

function guard(parts: ForwardingParts, head: RequestHead, step: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    parts.caught(step, error, ofRequest(head));
  }
}

/** Only the client's own trace is known here. */
export function ofRequest({ headers }: RequestHead): OfRequest | undefined {
  const trace = clientTrace(headers);
  return trace === null ? undefined : { id: null, traceId: trace.traceId };
}

function isEventStream(headers: RawHeaders): boolean {
  const type = headerOf(headers, "content-type");
  return type !== null && /^text\/event-stream\b/i.test(type);
}
