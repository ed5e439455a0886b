/** Rules about routes: names, phases, real effects, keys, and which route hides which. */
import { endpointOf } from "../endpoint.ts";
import { parsePattern, patternCovers, patternMatches, type Pattern } from "../pattern.ts";
import { groupOf } from "../moves/kept-phase.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { splitPath } from "../target.ts";
import { staysHere } from "./addresses.ts";
import { checkComparisons } from "./compare-checks.ts";
import { checkDials, checkFallbacks } from "./dial-checks.ts";
import type { Findings } from "./findings.ts";
import { spellLocator } from "./locator.ts";
import type { Places } from "./places.ts";
import { pathOf, type Resolved } from "./resolve.ts";
import { checkSharedDatabases } from "./shared-database-checks.ts";
import { checkTouches } from "./touches-checks.ts";
import { checkTransforms } from "./transform-checks.ts";
import { checkValues } from "./values-checks.ts";
import type { Identity } from "../exchange.ts";
import type { RouteMatch, RouteSettings, ServiceSettings, Settings } from "./settings.ts";
import type { Locator } from "./terms.ts";

export interface RouteRulesInput extends Resolved {
  readonly adoptPhases: boolean;
  /** Epoch ms. */
  readonly now: number;
}

export function checkRoutes(input: RouteRulesInput, places: Places, findings: Findings): void {
  const { settings, adoptPhases } = input;
  const { routes } = settings;
  for (const [i, route] of routes.entries()) {
    const namesake = routes.findIndex(({ name }) => name === route.name);
    if (namesake < i) {
      findings.errors.push(
        places.at(["routes", i, "name"], `is "${route.name}", the name of routes[${namesake}] too; write another one`),
      );
    }
    if (route.next === "legacy" || !Object.hasOwn(settings.services, route.next)) {
      const names = Object.keys(settings.services).filter((name) => name !== "legacy");
      const why = route.next === "legacy" ? "and legacy cannot be next" : "and no service has that name";
      findings.errors.push(
        places.at(pathOf(input, i, "next"), `is "${route.next}", ${why}; write ${names.join(" or ")}`),
      );
    }
    if (PHASE_ROLES[route.phase].primary === "next" && !adoptPhases) {
      const why = "which a route reaches by crossfade phase, not by its file";
      const way =
        "a start takes it where its store knows of the move, or with --adopt-phases where that was made and the store is new";
      findings.advice.push(places.at(pathOf(input, i, "phase"), `is ${route.phase}, ${why}; ${way}`));
    }
  }
  checkGroups(input, places, findings);
  checkComparisons(input, places, findings);
  checkEffects(input, places, findings);
  checkKeys(input, places, findings);
  checkTouches(input.settings.routes, places, findings);
  checkValues(input, places, findings, patternOf, neverYields);
  checkSharedDatabases(input, places, findings);
  checkDials(input, places, findings);
  checkFallbacks(input, places, findings);
  checkTransforms(input.settings.routes, places, findings);
  checkGates(input, places, findings);
  checkGraphql(input, places, findings);
  checkCover(routes, places, findings);
}

/** Writes of one entity have one order, so that they change their source of truth together or not at all. */
function checkGroups({ settings: { routes } }: Resolved, places: Places, findings: Findings): void {
  for (const [i, route] of routes.entries()) {
    const kin = routes.find((one, k) => k < i && one.entity !== null && one.entity === route.entity);
    if (kin !== undefined && kin.group !== route.group) {
      const [own, other] = [route.group ?? "missing", kin.group ?? "missing"];
      findings.errors.push(
        places.at(
          ["routes", i, "group"],
          `is ${own}, and of ${kin.name} it is ${other}: both are about ${route.entity}, whose writes have one order; write the same group at both, or none`,
        ),
      );
      continue;
    }
    const other = groupOf(routes, route.name).find(
      ({ name, phase }, k) => k === 0 && name !== route.name && phase !== route.phase,
    );
    if (other === undefined) continue;
    findings.warnings.push(
      places.at(
        ["routes", i, "phase"],
        `is ${route.phase}, and of ${other.name}, which it moves together with, ${other.phase}; no cutover is made before both are in one phase`,
      ),
    );
  }
}

