import type { HttpRows } from "../../../proxy/config/collection-settings.ts";
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { openClient } from "./client.ts";
import { httpTable } from "./table.ts";

export interface HttpPlace {
  readonly place: HttpRows;
  readonly key: readonly string[];
  readonly version: string | null;
}

/** Nothing is asked yet. `readOnly`: whatever would write is refused. */
export function openHttp({ place, key, version }: HttpPlace, name: string, readOnly: boolean): RowTarget {
  const { origin } = new URL(place.url);
  const { headers, requestsPerSecond } = place;
  return httpTable({ name, place, key, version, readOnly }, openClient({ name, origin, headers, requestsPerSecond }));
}
