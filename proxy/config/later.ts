/**
 * Settings that the documentation has and this version has not, so that they are told apart from slips of the pen.
 * A line leaves this list when its setting enters the schema.
 */
import type { ConfigPath } from "./message.ts";

const ROUTE_SETTINGS = ["verify.share"];

const NOT_YET: ReadonlySet<string> = new Set([
  ...ROUTE_SETTINGS.map((setting) => `routes.*.${setting}`),
  ...ROUTE_SETTINGS.map((setting) => `defaults.${setting}`),
]);

/** What to say about an unknown key that is known elsewhere, or null. A predicate. */
export function knownElsewhere(path: ConfigPath): string | null {
  const shape = path
    .map((key, i) => (typeof key === "number" || (i === 1 && path[0] === "services") ? "*" : key))
    .join(".");
  if (NOT_YET.has(shape)) return "is not in this version yet; take it out";
  if (shape === "defaults.mirror.acceptRealEffects") {
    return "cannot be accepted for all routes at once; write it at each route that it is true of";
  }
  if (shape === "defaults.transform") return "is told by the path of one route; write it there";
  if (shape === "defaults.name" || shape === "defaults.match") return "belongs to one route; write it in routes";
  return null;
}
