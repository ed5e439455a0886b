/** The spans of a traced request, as they are told to telemetry once they have ended. Pure. */
import type { RouteSettings } from "../config/settings.ts";
import type { Difference } from "../evidence/evidence.ts";
import type { Role } from "../exchange.ts";
import type { Trace } from "./trace.ts";
import { withStateMember } from "./trace-context.ts";

/** A span that is over. Neither paths nor bodies nor headers are in it: those may hold what is secret. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: "server" | "client" | "internal";
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  /** false: the parent is another process's. */
  readonly isParentOurs: boolean;
  readonly state: string | null;
  /** Two hexadecimal digits. */
  readonly flags: string;
  /** Another span of the same trace that it belongs with. */
  readonly linkedTo: string | null;
  /** Epoch ms, with fractions. */
  readonly startedAt: number;
  readonly ms: number;
  readonly hasFailed: boolean;
  readonly attributes: Readonly<Record<string, string | number | readonly string[]>>;
}

/** In front of `tracestate` on its way to the shadow: whatever is recorded there can be told from what the client caused. */
export const SHADOW_STATE = "crossfade=shadow";

export function shadowTraceState(state: string | null): string {
  return withStateMember(state, SHADOW_STATE);
}

/** Names of the semantic conventions for HTTP (1.36, stable), written out: their package is 9.7 MB. */
const METHOD = "http.request.method";
const STATUS = "http.response.status_code";
const HTTP_ROUTE = "http.route";
const ERROR_TYPE = "error.type";
const ROUTE = "crossfade.route";
const LEG = "crossfade.leg";
const SERVICE = "crossfade.service";
const EXCHANGE = "crossfade.exchange";

/** What a client's request asked of which route; null: of none. */
export interface Asked {
  readonly method: string;
  readonly route: Pick<RouteSettings, "name" | "match" | "phase"> | null;
  readonly scheme: "http" | "https";
}

export interface Times {
  /** Monotonic ms of this process. */
  readonly endedAt: number;
  readonly ms: number;
}

/** The client's request, from its arrival to the last byte of the answer. `endedAt`: monotonic ms. */
export function serverSpan(trace: Trace, { method, route, scheme }: Asked, status: number, endedAt: number): EndedSpan {
  const { traceId, parentId, state, flags, spans, startedAt, epochOffset } = trace;
  const path = route === null ? null : route.match.path;
  return {
    name: path === null ? nameable(method) : `${nameable(method)} ${path}`,
    kind: "server",
    traceId,
    spanId: spans.server,
    parentId,
    isParentOurs: false,
    state,
    flags,
    linkedTo: null,
    startedAt,
    ms: Math.max(0, epochOffset + endedAt - startedAt),
    hasFailed: status >= 500,
    attributes: {
      [METHOD]: nameable(method),
      "url.scheme": scheme,
      [STATUS]: status,
      ...(route === null
        ? {}
        : { [HTTP_ROUTE]: route.match.path, [ROUTE]: route.name, "crossfade.phase": route.phase }),
      ...(status >= 500 ? { [ERROR_TYPE]: String(status) } : {}),
    },
  };
}

/** How the request to one service ended. */
export interface LegEnd extends Times {
  readonly method: string;
  readonly route: string;
  /** null: no whole answer came. */
  readonly status: number | null;
  /** Where there is no whole answer: why, as a closed word. */
  readonly errorType: string | null;
  readonly service: string;
  readonly origin: string;
}

export function primarySpan(trace: Trace, end: LegEnd): EndedSpan {
  return { ...legSpan(trace, "primary", end), spanId: trace.spans.primary };
}

export interface ShadowEnd extends LegEnd {
  readonly exchange: string;
  readonly attempts: number;
  /** From the primary's answer to the first attempt. */
  readonly waitedMs: number;
}

/** A copy, from its first attempt to the end of its last: in the client's trace, and linked to what it is a copy of. */
export function shadowSpan(trace: Trace, end: ShadowEnd): EndedSpan {
  const span = legSpan(trace, "shadow", end);
  return {
    ...span,
    spanId: trace.spans.shadow,
    state: shadowTraceState(trace.state),
    linkedTo: trace.spans.primary,
    attributes: {
      ...span.attributes,
      [EXCHANGE]: end.exchange,
      "crossfade.attempts": end.attempts,
      "crossfade.waited_ms": Math.round(end.waitedMs),
    },
  };
}

function legSpan(trace: Trace, leg: Role, end: LegEnd): Omit<EndedSpan, "spanId"> {
  const { traceId, state, flags, spans, epochOffset } = trace;
  const { method, status, errorType } = end;
  const failed = errorType ?? (status !== null && status >= 400 ? String(status) : null);
  return {
    name: `${nameable(method)} ${end.service}`,
    kind: "client",
    traceId,
    parentId: spans.server,
    isParentOurs: true,
    state,
    flags,
    linkedTo: null,
    startedAt: epochOffset + end.endedAt - end.ms,
    ms: end.ms,
    hasFailed: failed !== null,
    attributes: {
      [METHOD]: nameable(method),
      [ROUTE]: end.route,
      [LEG]: leg,
      [SERVICE]: end.service,
      ...serverOf(end.origin),
      ...(status === null ? {} : { [STATUS]: status }),
      ...(failed === null ? {} : { [ERROR_TYPE]: failed }),
    },
  };
}

export interface Mismatch extends Times {
  readonly spanId: string;
  readonly route: string;
  readonly exchange: string;
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
}

/** Comparing two answers that do not match, beneath the shadow's span. Which kinds of differences, never their values. */
export function compareSpan(trace: Trace, found: Mismatch): EndedSpan {
  const { traceId, flags, spans, state, epochOffset } = trace;
  return {
    name: "compare",
    kind: "internal",
    traceId,
    spanId: found.spanId,
    parentId: spans.shadow,
    isParentOurs: true,
    state: shadowTraceState(state),
    flags,
    linkedTo: spans.primary,
    startedAt: epochOffset + found.endedAt - found.ms,
    ms: found.ms,
    hasFailed: false,
    attributes: {
      [ROUTE]: found.route,
      [LEG]: "shadow",
      [EXCHANGE]: found.exchange,
      "crossfade.outcome": "divergent",
      "crossfade.differences": found.differences.length + found.moreDifferences,
      "crossfade.kinds": [...new Set(found.differences.map(({ kind }) => kind))],
    },
  };
}

const KNOWN_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
]);

/** Names of spans are a closed set. */
function nameable(method: string): string {
  return KNOWN_METHODS.has(method) ? method : "_OTHER";
}

/** `http://host:port` or `unix:/path`. */
function serverOf(origin: string): Readonly<Record<string, string | number>> {
  const url = URL.parse(origin);
  if (url === null || url.hostname === "") return { "server.address": origin };
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { "server.address": url.hostname, "server.port": port };
}
