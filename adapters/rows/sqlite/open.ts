/** Opens an SQLite file that belongs to a service: it must be there, and others may be using it. */
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { loadDriver } from "../driver.ts";
import { sqliteTable } from "./table.ts";

/** How long another writer's lock is waited for. */
const BUSY_TIMEOUT_MS = 10_000;

export interface SqlitePlace {
  readonly file: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  readonly tombstone?: string | null;
}

/** `readOnly`: the file is opened so that nothing can be written. @throws CrossfadeError */
export async function openSqlite(place: SqlitePlace, name: string, readOnly: boolean): Promise<RowTarget> {
  const { default: Database } = await loadDriver("better-sqlite3", async () => await import("better-sqlite3"));
  try {
    const db = new Database(place.file, { readonly: readOnly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    return sqliteTable(db, { ...place, name });
  } catch (thrown) {
    throw new CrossfadeError("rows-unavailable", `${name}: ${(thrown as Error).message} (${place.file})`, {
      source: "upstream",
      cause: thrown,
    });
  }
}
