/** All that a route says of next: what is sent there, and what comes from there, as a client of legacy's knows it. */
import type { RouteSettings } from "../config/settings.ts";
import type { Answer, Exchange } from "../exchange.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import { entityAtNext, headersAtLegacy, NO_PLACE, targetAtNext } from "../transform.ts";
import { answerToLegacy, requestToNext, type Reshaped } from "./reshape.ts";

/** A copy as its shadow is to get it; it stays as it is where that is legacy. */
export function copyAtNext(request: ShadowRequest, { plan, route }: Exchange): Reshaped<ShadowRequest> {
  if (!plan.mirror || plan.shadow !== "next") return { ok: true, value: request };
  return moved(request, targetAtNext(request.target, route), route);
}

/** A request of our own about an entity, whose path may be that of another of `routes`. */
export function ownRequestAtNext(
  request: ShadowRequest,
  route: RouteSettings,
  routes: readonly RouteSettings[],
): Reshaped<ShadowRequest> {
  return moved(request, entityAtNext(request.target, route, routes), route);
}

function moved(request: ShadowRequest, target: string | null, route: RouteSettings): Reshaped<ShadowRequest> {
  return target === null ? { ok: false, why: NO_PLACE } : requestToNext({ ...request, target }, route);
}

/** The shadow's answer, for learning and comparing. */
export function answerAtLegacy(answer: Answer, exchange: Exchange): Answer {
  const { plan, route } = exchange;
  if (!plan.mirror || plan.shadow !== "next") return answer;
  const reshaped = answerToLegacy(answer, route);
  return { ...reshaped, headers: headersAtLegacy(exchange, reshaped.headers) };
}
