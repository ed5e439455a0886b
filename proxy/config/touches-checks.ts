/** What routes say that their writes touch beside their own rows. */
import type { Findings } from "./findings.ts";
import { nearestName } from "./nearest.ts";
import type { Places } from "./places.ts";
import type { RouteSettings } from "./settings.ts";

/** An entity that no route has is a slip of the pen: the rows that it was written for would not be held back. */
export function checkTouches(routes: readonly RouteSettings[], places: Places, findings: Findings): void {
  const known = [...new Set(routes.flatMap(({ entity }) => (entity === null ? [] : [entity])))];
  for (const [i, route] of routes.entries()) {
    for (const [k, { entity }] of route.touches.entries()) {
      if (known.includes(entity)) continue;
      const near = nearestName(entity, known);
      const way = near === null ? `there are ${known.join(", ") || "none"}` : `did you mean ${near}?`;
      const path = ["routes", i, "touches", k, "entity"];
      findings.errors.push(places.at(path, `is ${entity}, and no route is about an entity of that name; ${way}`));
    }
  }
}
