/**
 * The routing that acts now, as a server in Crossfade's place would have to do it: `crossfade export`. Pure. Patterns become regular
 * expressions over the path as clients spell it, in the part of the language that PCRE, RE2 and ECMAScript share.
 */
import type { RouteMatch, RouteSettings, ServiceSettings, Settings } from "../config/settings.ts";
import { type Pattern, parsePattern, type PatternSegment } from "../pattern.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { splitPath } from "../target.ts";

export interface ExportedRoute {
  readonly name: string;
  /** Of the service that answers. */
  readonly service: string;
  readonly match: Pick<RouteMatch, "methods" | "host" | "headers"> & {
    /** Of a whole path without its query, case-sensitive; without anchors. */
    readonly path: string;
  };
  /** null: the service has the path that the client sent. */
  readonly moved: MovedPath | null;
  /** For a comment. */
  readonly why: string;
}

export interface MovedPath {
  /** Of a whole path without its query, without anchors; its groups are what `to` names, each with its leading slash. */
  readonly from: string;
  /** Text, and numbers of groups (from 1), in order. */
  readonly to: readonly (string | number)[];
}

export interface ExportedRouting {
  /** The first that matches wins; what none matches goes to `legacy`. */
  readonly routes: readonly ExportedRoute[];
  /** Those that a route names, and `legacy`. */
  readonly services: readonly ServiceSettings[];
  readonly listen: Settings["listen"];
  /** What Crossfade has done and nobody does from then on, in words, with the route that it is about. */
  readonly lost: readonly string[];
  /** What clients need and this routing does not do, in words, with the route or service that it is about. */
  readonly cannot: readonly string[];
}

/** `settings`: with the phases that act. */
export function exportRouting(settings: Settings): ExportedRouting {
  const routes = settings.routes.map(exportedRoute);
  const named = new Set(["legacy", ...routes.map(({ service }) => service)]);
  const services = Object.values(settings.services).filter(({ name }) => named.has(name));
  const byHand =
    settings.tls === null ? [] : ["listen: the certificate for clients (tls.cert, tls.key) has to be set by hand"];
  return {
    routes,
    services,
    listen: settings.listen,
    lost: settings.routes.flatMap(lostWith),
    cannot: [...settings.routes.flatMap(cannotOf), ...services.flatMap(cannotOfService), ...byHand],
  };
}

function exportedRoute(route: RouteSettings): ExportedRoute {
  const { primary } = PHASE_ROLES[route.phase];
  const { match, name, phase, transform } = route;
  const service = serviceNameFor(primary, route);
  const from = patternOf(match.path);
  return {
    name,
    service,
    match: { methods: match.methods, host: match.host, headers: match.headers, path: regexOf(from) },
    moved: primary === "next" && transform.path !== null ? movedPath(from, patternOf(transform.path)) : null,
    why: `${phase}: ${service} answers`,
  };
}

function lostWith(route: RouteSettings): readonly string[] {
  const { shadow } = PHASE_ROLES[route.phase];
  if (shadow === null || !route.mirror.writes) return [];
  const name = serviceNameFor(shadow, route);
  return [`route ${route.name} (${route.phase}): ${name} is out of date from the first write on`];
}

function cannotOf({ name, phase, transform, values, match }: RouteSettings): readonly string[] {
  const cannot = match.headers
    .filter(([header]) => !/^[a-z0-9-]+$/.test(header))
    .map(([header]) => `the header ${header} has a name that not every server can look at`);
  if (PHASE_ROLES[phase].primary === "next") {
    const changes = [
      ...(transform.methods.length > 0 ? ["transform.methods"] : []),
      ...(transform.headers.length > 0 ? ["transform.headers"] : []),
      ...(transform.body.length > 0 ? ["transform.body"] : []),
      ...(transform.module === null ? [] : ["transform.module"]),
    ];
    if (changes.length > 0) cannot.push(`${changes.join(", ")} changes requests and answers, which no routing does`);
    if (values.learn.length + values.apply.length > 0) {
      cannot.push("clients may hold ids and tokens of legacy's (values), which next does not know");
    }
  }
  return cannot.map((what) => `route ${name} (${phase}): ${what}`);
}

function cannotOfService({ name, tls }: ServiceSettings): readonly string[] {
  const set = [...(tls.ca === null ? [] : ["tls.ca"]), ...(tls.client === null ? [] : ["tls.cert"])];
  return set.length === 0 ? [] : [`service ${name}: ${set.join(", ")} has to be set by hand`];
}

function patternOf(text: string): Pattern {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new TypeError(`path pattern ${text} ${parsed.error}`);
  return parsed.pattern;
}

/** One trailing slash is none (proxy/target.ts). */
function regexOf({ segments }: Pattern): string {
  return `${segments.map((segment) => regexOfSegment(segment)).join("")}/?`;
}

function regexOfSegment(segment: PatternSegment): string {
  switch (segment.kind) {
    case "literal":
      return `/${segment.text.replaceAll(/[^]/g, spellings)}`;
    case "many":
      return "(?:/[^/]*)*";
    case "one":
      return segment.optional ? "(?:/[^/]+)?" : "/[^/]+";
  }
}

/** Characters that a path may hold as they are, beside letters, digits and `-._~` (RFC 3986, 3.3). */
const ALSO_RAW = /[!$&'()*+,;=:@]/;

/** Of one byte, decoded. Letters, digits and `-._~` are not looked for in their encoded spelling, which nobody uses. */
function spellings(byte: string): string {
  if (/[A-Za-z0-9_~-]/.test(byte)) return byte;
  if (byte === ".") return "[.]";
  const encoded = `%${byte.charCodeAt(0).toString(16).padStart(2, "0").replaceAll(/[a-f]/g, eitherCase)}`;
  return ALSO_RAW.test(byte) ? `(?:[${byte}]|${encoded})` : encoded;
}

function eitherCase(digit: string): string {
  return `[${digit.toUpperCase()}${digit}]`;
}

function movedPath(from: Pattern, to: Pattern): MovedPath {
  const groups = new Map<string, number>();
  const regex = from.segments.map((segment) => {
    if (segment.kind === "literal" || (segment.kind === "one" && segment.name === null)) return regexOfSegment(segment);
    groups.set(segment.kind === "many" ? "**" : (segment.name as string), groups.size + 1);
    if (segment.kind === "many") return "((?:/[^/]*)*)";
    return segment.optional ? "((?:/[^/]+)?)" : "(/[^/]+)";
  });
  const written = splitPath(to.text) ?? [];
  const parts = to.segments.map((segment, i): string | number => {
    if (segment.kind === "literal") return `/${encodeURI(written[i] as string).replaceAll("%25", "%")}`;
    return groups.get(segment.kind === "many" ? "**" : (segment.name ?? "")) as number;
  });
  // A trailing slash stays.
  return { from: `${regex.join("")}(/?)`, to: parts.length === 0 ? ["/"] : [...parts, groups.size + 1] };
}
