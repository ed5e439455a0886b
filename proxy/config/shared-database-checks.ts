/** What a route with one database behind both services says that cannot be, or that does nothing. */
import { PHASE_ROLES } from "../moves/phases.ts";
import type { Findings } from "./findings.ts";
import type { Places } from "./places.ts";
import { pathOf, type Resolved } from "./resolve.ts";

export function checkSharedDatabases(input: Resolved, places: Places, findings: Findings): void {
  const { routes } = input.settings;
  for (const [i, route] of routes.entries()) {
    const kin = routes.find((one, k) => k < i && one.entity !== null && one.entity === route.entity);
    if (kin !== undefined && kin.sharedDatabase !== route.sharedDatabase) {
      const predicate = `is ${route.sharedDatabase}, and of ${kin.name} it is ${kin.sharedDatabase}: both are about ${route.entity}, whose rows are in one database or in two; write the same at both`;
      findings.errors.push(places.at(pathOf(input, i, "sharedDatabase"), predicate));
    }
    if (!route.sharedDatabase) continue;
    const { mirror, phase, values } = route;
    if (mirror.writes) {
      const why = "the write would be applied twice to the one database that both services use (sharedDatabase)";
      findings.errors.push(places.at(pathOf(input, i, "mirror.writes"), `is true, and ${why}; take it out`));
    }
    if (phase === "backfilling") {
      const why = "both services use one database (sharedDatabase): no row has to be brought over";
      findings.errors.push(places.at(pathOf(input, i, "phase"), `is backfilling, and ${why}; write dual-write`));
    }
    if (values.learn.length + values.apply.length + values.give.length > 0) {
      const field = values.learn.length > 0 ? "values.learn" : values.apply.length > 0 ? "values.apply" : "values.give";
      const why = "both services use one database (sharedDatabase), where an id is the same for both";
      findings.errors.push(places.at(pathOf(input, i, field), `maps values, and ${why}; take it out`));
    }
    if (PHASE_ROLES[phase].shadow !== null && mirror.readShare === 0) {
      const why =
        "both services use one database (sharedDatabase), so that compared reads are all the evidence that there is";
      findings.warnings.push(
        places.at(pathOf(input, i, "mirror.reads"), `is 0%, and ${why}; write mirror: { reads: 5% }`),
      );
    }
  }
}
