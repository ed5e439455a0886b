/** Headers by which services learn that a write came by way of Crossfade. */
import type { CollectionSettings } from "./collection-settings.ts";
import type { RouteSettings } from "./settings.ts";

type MarkHeaders = RouteSettings["markHeaders"];

/** With each route those of the collections whose rows its writes change. */
export function withMarkHeaders(
  routes: readonly RouteSettings[],
  collections: readonly CollectionSettings[],
): readonly RouteSettings[] {
  if (collections.every(({ marks }) => marks === null || marks.header === null)) return routes;
  return routes.map((route) => ({ ...route, markHeaders: headersOf(route, routes, collections) }));
}

function headersOf(
  route: RouteSettings,
  routes: readonly RouteSettings[],
  collections: readonly CollectionSettings[],
): MarkHeaders {
  const entities = [route.entity, ...route.touches.map(({ entity }) => entity)];
  const headers = new Map<string, string>();
  for (const { route: name, marks } of collections) {
    const entity = routes.find((one) => one.name === name)?.entity ?? null;
    const isConcerned = name === route.name || (entity !== null && entities.includes(entity));
    if (isConcerned && marks !== null && marks.header !== null) headers.set(marks.header, marks.is[0] ?? "");
  }
  return [...headers];
}
