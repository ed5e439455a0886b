import type { CompareSettings } from "../../config/compare-settings.ts";
import { type Place, placesOf } from "./places.ts";

/** The root of a document whose places with rules are those that must match. */
export function mustMatchPlaces({ mustMatch }: CompareSettings): Place {
  return placesOf(
    mustMatch.map((at, index) => ({ kind: "ignore", index, name: `mustMatch ${at}`, at, until: null, when: null })),
  );
}
