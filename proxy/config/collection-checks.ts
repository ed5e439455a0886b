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
  const kinds = [
    ...new Set(routes.flatMap(({ values }) => [...values.learn, ...values.apply].map(({ kind }) => kind))),
  ];
  for (const [i, { name, route, source, target, transform, columns, values }] of collections.entries()) {
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
    if (transform !== null && columns.length > 0) {
      wrong("columns", "are beside a transform; write what they say there, or take it out");
    }
    const made = columns.flatMap((rule) => ("to" in rule ? [rule.to] : []));
    const twice = made.find((column, k) => made.indexOf(column) !== k);
    if (twice !== undefined) wrong("columns", `have two entries for ${twice}; leave one`);
    for (const { kind } of [...values.learn, ...values.apply]) {
      if (kinds.includes(kind)) continue;
      const near = nearestName(kind, kinds);
      const way = near === null ? "write it at the route too (values)" : `did you mean ${near}?`;
      wrong("values", `have the kind ${kind}, which no route has; ${way}`);
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
