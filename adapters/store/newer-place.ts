import type { SealedPlace } from "../../proxy/evidence/evidence.ts";

/** Where an entity is that is marked again: as the later mark says; what either says of it holds until it is off the list. */
export function newerPlace(known: SealedPlace | null, later: SealedPlace | null): SealedPlace | null {
  const newest = later ?? known;
  if (newest === null) return null;
  const part = known?.part === true || later?.part === true;
  const uncreated = known?.uncreated ?? later?.uncreated;
  return { ...newest, part, ...(uncreated === undefined ? {} : { uncreated }) };
}
