/** What to say of keys that the settings have elsewhere, or cannot have where they stand. */
import type { ConfigPath } from "./message.ts";

/** What to say about an unknown key that is known elsewhere, or null. A predicate. */
export function knownElsewhere(path: ConfigPath): string | null {
  const shape = path
    .map((key, i) => (typeof key === "number" || (i === 1 && path[0] === "services") ? "*" : key))
    .join(".");
  if (shape === "defaults.mirror.acceptRealEffects") {
    return "cannot be accepted for all routes at once; write it at each route that it is true of";
  }
  if (shape === "defaults.transform") return "is told by the path of one route; write it there";
  if (shape === "defaults.name" || shape === "defaults.match") return "belongs to one route; write it in routes";
  return null;
}
