/** Connects to MySQL or MariaDB in the session that values.ts reads. */
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "mysql2/promise";
import type { RowTarget } from "../../../proxy/rows/rows.ts";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { loadDriver } from "../driver.ts";
import { asRowsError } from "./failures.ts";
import { mysqlTable } from "./table.ts";

/** A database that does not answer at all is told after this. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface MysqlPlace {
  /** Secret: it may hold a password. */
  readonly url: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly version: string | null;
  readonly tombstone?: string | null;
}

/**
 * Whatever the server's own mode: what does not fit is refused, and no zero becomes a counter's next number. Each statement
 * reads what is committed, so that looking for rows locks no gaps between them.
 */
const SESSION = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
  "SET SESSION time_zone = '+00:00'",
  "SET SESSION group_concat_max_len = 65536",
  "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/** `readOnly`: the session refuses to write, whatever is asked of it. @throws CrossfadeError */
export async function openMysql(place: MysqlPlace, name: string, readOnly: boolean): Promise<RowTarget> {
  const mysql = await loadDriver("mysql2", async () => await import("mysql2/promise"));
  const options = optionsOf(place.url, name);
  try {
    const connection = await mysql.createConnection(options);
    // A connection that breaks between two statements is told by the next one.
    connection.on("error", () => "told by the statement that meets it");
    try {
      for (const statement of SESSION) await connection.query(statement);
      await connection.query(`SET SESSION TRANSACTION READ ${readOnly ? "ONLY" : "WRITE"}`);
      return mysqlTable(connection, { ...place, name });
    } catch (thrown) {
      connection.destroy();
      throw thrown;
    }
  } catch (thrown) {
    throw asRowsError(name, thrown);
  }
}

/** Of `mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY`. */
function optionsOf(text: string, name: string): ConnectionOptions {
  const url = new URL(text);
  const unusable = (why: string): CrossfadeError =>
    new CrossfadeError("rows-unusable", `${name}: ${why}`, { source: "config" });
  const known = ["ssl-mode", "ssl-ca", "socket"];
  for (const parameter of url.searchParams.keys()) {
    if (!known.includes(parameter)) {
      throw unusable(`its URL has the parameter ${parameter}, which is not known; there are ${known.join(", ")}`);
    }
  }
  const socket = url.searchParams.get("socket");
  const database = decodeURIComponent(url.pathname.slice(1));
  return {
    ...(socket === null
      ? { host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1"), port: Number(url.port || 3306) }
      : { socketPath: socket }),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...(database === "" ? {} : { database }),
    ...sslOf(url.searchParams, unusable),
    charset: "utf8mb4",
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Bytes as they come: nothing is parsed before we know what it is.
    typeCast: false,
    rowsAsArray: true,
    connectAttributes: { program_name: "crossfade" },
  };
}

function sslOf(parameters: URLSearchParams, unusable: (why: string) => CrossfadeError): Pick<ConnectionOptions, "ssl"> {
  const mode = parameters.get("ssl-mode");
  const file = parameters.get("ssl-ca");
  if ((mode ?? "DISABLED") === "DISABLED" && file === null) return {};
  if (mode !== null && !["REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"].includes(mode)) {
    throw unusable(`its URL has ssl-mode=${mode}; write DISABLED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY`);
  }
  try {
    const ca = file === null ? {} : { ca: readFileSync(file, "utf8") };
    return {
      ssl: {
        ...ca,
        rejectUnauthorized: mode !== "REQUIRED",
        verifyIdentity: mode !== "REQUIRED" && mode !== "VERIFY_CA",
      },
    };
  } catch (thrown) {
    throw unusable(`ssl-ca cannot be read: ${(thrown as Error).message}`);
  }
}
