/** The collection that a command was told, from the configuration, with its tables opened. */
import { openRows } from "../../adapters/rows/open.ts";
import { nearestName } from "../config/nearest.ts";
import type { CollectionSettings, RouteSettings } from "../config/settings.ts";
import { AS_THEY_ARE, openTransformer, type Transformer } from "../migrate/transformer.ts";
import type { RowTarget } from "../rows.ts";
import { DEFAULT_CONFIG } from "./api.ts";
import { EXIT, Exit } from "./exit.ts";
import { loadedSettings } from "./loaded-settings.ts";

export interface NamedCollection {
  readonly collection: CollectionSettings;
  readonly route: RouteSettings;
}

/** @throws Exit where the configuration cannot be used, or has no such collection */
export function findCollection(name: string, config: string | undefined): NamedCollection {
  const file = config ?? DEFAULT_CONFIG;
  const { collections, routes } = loadedSettings(file, { forTraffic: true });
  const collection = collections.find((one) => one.name === name);
  const route = routes.find((one) => one.name === collection?.route);
  if (collection !== undefined && route !== undefined) return { collection, route };
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
  { source, target, transform }: CollectionSettings,
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
    return {
      source: keep(await openRows(source, { write: false })),
      target: keep(await openRows(target, { write })),
      transformer: transform === null ? AS_THEY_ARE : keep(await openTransformer(transform)),
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
