/** Rules about values that differ between the services. */
import { parsePattern, type Pattern } from "../pattern.ts";
import type { Findings } from "./findings.ts";
import { nearestName } from "./nearest.ts";
import type { Places } from "./places.ts";
import { pathOf, type Resolved } from "./resolve.ts";
import type { RouteSettings } from "./settings.ts";
import type { Locator } from "./terms.ts";

/** `neverYields`: whether the route's pattern has nothing that a `path:` locator could mean. */
export function checkValues(
  resolved: Resolved,
  places: Places,
  findings: Findings,
  patternOf: (route: RouteSettings) => Pattern,
  neverYields: (locator: Locator, route: RouteSettings, pattern: Pattern) => boolean,
): void {
  const { routes } = resolved.settings;
  const learnt = new Set(routes.flatMap(({ values }) => values.learn.map(({ kind }) => kind)));
  for (const [i, route] of routes.entries()) {
    const { learn, apply } = route.values;
    for (const [k, { at, kind }] of apply.entries()) {
      const path = [...pathOf(resolved, i, "values.apply"), k];
      if (!learnt.has(kind)) {
        const near = nearestName(kind, [...learnt]);
        const way = near === null ? "write a learn entry for it where it is made" : `did you mean ${near}?`;
        findings.warnings.push(
          places.at(
            [...path, "kind"],
            `is ${kind}, which no route learns, so that every such value passes as it is; ${way}`,
          ),
        );
      }
      if (resolved.origins[i]?.["values.apply"] === "route" && neverYields(at, route, patternOf(route))) {
        const why = `is path:${at.name}, and ${route.match.path} has no :${at.name}`;
        findings.warnings.push(places.at([...path, "at"], `${why}; name the part, or take the entry out`));
      }
    }
    checkFind(resolved, i, places, findings, patternOf(route));
    if (route.values.clientSees === "primary" && learn.length + apply.length > 0) {
      const why = "is primary, and next has values of its own here: those that clients hold would mean nothing to it";
      const way = "write legacy, or hand next legacy's values (give) and take learn and apply out";
      findings.errors.push(places.at(pathOf(resolved, i, "values.clientSees"), `${why}; ${way}`));
    }
  }
}

/** What is looked up has to be asked for with what a create's path has, and to say its id at a place that is learnt. */
function checkFind(resolved: Resolved, i: number, places: Places, findings: Findings, { names }: Pattern): void {
  const route = resolved.settings.routes[i] as RouteSettings;
  const { find, learn } = route.values;
  if (find === null) return;
  const path = pathOf(resolved, i, "values.find");
  const parsed = parsePattern(find.read);
  const unknown = parsed.ok ? parsed.pattern.names.filter((name) => !names.includes(name)) : [];
  if (unknown.length > 0) {
    const why = `is GET ${find.read}, and ${route.match.path} has no :${unknown[0]}`;
    findings.errors.push(
      places.at([...path, "read"], `${why}; write a path with the names of the create's path alone`),
    );
  }
  if (learn.some(({ at }) => at.source === "answer")) return;
  const why = "finds entities, and no learn entry says where in them their id stands";
  findings.errors.push(places.at(path, `${why}; write one: learn: [{ at: answer:/id, kind: ${route.name} }]`));
}
