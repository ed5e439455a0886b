/** Where a route says that next has other paths than legacy: what a request asks of next, and what next answers, as legacy's. */
import { type RouteSettings, serviceOf, type ServiceSettings } from "../config/settings.ts";
import { endpointOf } from "../endpoint.ts";
import type { Exchange, RawHeaders } from "../exchange.ts";
import { HeaderNames } from "../headers.ts";
import { hasWayOut, movePath } from "./moved-path.ts";
import { parsePattern, type Pattern } from "../pattern.ts";
import { hostOf } from "../target.ts";

/** What next has answered. */
export type Answered = Pick<Exchange, "route" | "request" | "snapshot">;

interface Move {
  readonly legacy: Pattern;
  readonly next: Pattern;
}

const NAMES_A_PATH = new HeaderNames(["location", "content-location"]);
export const NO_PLACE = "its path has a . or .., which transform.path could carry elsewhere";

const knownMoves = new WeakMap<RouteSettings, Move | null>();

/** Whether next has anything of the route otherwise than legacy. */
export function isTransformed({ transform }: RouteSettings): boolean {
  const { path, methods, headers, body, module } = transform;
  return path !== null || module !== null || methods.length + headers.length + body.length > 0;
}

/** null: both services have the same paths. */
function moveOf(route: RouteSettings): Move | null {
  let move = knownMoves.get(route);
  if (move === undefined) {
    const { path } = route.transform;
    move = path === null ? null : { legacy: patternOf(route.match.path), next: patternOf(path) };
    knownMoves.set(route, move);
  }
  return move;
}

function patternOf(text: string): Pattern {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new TypeError(`path pattern ${text} ${parsed.error}`);
  return parsed.pattern;
}

/** A target of the route as next has it; null: there it has no place, for a `..`. `OPTIONS *` stays as it is. */
export function targetAtNext(target: string, route: RouteSettings): string | null {
  return entityAtNext(target, route, []);
}

/**
 * As `targetAtNext`, for the path of an entity, which may be another route's (a POST to /users makes /users/42): it goes by the
 * first of `routes` to the same service that has it. What none has stays as it is.
 */
export function entityAtNext(path: string, route: RouteSettings, routes: readonly RouteSettings[]): string | null {
  const moved = firstOf(route, routes, ({ legacy, next }) => movePath(legacy, next, path));
  return moved ?? (moveOf(route) !== null && hasWayOut(path) ? null : path);
}

function firstOf(
  route: RouteSettings,
  routes: readonly RouteSettings[],
  moved: (move: Move) => string | null,
): string | null {
  for (const one of [route, ...routes]) {
    const move = one.next === route.next ? moveOf(one) : null;
    const found = move === null ? null : moved(move);
    if (found !== null) return found;
  }
  return null;
}

/** Headers of an answer of next's, with the paths of next that they name as legacy would have put them. */
export function headersAtLegacy({ route, request, snapshot }: Answered, headers: RawHeaders): RawHeaders {
  let moved: string[] | null = null;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!NAMES_A_PATH.has(headers[i] as string)) continue;
    const { settings } = snapshot;
    const value = headers[i + 1] as string;
    // Another site's paths are none of next's.
    if (!isOf(value, [hostOf(request), hostOfService(serviceOf(settings, route.next))])) continue;
    const told = firstOf(route, settings.routes, ({ legacy, next }) => movePath(next, legacy, value));
    if (told !== null) (moved ??= [...headers])[i + 1] = told;
  }
  return moved ?? headers;
}

function isOf(url: string, hosts: readonly string[]): boolean {
  if (url.startsWith("/")) return !url.startsWith("//");
  return hosts.includes(hostOf({ path: url, headers: [] }));
}

/** "": it is reached through a Unix socket. */
function hostOfService({ origin }: ServiceSettings): string {
  const endpoint = endpointOf(origin);
  return "host" in endpoint ? endpoint.host : "";
}
