/** Requests that Crossfade itself makes: both read an entity's state, one writes it to the shadow. */
import { hostFor, type RouteSettings, type ServiceSettings } from "../config/settings.ts";
import { type Answer, headerOf } from "../exchange.ts";
import { makeTraceId } from "../identity.ts";
import { makeTraceParent } from "../tracing/trace-context.ts";
import { SHADOW_MARK_HEADER, shadowMark } from "../mirror/mark.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import type { RepairMethod } from "./plan.ts";

export interface OwnRequestParts {
  readonly service: ServiceSettings;
  readonly route: RouteSettings;
  /** Names the attempt in logs of both services. */
  readonly id: string;
  readonly markKey: Buffer;
  /** Of the route: a service may refuse what is told under an earlier one. */
  readonly epoch: number;
  /** As the client of the write named it, or null. */
  readonly host: string | null;
}

/** What of an answer describes the bytes of its body, and goes along with them. Conditions and dates do not. */
const BODY_HEADERS = ["content-type", "content-encoding", "content-language"];
const EMPTY = { kind: "memory", bytes: Buffer.alloc(0) } as const;

export function readRequest(parts: OwnRequestParts, path: string): ShadowRequest {
  const headers = [...headOf(parts, []), "accept", "*/*"];
  return { method: "GET", target: path, headers: withMark(parts, headers), body: EMPTY };
}

/** `entity`: as the primary gave it, sent byte for byte; null: nothing is sent. `order`: of the lane. */
export function writeRequest(
  parts: OwnRequestParts,
  method: RepairMethod,
  path: string,
  entity: Answer | null,
  order: string,
): ShadowRequest {
  const headers = headOf(parts, parts.service.asShadow.headers);
  if (entity !== null) {
    for (const name of BODY_HEADERS) {
      const value = headerOf(entity.headers, name);
      if (value !== null) headers.push(name, value);
    }
    const { body } = entity;
    headers.push("content-length", String(body.kind === "memory" ? body.bytes.length : body.length));
  }
  for (const [name, value] of parts.route.markHeaders) headers.push(name, value);
  const { epoch } = parts;
  headers.push("idempotency-key", `repair-${parts.id}`, "x-crossfade-order", order, "x-crossfade-epoch", String(epoch));
  return { method, target: path, headers: withMark(parts, headers), body: entity?.body ?? EMPTY };
}

/** Later ones win: what the service asks of our own requests over what the route asks of all. */
function headOf({ service, route, host }: OwnRequestParts, more: ServiceSettings["own"]["headers"]): string[] {
  const set = new Map([...route.match.headers, ...more, ...service.own.headers]);
  const named = hostFor(service) ?? host ?? route.match.host ?? hostFor({ ...service, host: "target" }) ?? "localhost";
  return ["host", named, ...[...set].flat()];
}

/** The mark keeps them from being mirrored wherever they pass. */
function withMark({ markKey, id }: OwnRequestParts, headers: string[]): string[] {
  const trace = makeTraceParent(makeTraceId(), "00");
  return [...headers, SHADOW_MARK_HEADER, shadowMark(markKey), "x-crossfade-exchange", id, "traceparent", trace];
}
