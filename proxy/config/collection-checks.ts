/** What the collections of a config say that cannot be. */
import { existsSync } from "node:fs";
import { extname } from "node:path";
import type { Findings } from "./findings.ts";
import { nearestName } from "./nearest.ts";
import type { Places } from "./places.ts";
import { staysHere } from "./addresses.ts";
import { endpointOf } from "../endpoint.ts";
import type { RowPlace } from "./collection-settings.ts";
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
  for (const [i, { name, route, source, target, transform, columns, values, reconcile }] of collections.entries()) {
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
      if (reconcile !== null) wrong("reconcile", `is there, ${why}`);
    } else if (target === source) {
      wrong(
        "target",
        "is missing; write next's table, or sharedDatabase: true at the route if both services use this one",
      );
    } else if (isSamePlace(source, target)) {
      wrong("target", "is the source itself; rows would be written over those that they are read from");
    }
    if (target !== source && target.database.kind === "postgres" && target.database.primary !== undefined)
      wrong("target", "has a primary, which is of a source that is a replica; name next's primary itself as postgres");
    const unsaid = sharedDatabase ? null : whyEffects(target);
    if (unsaid !== null) wrong("target", unsaid);
    if (source.database.kind === "http" && source.database.effects !== null && target !== source) {
      wrong("source", "has effects, which are of writes to the target; leave it out");
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
    if (target !== source && target.tombstone !== null && target.version === null) {
      wrong(
        "target",
        `has a tombstone, ${target.tombstone}, and no version: nothing would tell a row that is older than its deletion; write version: COLUMN`,
      );
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

function isSamePlace(one: RowPlace, other: RowPlace): boolean {
  const { database: a } = one;
  const { database: b } = other;
  if (a.kind === "http" || b.kind === "http") return a.kind === b.kind && "url" in a && "url" in b && a.url === b.url;
  return JSON.stringify([a, one.table]) === JSON.stringify([b, other.table]);
}

/** Whoever writes through an API sets off what hangs on it: mail and payments of years ago. */
function whyEffects({ database }: RowPlace): string | null {
  if (database.kind !== "http" || staysHere(endpointOf(new URL(database.url).origin))) return null;
  switch (database.effects) {
    case "suppressed":
    case "sandboxed":
      return null;
    case "real":
      return "is an API with effects: real, and a backfill would do them for every row that there is; write to its database, or to an API without them";
    case null:
      return "is an API outside loopback that does not say what its writes cause beside the rows (mail, payments); write effects: suppressed (or sandboxed) if that is what it does";
    default:
      return database.effects satisfies never;
  }
}
