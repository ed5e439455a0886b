/** What the collections of a config say that cannot be. */
import { existsSync } from "node:fs";
import { extname } from "node:path";
import type { Findings } from "./findings.ts";
import { nearestName } from "./nearest.ts";
import type { Places } from "./places.ts";
import type { Settings } from "./settings.ts";

/** `forTraffic` false: files that the config names are not looked for. */
export function checkCollections(
  { collections, routes }: Settings,
  { forTraffic }: { readonly forTraffic: boolean },
  places: Places,
  findings: Findings,
): void {
  const names = routes.map(({ name }) => name);
  for (const [i, { name, route, source, target, transform }] of collections.entries()) {
    const wrong = (field: string, predicate: string): void => {
      findings.errors.push(places.at(["collections", i, field], predicate));
    };
    if (collections.findIndex((one) => one.name === name) !== i) wrong("name", `is ${name} a second time`);
    if (!names.includes(route)) {
      const near = nearestName(route, names);
      const way = near === null ? `there are ${names.join(", ")}` : `did you mean ${near}?`;
      wrong("route", `is ${route}, and no route is called that; ${way}`);
    }
    const { sharedDatabase = false } = routes.find((one) => one.name === route) ?? {};
    if (sharedDatabase) {
      const why = `of route ${route}, whose services use one database (sharedDatabase): nothing is brought over; take it out`;
      if (target !== source) wrong("target", `is there, ${why}`);
      if (transform !== null) wrong("transform", `is there, ${why}`);
    } else if (target === source) {
      wrong(
        "target",
        "is missing; write next's table, or sharedDatabase: true at the route if both services use this one",
      );
    } else if (JSON.stringify([source.database, source.table]) === JSON.stringify([target.database, target.table])) {
      wrong("target", "is the source itself; rows would be written over those that they are read from");
    }
    if (source.version !== null) wrong("source", "has a version, which is asked of the target; leave it out");
    if (transform !== null) {
      const kind = extname(transform);
      if (kind !== ".mjs" && kind !== ".mts") {
        wrong("transform", `is ${transform}, which is not called .mjs or .mts; write an ES module, and call it so`);
      } else if (forTraffic && !existsSync(transform)) {
        wrong("transform", `is ${transform}, and there is no such file; write where it is, from this file's folder`);
      }
    }
  }
}
