import type { PlaceAddress } from "../../proxy/evidence/places.ts";

/** The same for the same place alone. */
export function placeKey({ route, method, path, at }: PlaceAddress): string {
  return JSON.stringify([route, method, path, at]);
}
