/** An entry of the repair list made ready: where its entity is read, between which services, and what stands in the way. */
import { type RouteSettings, serviceOf, type ServiceSettings } from "../config/settings.ts";
import type { RepairWork } from "../evidence/evidence.ts";
import type { Snapshot } from "../exchange.ts";
import { PHASE_ROLES, serviceNameFor } from "../moves/phases.ts";
import { type EntityPlace, isCreate, makesIds, readBackOf } from "../read-back.ts";
import { keyAtHead } from "../route/entity-key.ts";
import { classifyRequest } from "../route/plan.ts";
import type { Sealer } from "../sealed.ts";
import type { RepairPaths } from "./plan.ts";
import { valuesOfEntity, type ValuesOfEntity } from "./values-of-entity.ts";

export interface ReadyEntry {
  readonly ready: true;
  readonly route: RouteSettings;
  readonly primary: ServiceSettings;
  readonly shadow: ServiceSettings;
  /** Exact. */
  readonly place: EntityPlace;
  readonly paths: RepairPaths;
  /** null: both services call everything in it the same. */
  readonly values: ValuesOfEntity | null;
}

/** `why` names no part of the key. */
export type PreparedEntry = ReadyEntry | { readonly ready: false; readonly why: string };

export function prepareEntry(
  work: Pick<RepairWork, "route" | "key" | "place" | "notBefore" | "misses">,
  snapshot: Snapshot,
  sealer: Pick<Sealer, "open">,
): PreparedEntry {
  const route = snapshot.settings.routes.find(({ name }) => name === work.route);
  if (route === undefined) return { ready: false, why: "its route is no longer in the configuration" };
  const { shadow } = PHASE_ROLES[route.phase];
  if (shadow === null) return { ready: false, why: `phase ${route.phase} has no shadow` };
  if (work.key === null)
    return { ready: false, why: "it stands for the whole collection, which reconcile alone clears" };
  const place = placeOf(work.key, work.place?.sealed ?? null, sealer);
  if (place === null) {
    return { ready: false, why: "its exact key was not kept, or with another key file beside the store" };
  }
  // What next has not got says nothing of legacy, which is the shadow after a cutover.
  const isUncreated = work.place?.uncreated === true && work.notBefore === null && work.misses === shadow;
  return readyFor({ route, place, part: work.place?.part === true, isUncreated }, snapshot);
}

export interface EntityOfWrite {
  readonly route: RouteSettings;
  /** Exact. */
  readonly place: EntityPlace;
  /** A write went below the entity. */
  readonly part: boolean;
  /** Its create did not reach the shadow, for certain. */
  readonly isUncreated: boolean;
}

export function readyFor(
  { route, place, part, isUncreated }: EntityOfWrite,
  { settings, router }: Snapshot,
): PreparedEntry {
  const { primary, shadow } = PHASE_ROLES[route.phase];
  if (shadow === null) return { ready: false, why: `phase ${route.phase} has no shadow` };
  const steps = {
    match: (request: Parameters<typeof router.match>[0]) => router.match(request),
    keyAtHead,
    classifyRequest,
  };
  const found = readBackOf(route, place, part, steps);
  if (!found.readable) return { ready: false, why: found.why };
  // Where clients have it made is known; the path above what is read may be another place.
  const isMadeThere = found.how === "declared" && makesIds(route) && isCreate(place);
  const paths = { path: found.path, above: isMadeThere ? place.path : found.above };
  const values = valuesOfEntity({ route, place, paths, isUncreated, settings, steps });
  if (typeof values === "string") return { ready: false, why: values };
  return {
    ready: true,
    route,
    primary: serviceOf(settings, serviceNameFor(primary, route)),
    shadow: serviceOf(settings, serviceNameFor(shadow, route)),
    place,
    paths,
    values,
  };
}

/** Entries of an earlier version have no place; a key that is shown whole is its own. */
export function placeOf(shown: string, sealed: string | null, sealer: Pick<Sealer, "open">): EntityPlace | null {
  if (sealed === null) {
    return shown.includes("[redacted ") ? null : { key: shown, method: "", path: "", host: null };
  }
  const text = sealer.open(sealed);
  return text === null ? null : (JSON.parse(text) as EntityPlace);
}