/** A mirrored write makes a service do what it does for a real one; outside this machine someone must have said what that is. */
function checkEffects({ settings }: Resolved, places: Places, findings: Findings): void {
  const unaccepted = new Map<ServiceSettings, string[]>();
  for (const route of settings.routes) {
    const { shadow } = PHASE_ROLES[route.phase];
    if (shadow === null || !route.mirror.writes || route.sharedDatabase) continue;
    const service = unacceptedShadow(settings, route, shadow);
    if (service === null) continue;
    unaccepted.set(service, [...(unaccepted.get(service) ?? []), route.name]);
  }
  for (const [{ name, origin, effects }, routes] of unaccepted) {
    const of = routes.length === 1 ? `route ${routes[0]}` : `routes ${routes.join(", ")}`;
    const why = `writes of ${of} are mirrored to it, so that mail, payments and webhooks could happen twice`;
    const flag = name === "next" ? ", or start with --effects suppressed" : "";
    const way = `write effects: suppressed (or sandboxed) at services.${name} if that is what it does${flag}; else accept it at each route in words: mirror: { acceptRealEffects: … }`;
    const declared = effects === null ? "whose effects are not declared" : "whose effects are declared real";
    findings.errors.push(
      places.at(["services", name, "url"], `is ${origin}, outside loopback, ${declared}; ${why}. What to do: ${way}`),
    );
  }
}

/** The service whose effects somebody has to declare or accept before writes of the route are mirrored to it, or null. */
function unacceptedShadow(settings: Settings, route: RouteSettings, shadow: Identity): ServiceSettings | null {
  if (route.mirror.acceptRealEffects !== null) return null;
  const name = serviceNameFor(shadow, route);
  const service = Object.hasOwn(settings.services, name) ? settings.services[name] : undefined;
  if (service === undefined || service.effects === "suppressed" || service.effects === "sandboxed") return null;
  return staysHere(endpointOf(service.origin)) ? null : service;
}

/** Why writes of a route may not be switched on while the proxy runs, or null. */
export function whyNotMirrored(settings: Settings, route: RouteSettings): string | null {
  if (route.sharedDatabase) {
    return "both services use one database (sharedDatabase), in which it would be applied a second time";
  }
  const { shadow } = PHASE_ROLES[route.phase];
  const service = shadow === null ? null : unacceptedShadow(settings, route, shadow);
  if (service === null) return null;
  return `the effects of ${service.name} at ${service.origin}, outside loopback, are not declared suppressed or sandboxed; say in the config what it does with mail and payments (services.${service.name}.effects)`;
}

function checkKeys(input: RouteRulesInput, places: Places, findings: Findings): void {
  for (const [i, route] of input.settings.routes.entries()) {
    const pattern = patternOf(route);
    checkBatchKeys(input, i, pattern, places, findings);
    if (route.key.every((locator) => neverYields(locator, route, pattern))) {
      const list = route.key.map(spellLocator).join(", ");
      findings.warnings.push(
        places.at(
          pathOf(input, i, "key"),
          `is ${list}, which yields nothing on ${route.match.path}: all writes of ${route.name} share one lane; write path as the last locator`,
        ),
      );
      continue;
    }
    if (input.origins[i]?.key !== "route") continue;
    for (const [k, locator] of route.key.entries()) {
      if (!neverYields(locator, route, pattern)) continue;
      findings.warnings.push(
        places.at(
          ["routes", i, "key", k],
          `is ${spellLocator(locator)}, and ${route.match.path} has no :${locator.name}; name the part, or take the locator out`,
        ),
      );
    }
  }
}

const GATE_FIELDS = ["gate.profile", "gate.divergenceBelow", "gate.confidence", "gate.span"] as const;

function checkGraphql(input: RouteRulesInput, places: Places, findings: Findings): void {
  for (const [i, route] of input.settings.routes.entries()) {
    if (route.treatAs === "graphql" || input.origins[i]?.["graphql.persisted"] !== "route") continue;
    const why = `says what queries do, and treatAs is ${route.treatAs}: nobody looks`;
    findings.warnings.push(places.at(["routes", i, "graphql"], `${why}; write treatAs: graphql, or take it out`));
  }
}

/** After a cutover next answers reads too: a gate asks that they were compared, and nobody should learn that after weeks. */
function checkGates(input: RouteRulesInput, places: Places, findings: Findings): void {
  for (const [i, route] of input.settings.routes.entries()) {
    const written = GATE_FIELDS.find((field) => input.origins[i]?.[field] === "route");
    const takesReads = route.match.methods?.includes("GET") ?? true;
    if (
      written === undefined ||
      route.sharedDatabase ||
      !takesReads ||
      route.mirror.readShare > 0 ||
      route.treatAs === "write"
    )
      continue;
    const why = "asks that GET was compared too, and mirror.reads is 0%: it will stay shut";
    findings.warnings.push(places.at(["routes", i, "gate"], `${why}; write mirror: { reads: 5% }`));
  }
}

