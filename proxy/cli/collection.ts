/** The collection that a command was told, from the configuration, with its tables opened. */
import { openRows } from "../../adapters/rows/open.ts";
import { nearestName } from "../config/nearest.ts";
import type { CollectionSettings, ColumnRule } from "../config/collection-settings.ts";
import { type RouteSettings, serviceOf, type ServiceSettings } from "../config/settings.ts";
import { columnsTransformer } from "../migrate/declared-rows.ts";
import { AS_THEY_ARE, digestOfTransform, openTransformer, type Transformer } from "../migrate/transformer.ts";
import { serviceNameFor } from "../moves/phases.ts";
import type { RowTarget } from "../rows/rows.ts";
import type { RowValuePair, RowValues } from "../rows/row-values.ts";
import { actingRoute } from "./acting-route.ts";
import { type ApiOptions, DEFAULT_CONFIG } from "./api.ts";
import { EXIT, Exit } from "./exit.ts";
import { loadedSettings } from "./loaded-settings.ts";

export interface NamedCollection {
  readonly collection: CollectionSettings;
  readonly route: RouteSettings;
  /** The service that next is for the route. */
  readonly next: ServiceSettings;
}

/** @throws Exit where the configuration cannot be used, or has no such collection */
export function findCollection(name: string, config: string | undefined): NamedCollection {
  const file = config ?? DEFAULT_CONFIG;
  const settings = loadedSettings(file, { forTraffic: true });
  const { collections, routes } = settings;
  const collection = collections.find((one) => one.name === name);
  const route = routes.find((one) => one.name === collection?.route);
  if (collection !== undefined && route !== undefined) {
    return { collection, route, next: serviceOf(settings, serviceNameFor("next", route)) };
  }
  const names = collections.map((one) => one.name);
  const near = nearestName(name, names);
  const there = names.length === 0 ? `${file} has none (collections)` : `there are ${names.join(", ")}`;
  const way = near === null ? there : `did you mean ${near}?`;
  throw new Exit(EXIT.no, `no collection is named ${JSON.stringify(name)}; ${way}`);
}

/** For what copies or compares rows. @throws Exit also where the route's services have one table between them */
export function findTables(name: string, config: string | undefined): NamedCollection {
  const found = findCollection(name, config);
  if (!found.route.sharedDatabase) return found;
  const why = `the services of route ${found.route.name} use one database (sharedDatabase): there is no second table`;
  throw new Exit(EXIT.no, `${name}: ${why}; crossfade schema ${name} is what there is to ask of it`);
}

export interface OpenCollection {
  readonly source: RowTarget;
  readonly target: RowTarget;
  readonly transformer: Transformer;
  close(): Promise<void>;
}

/** The source is opened so that it cannot be written; so is the target, unless `write`. @throws CrossfadeError */
export async function openCollection(
  { source, target, transform, columns, name }: CollectionSettings,
  { write }: { readonly write: boolean },
): Promise<OpenCollection> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const each of opened) await each.close().catch(() => "it is gone already");
  };
  const keep = <T extends { close(): Promise<void> }>(each: T): T => {
    opened.push(each);
    return each;
  };
  try {
    const open = {
      source: keep(await openRows(source, { write: false })),
      target: keep(await openRows(target, { write })),
      transformer: transform === null ? declared(columns) : keep(await openTransformer(transform)),
      close,
    };
    if (open.transformer === AS_THEY_ARE && target.tombstone !== null && source.tombstone === null)
      await refuseOneSided(open.source, target.tombstone, name);
    return open;
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** Deleted rows of the source would be made, and never be found at the target. */
async function refuseOneSided(source: RowTarget, tombstone: string, collection: string): Promise<void> {
  if (!(await source.describe()).columns.some(({ name }) => name === tombstone)) return;
  throw new Exit(
    EXIT.no,
    `${source.name} has a column ${tombstone} too, which marks deleted rows at the target of ${collection}; write tombstone: ${tombstone} at the source as well, or take it out of the target, if deleted rows are to be copied and compared as rows`,
  );
}

function declared(columns: readonly ColumnRule[]): Transformer {
  return columns.length === 0 ? AS_THEY_ARE : columnsTransformer(columns);
}

/** What tells rows that were made in another way. */
export function digestOfRules({ transform, columns }: CollectionSettings): string | null {
  return columns.length === 0 ? digestOfTransform(transform) : JSON.stringify(columns);
}

/** The value map of the running proxy, for rows whose ids differ. Null where the collection says nothing of any. @throws Exit */
export async function valuesOf({ collection, route }: NamedCollection, options: ApiOptions): Promise<RowValues | null> {
  const { learn, apply } = collection.values;
  if (learn.length + apply.length === 0) return null;
  const { api, why } = await actingRoute(route, options);
  if (api === null) {
    throw new Exit(
      EXIT.no,
      `ids of ${collection.name} are others at next (values), and the proxy that knows the pairs has to be asked: ${why}. Start it, or name it with --admin URL`,
    );
  }
  const path = `/api/v1/collections/${encodeURIComponent(collection.name)}/values`;
  return async (asked) => {
    if (asked.length === 0) return [];
    const answer = await api.post<{ readonly values: readonly RowValuePair[] }>(path, { values: asked });
    if (answer !== null) return answer.values;
    throw new Exit(
      EXIT.no,
      `the proxy at ${api.url} knows no collection ${collection.name}, or is older than this; give it this configuration`,
    );
  };
}
