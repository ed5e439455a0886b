import { hostFor, type ServiceSettings } from "../config/settings.ts";
import type { BodyCopy, Exchange } from "../exchange.ts";
import { headerOf } from "../exchange.ts";
import { endToEndHeaders, HeaderNames, withHeaders } from "../headers.ts";
import { shadowTraceState } from "../tracing/spans.ts";
import {
  clientTrace,
  clientTraceState,
  isSampled,
  makeTraceParent,
  spellTraceParent,
} from "../tracing/trace-context.ts";
import { SHADOW_MARK_HEADER, shadowMark } from "./mark.ts";

/** One copy as the shadow will get it; a rewrite changes it before it is sent. */
export interface ShadowRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: string[];
  readonly body: BodyCopy;
}

/** The stage at which ids and tokens of one service become the other's, under the path that the client asked for. Pure. */
export type Rewrite = (request: ShadowRequest, exchange: Exchange) => ShadowRequest;

export const identityRewrite: Rewrite = (request) => request;

/** What `credentials: strip` keeps from the shadow. */
export const CREDENTIAL_HEADERS: readonly string[] = ["authorization", "cookie", "proxy-authorization"];
/** The copy is sent complete: nobody is asked whether to continue, no trailers follow; the trace has a child span. */
const NEVER_COPIED = ["expect", "trailer", "transfer-encoding", "te", "connection", "traceparent", "tracestate"];

const notCopied = new WeakMap<ServiceSettings, HeaderNames>();

function notCopiedTo(service: ServiceSettings): HeaderNames {
  let names = notCopied.get(service);
  if (names === undefined) {
    const declared = service.asShadow.headers.map(([name]) => name);
    const credentials = service.asShadow.credentials === "strip" ? CREDENTIAL_HEADERS : [];
    notCopied.set(service, (names = new HeaderNames([...NEVER_COPIED, ...credentials, ...declared])));
  }
  return names;
}

export interface ShadowRequestParts {
  readonly exchange: Exchange;
  readonly service: ServiceSettings;
  readonly body: BodyCopy;
  readonly markKey: Buffer;
  /** `generation.position`: orders the writes of one key. */
  readonly order: string;
  readonly epoch: number;
  readonly rewrite: Rewrite;
}

/** As legacy would get it: what is another thing at next is changed after it (proxy/transform/at-next.ts). */
export function buildShadowRequest(parts: ShadowRequestParts): ShadowRequest {
  const { exchange, service } = parts;
  const marks = exchange.plan.requestClass === "write" ? exchange.route.markHeaders : [];
  const by = { host: hostFor(service), proto: exchange.request.scheme };
  const copied = withHeaders(endToEndHeaders(exchange.request, by), marks);
  const skipped = notCopiedTo(service);
  const headers: string[] = [];
  for (let i = 0; i < copied.length; i += 2) {
    const name = copied[i] as string;
    if (!skipped.has(name)) headers.push(name, copied[i + 1] as string);
  }
  const idempotencyKey = headerOf(headers, "idempotency-key");
  for (const [name, value] of service.asShadow.headers) headers.push(name, value);
  headers.push(SHADOW_MARK_HEADER, shadowMark(parts.markKey));
  headers.push("x-crossfade-exchange", exchange.id);
  headers.push("x-crossfade-order", parts.order);
  headers.push("x-crossfade-epoch", String(parts.epoch));
  if (idempotencyKey === null) headers.push("idempotency-key", exchange.id);
  pushTrace(headers, exchange);
  const { method, target } = exchange.request;
  return parts.rewrite({ method, target, headers, body: parts.body }, exchange);
}

/** A child span of the client's trace. Where that is sampled, by us or others, `tracestate` tells that it is a copy's. */
function pushTrace(headers: string[], { request, traceId, trace }: Exchange): void {
  if (trace !== null) {
    headers.push("traceparent", spellTraceParent(traceId, trace.spans.shadow, trace.flags));
    headers.push("tracestate", shadowTraceState(trace.state));
    return;
  }
  const client = clientTrace(request.headers);
  headers.push("traceparent", makeTraceParent(traceId, client?.flags ?? "00"));
  if (client === null) return;
  const state = clientTraceState(request.headers);
  if (isSampled(client)) headers.push("tracestate", shadowTraceState(state));
  else if (state !== null) headers.push("tracestate", state);
}