function checkBatchKeys(input: RouteRulesInput, i: number, pattern: Pattern, places: Places, findings: Findings): void {
  const route = input.settings.routes[i] as RouteSettings;
  if (input.origins[i]?.key === "route") {
    for (const [k, locator] of route.key.entries()) {
      if (!standsForMany(locator)) continue;
      findings.errors.push(
        places.at(
          ["routes", i, "key", k],
          `is ${spellLocator(locator)}, which stands for many values where one entity is asked for; write it in keys`,
        ),
      );
    }
  }
  if (input.origins[i]?.keys !== "route") return;
  for (const [k, locator] of route.keys.entries()) {
    if (!neverYields(locator, route, pattern)) continue;
    findings.warnings.push(
      places.at(
        ["routes", i, "keys", k],
        `is ${spellLocator(locator)}, and ${route.match.path} has no :${locator.name}; name the part, or take the locator out`,
      ),
    );
  }
}

function standsForMany({ source, name }: Locator): boolean {
  return (source === "body" || source === "answer") && /\/\*\*?(?=\/|$)/.test(name);
}

/** `path:id` also yields the last parameter, what `**` caught, or (without entity) the path's second part: see route/entity-key.ts. */
function neverYields({ source, name }: Locator, route: RouteSettings, { names, segments }: Pattern): boolean {
  if (source !== "path" || name === "" || names.includes(name)) return false;
  if (name !== "id") return true;
  return route.entity !== null && names.length === 0 && !segments.some((segment) => segment.kind === "many");
}

function checkCover(routes: readonly RouteSettings[], places: Places, findings: Findings): void {
  const patterns = routes.map(patternOf);
  const shown = new Set<string>();
  for (const [i, route] of routes.entries()) {
    const pattern = patterns[i] as Pattern;
    const hiding = routes.findIndex((earlier, k) => k < i && hides(earlier, patterns[k] as Pattern, route, pattern));
    if (hiding !== -1) {
      findings.warnings.push(
        places.at(
          ["routes", i, "match"],
          `is never reached: routes[${hiding}] "${routes[hiding]?.name}" takes all its requests; put this route before it`,
        ),
      );
    }
    const beside = pathBelow(pattern);
    if (beside === null || PHASE_ROLES[route.phase].shadow === null || shown.has(pattern.text)) continue;
    if (patterns.some((other) => patternMatches(other, beside))) continue;
    shown.add(pattern.text);
    const way = `write "${pattern.text.replace(/(?:\/:\w+\?)*\/?$/, "")}/**" to cover it`;
    findings.advice.push(
      places.at(
        ["routes", i, "match", "path"],
        `is "${pattern.text}", which does not cover ${beside}; no route does, so that it goes to legacy and is not mirrored: ${way}`,
      ),
    );
  }
}

function patternOf(route: RouteSettings): Pattern {
  const parsed = parsePattern(route.match.path);
  if (!parsed.ok) throw new TypeError(`path pattern ${route.match.path} ${parsed.error}`);
  return parsed.pattern;
}

/** Sound: true only where no request can pass by the earlier route. */
function hides(earlier: RouteSettings, earlierPattern: Pattern, later: RouteSettings, laterPattern: Pattern): boolean {
  const [wide, narrow] = [earlier.match, later.match];
  return (
    (wide.host === null || wide.host === narrow.host) &&
    (wide.methods === null ||
      (narrow.methods !== null && narrow.methods.every((method) => wide.methods?.includes(method)))) &&
    wide.headers.every((header) => asksFor(narrow, header)) &&
    patternCovers(earlierPattern, laterPattern)
  );
}

function asksFor(match: RouteMatch, [name, value]: readonly [string, string]): boolean {
  return match.headers.some((header) => header[0] === name && header[1] === value);
}

/** An example of a path right below the pattern; null where `**` takes part in it. */
function pathBelow(pattern: Pattern): string | null {
  if (pattern.segments.some(({ kind }) => kind === "many")) return null;
  const texts = splitPath(pattern.text) ?? [];
  const parts = pattern.segments.map((segment, i) => (segment.kind === "literal" ? texts[i] : "42"));
  const last = pattern.segments.at(-1);
  return `/${[...parts, last?.kind === "one" ? "avatar" : "42"].join("/")}`;
}
