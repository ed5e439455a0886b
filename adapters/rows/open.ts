/** Opens the table that a collection names. */
import type { RowPlace } from "../../proxy/config/collection-settings.ts";
import type { RowTarget } from "../../proxy/rows/rows.ts";
import { openHttp } from "./http/open.ts";
import { openMysql } from "./mysql/open.ts";
import { openPostgres } from "./postgres/open.ts";
import { openSqlite } from "./sqlite/open.ts";

/**
 * `write` false: the connection itself refuses to change anything.
 * @throws CrossfadeError where it cannot be reached or its driver is missing
 */
export async function openRows(place: RowPlace, { write }: { readonly write: boolean }): Promise<RowTarget> {
  const { database } = place;
  switch (database.kind) {
    case "postgres":
      return await openPostgres({ ...place, ...database }, nameOf(place), !write);
    case "mysql":
      return await openMysql({ ...place, url: database.url }, nameOf(place), !write);
    case "sqlite":
      return await openSqlite({ ...place, file: database.file }, nameOf(place), !write);
    case "http":
      return openHttp({ place: database, key: place.key, version: place.version }, nameOf(place), !write);
    default:
      return database satisfies never;
  }
}

/** For people, without user and password. */
function nameOf({ database, table }: RowPlace): string {
  if (database.kind === "sqlite") return `sqlite:${database.file} ${table}`;
  const url = URL.parse(database.url);
  if (database.kind === "http") return `${url?.origin ?? "http:"}${table}`;
  return url === null ? `${database.kind} ${table}` : `${database.kind}://${url.host}${url.pathname} ${table}`;
}
