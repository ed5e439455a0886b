/** Rules about paths that are others at next. */
import { moveProblem } from "../moved-path.ts";
import { parsePattern } from "../pattern.ts";
import { PHASE_ROLES } from "../phases.ts";
import type { Findings } from "./findings.ts";
import type { Places } from "./places.ts";
import type { RouteSettings } from "./settings.ts";

export function checkTransforms(routes: readonly RouteSettings[], places: Places, findings: Findings): void {
  for (const [i, { match, transform, phase }] of routes.entries()) {
    if (transform.path === null) continue;
    const place = ["routes", i, "transform", "path"];
    const [from, to] = [parsePattern(match.path), parsePattern(transform.path)];
    const problem = from.ok && to.ok ? moveProblem(from.pattern, to.pattern) : null;
    if (problem !== null) findings.errors.push(places.at(place, `is "${transform.path}", which ${problem}`));
    if (PHASE_ROLES[phase].primary === "legacy") continue;
    const why = `is "${transform.path}", and in phase ${phase} clients' requests go to next as they are`;
    findings.errors.push(
      places.at(place, `${why}: this version changes paths of copies alone; take it out, with clients on next's paths`),
    );
  }
}
