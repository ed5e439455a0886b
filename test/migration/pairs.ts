/** The pairs of databases that rows are moved between, with the rows that are there before. */
import { join } from "node:path";
import { mariadbServer } from "../support/mariadb.ts";
import { postgresServer } from "../support/postgres.ts";
import { growPlaces } from "./rows.ts";
import type { PairPlace } from "./site.ts";
import { type DatabaseKind, DDL, openTable, type TableAddress } from "./tables.ts";
import Database from "better-sqlite3";

interface PairKind {
  readonly legacy: DatabaseKind;
  readonly next: DatabaseKind;
  readonly overHttp: boolean;
}

export const PAIRS: Readonly<Record<string, PairKind>> = {
  "postgres-postgres": { legacy: "postgres", next: "postgres", overHttp: false },
  "mariadb-postgres": { legacy: "mysql", next: "postgres", overHttp: false },
  "sqlite-postgres": { legacy: "sqlite", next: "postgres", overHttp: false },
  "http-http": { legacy: "sqlite", next: "sqlite", overHttp: true },
};

/** Servers are started when the first database of their kind is asked for. */
export class Databases {
  #postgres: ReturnType<typeof postgresServer> | null = null;
  #mariadb: ReturnType<typeof mariadbServer> | null = null;

  async pair(name: string, rows: number, folder: string): Promise<PairPlace> {
    const kind = PAIRS[name];
    if (kind === undefined) throw new Error(`--only is ${name}; it is one of ${Object.keys(PAIRS).join(", ")}`);
    const legacy = await this.#table(kind.legacy, join(folder, `${name}-legacy.db`));
    const next = await this.#table(kind.next, join(folder, `${name}-next.db`));
    const table = openTable(legacy);
    await table.load(growPlaces(rows));
    await table.close();
    return { name, legacy, next, overHttp: kind.overHttp };
  }

  async #table(kind: DatabaseKind, file: string): Promise<TableAddress> {
    if (kind === "sqlite") {
      const db = new Database(file);
      db.exec(DDL.sqlite);
      db.close();
      return { kind, url: file };
    }
    const server = await (kind === "postgres"
      ? (this.#postgres ??= postgresServer())
      : (this.#mariadb ??= mariadbServer()));
    const url = await server.database();
    await server.run(url, DDL[kind]);
    return { kind, url };
  }

  async stop(): Promise<void> {
    await (await this.#postgres)?.stop();
    await (await this.#mariadb)?.stop();
  }
}
