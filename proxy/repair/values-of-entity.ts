/** Where ids and tokens stand in what a repair asks and writes about an entity, by the routes as they are. Pure. */
import type { FindSettings, RouteSettings, Settings, ValuePlace } from "../config/settings.ts";
import type { RequestHead, RouteFound } from "../exchange.ts";
import type { OneValue } from "../mirror/values/carried.ts";
import { findInRequest } from "../mirror/values/places.ts";
import {
  type EntityPlace,
  fillPath,
  headOf,
  idInKey,
  makesIds,
  namesOfWrite,
  type ReadBackSteps,
} from "../read-back.ts";
import type { RepairPaths } from "./plan.ts";

/** A request of our own as clients would put it, and the route that takes it. */
export interface Asked {
  readonly request: RequestHead;
  readonly found: RouteFound;
}

export interface ValuesOfEntity {
  readonly reads: Asked;
  /** null: no route takes it. */
  readonly asked: (method: string, path: string) => Asked | null;
  /** The routes that have a say in it. */
  readonly routes: readonly RouteSettings[];
  /** In what either service answers when it is asked for the entity. */
  readonly inAnswer: readonly ValuePlace[];
  /** Of these, the ones in its body. */
  readonly inBody: readonly ValuePlace[];
  /** The entity's own id, where each service gives it one. */
  readonly own: OneValue | null;
  /** Its create did not reach the shadow, for certain. */
  readonly isUncreated: boolean;
  /** The entry's route, which learns all that these routes do. */
  readonly teaches: RouteSettings;
  /** How the shadow is asked for one whose id there nobody knows; null: it cannot be. */
  readonly find: FoundBy | null;
}

export interface FoundBy extends FindSettings {
  readonly path: string;
}

export interface EntityToRepair {
  readonly route: RouteSettings;
  readonly place: EntityPlace;
  readonly paths: RepairPaths;
  readonly isUncreated: boolean;
  readonly settings: Settings;
  readonly steps: ReadBackSteps;
}

/** null: there are none. A text: why it cannot be repaired, which names no part of the key. */
export function valuesOfEntity(entity: EntityToRepair): ValuesOfEntity | string | null {
  const { route, place, paths, settings, steps } = entity;
  const asked = (method: string, path: string): Asked | null => {
    const request = headOf(method, path, route, place.host);
    const found = steps.match(request);
    return found === null ? null : { request, found };
  };
  const reads = asked("GET", paths.path);
  const makes = paths.above === null ? null : asked("POST", paths.above);
  const said = [reads?.found.route, route, makes?.found.route].filter((one) => one !== undefined);
  const routes = [...new Set(said)];
  if (routes.every(({ values }) => values.learn.length + values.apply.length === 0)) return null;
  // `readBackOf` has said so before.
  if (reads === null) return "no route takes a GET of its path, so that values in it are not mapped";
  const own = ownId(reads, place);
  const ofEntity = settings.routes.filter(({ entity: name }) => name !== null && name === route.entity);
  const hasId = idInKey(place.key).kind === "id";
  if (hasId && own === null && [...routes, ...ofEntity].some(makesIds)) {
    const why = `each service has an id of its own for it (values.learn), and no path: place of route ${reads.found.route.name} maps it`;
    return `${why}; write one there: values: { apply: [{ at: path:…, kind: … }] }`;
  }
  const inAnswer = withoutRepeats([
    ...placesOf(reads.found.route),
    ...routes.flatMap(placesOf).filter(({ at }) => at.source === "answer" || at.source === "body"),
  ]);
  const find = routes.map(({ values }) => values.find).find((one) => one !== null) ?? null;
  const path = find === null ? null : fillPath(find.read, namesOfWrite(route, place, steps));
  return {
    reads,
    asked,
    routes,
    inAnswer,
    inBody: inAnswer.filter(({ at }) => at.source === "answer" || at.source === "body"),
    own,
    isUncreated: entity.isUncreated,
    teaches: { ...route, values: { ...route.values, learn: routes.flatMap(({ values }) => values.learn) } },
    find: find === null || path?.ok !== true ? null : { ...find, path: path.path },
  };
}

function placesOf({ values: { learn, apply } }: RouteSettings): readonly ValuePlace[] {
  return [...learn, ...apply];
}

function ownId({ request, found }: Asked, place: EntityPlace): OneValue | null {
  const id = idInKey(place.key);
  if (id.kind !== "id") return null;
  const documents = { target: request.target, headers: [], body: null, form: "none" } as const;
  const inPath = found.route.values.apply.filter(({ at }) => at.source === "path");
  return findInRequest(documents, inPath, found).find(({ text }) => text === id.id) ?? null;
}

function withoutRepeats(places: readonly ValuePlace[]): readonly ValuePlace[] {
  const seen = new Set<string>();
  return places.filter(({ at, part }) => {
    const name = JSON.stringify([at.source === "body" ? "answer" : at.source, at.name, part]);
    return !seen.has(name) && seen.add(name) !== undefined;
  });
}
