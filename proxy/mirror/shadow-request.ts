import { hostFor, type ServiceSettings } from "../config/settings.ts";
import type { BodyCopy, Exchange } from "../exchange.ts";
import { headerOf } from "../exchange.ts";
import { endToEndHeaders } from "../headers.ts";
import { makeTraceParent, parseTraceParent } from "../identity.ts";
import { makeShadowMark, SHADOW_MARK_HEADER } from "./mark.ts";

/** One copy as the shadow will get it; a rewrite changes it before it is sent. */
export interface ShadowRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: string[];
  readonly body: BodyCopy;
}

/** The stage at which ids, tokens and paths of one service become the other's. Pure; today nothing is declared. */
export type Rewrite = (request: ShadowRequest, exchange: Exchange) => ShadowRequest;

export const identityRewrite: Rewrite = (request) => request;

const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** The copy is sent complete: nobody is asked whether to continue, no trailers follow; the trace has a child span. */
const NOT_COPIED: ReadonlySet<string> = new Set(["expect", "trailer", "traceparent", "transfer-encoding"]);

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

export function buildShadowRequest(parts: ShadowRequestParts): ShadowRequest {
  const { exchange, service } = parts;
  const copied = endToEndHeaders(exchange.request, { host: hostFor(service), proto: exchange.request.scheme });
  const declared = new Set(service.asShadow.headers.map(([name]) => name));
  const headers: string[] = [];
  let idempotencyKey = false;
  for (let i = 0; i < copied.length; i += 2) {
    const name = copied[i] as string;
    const lower = name.toLowerCase();
    if (service.asShadow.credentials === "strip" && CREDENTIAL_HEADERS.has(lower)) continue;
    if (NOT_COPIED.has(lower) || declared.has(lower)) continue;
    if (lower === "idempotency-key") idempotencyKey = true;
    headers.push(name, copied[i + 1] as string);
  }
  for (const [name, value] of service.asShadow.headers) headers.push(name, value);
  headers.push(SHADOW_MARK_HEADER, makeShadowMark(parts.markKey, exchange.id));
  headers.push("x-crossfade-exchange", exchange.id);
  headers.push("x-crossfade-order", parts.order);
  headers.push("x-crossfade-epoch", String(parts.epoch));
  if (!idempotencyKey) headers.push("idempotency-key", exchange.id);
  const client = parseTraceParent(headerOf(exchange.request.headers, "traceparent"));
  headers.push("traceparent", makeTraceParent(exchange.traceId, client?.flags ?? "00"));
  const { method, target } = exchange.request;
  return parts.rewrite({ method, target, headers, body: parts.body }, exchange);
}
