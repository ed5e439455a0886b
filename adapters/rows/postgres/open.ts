/** Connects to PostgreSQL in the session that values.ts reads. */
import type { Client } from "pg";
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { loadDriver } from "../driver.ts";
import { asRowsError } from "./failures.ts";
import { followPrimary } from "./follow-primary.ts";
import { postgresTable } from "./table.ts";

/** A database that does not answer at all is told after this. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface PostgresPlace {
  /** Secret: it may hold a password. */
  readonly url: string;
  /** Secret too: what the database at `url` is a replica of. */
  readonly primary?: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  readonly tombstone?: string | null;
}

/** `readOnly`: the session refuses to write, whatever is asked of it. @throws CrossfadeError */
export async function openPostgres(place: PostgresPlace, name: string, readOnly: boolean): Promise<RowTarget> {
  const again = (): Promise<Client> => connect(place.url, name, readOnly);
  const client = await again();
  if (place.primary === undefined) return postgresTable(client, { ...place, name }, { again });
  const of = `${name}, its primary`;
  try {
    const primary = await connect(place.primary, of, true);
    const followed = followPrimary({ client, name }, { client: primary, name: of });
    return postgresTable(client, { ...place, name }, { again, primary: followed });
  } catch (thrown) {
    await client.end();
    throw thrown;
  }
}

async function connect(url: string, name: string, readOnly: boolean): Promise<Client> {
  const { default: pg } = await loadDriver("pg", async () => await import("pg"));
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "crossfade",
  });
  // A connection that breaks between two statements is told by the next one.
  client.on("error", () => "told by the statement that meets it");
  try {
    await client.connect();
    await client.query(
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1; " +
        `SET client_encoding = 'UTF8'; SET default_transaction_read_only = ${readOnly ? "on" : "off"}`,
    );
    return client;
  } catch (thrown) {
    await client.end().catch(() => "it was never there");
    throw asRowsError(name, thrown);
  }
}
