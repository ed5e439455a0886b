/** All that a route declares of next: what is sent there, and what comes from there, as a client of legacy's knows it. */
import type { RouteSettings } from "../config/settings.ts";
import type { Answer } from "../exchange.ts";
import type { ShadowRequest } from "../mirror/shadow-request.ts";
import { type Answered, entityAtNext, headersAtLegacy, NO_PLACE, targetAtNext } from "../ids/transform.ts";
import { answerToLegacy, requestToNext, type Reshaped } from "./reshape.ts";

export function requestAtNext(request: ShadowRequest, route: RouteSettings): Reshaped<ShadowRequest> {
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

export function answerAtLegacy(answer: Answer, answered: Answered): Answer {
  const reshaped = answerToLegacy(answer, answered.route);
  return { ...reshaped, headers: headersAtLegacy(answered, reshaped.headers) };
}
