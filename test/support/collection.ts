/** Two SQLite files and a config with a collection over them, in a folder of the test's own. */
import Database from "better-sqlite3";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CliOptions, type Ended, runCli } from "./cli.ts";

export interface CollectionSetup {
  readonly folder: string;
  readonly legacy: Database.Database;
  readonly next: Database.Database;
  run(...args: readonly string[]): Promise<Ended>;
  readonly options: CliOptions;
  /** What backfill has noted. */
  noted(): { readonly read: number; readonly done: boolean };
}

export interface CollectionGiven {
  /** Each ends in its table's statement; the table is called users. */
  readonly legacy: string;
  readonly next: string;
  readonly transform?: string;
  /** YAML of source and target. */
  readonly tables?: string;
  /** YAML of further settings of the collection. */
  readonly more?: string;
  readonly phase?: string;
  /** YAML within `services.next`, beside its url. */
  readonly nextService?: string;
  readonly route?: string;
}

export function collectionSetup(t: TestContext, given: CollectionGiven): CollectionSetup {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-collection-"));
  const open = (name: string, sql: string): Database.Database => {
    const db = new Database(join(folder, name));
    db.pragma("journal_mode = WAL");
    db.defaultSafeIntegers(true);
    db.exec(sql);
    t.after(() => db.close());
    return db;
  };
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (given.transform !== undefined) writeFileSync(join(folder, "transform.mjs"), given.transform);
  writeFileSync(
    join(folder, "crossfade.yaml"),
    `services:
  legacy: { url: "http://127.0.0.1:1" }
  next: { url: "http://127.0.0.1:2"${given.nextService === undefined ? "" : `, ${given.nextService}`} }
admin: { listen: "127.0.0.1:3" }
routes:
  - name: users
    match: { path: "/users/**" }
    phase: ${given.phase ?? "legacy-only"}
${given.route ?? ""}
collections:
  - name: users
    route: users
${given.tables ?? `    source: { sqlite: ./legacy.db, table: users, key: id }\n    target: { sqlite: ./next.db, table: users, key: id }`}
${given.transform === undefined ? "" : "    transform: ./transform.mjs\n"}${given.more ?? ""}`,
  );
  const legacy = open("legacy.db", given.legacy);
  const next = open("next.db", given.next);
  const options: CliOptions = { cwd: folder };
  return {
    folder,
    legacy,
    next,
    options,
    run: async (...args) => await runCli(args, options),
    noted: () => JSON.parse(readFileSync(join(folder, "crossfade-backfill-users.json"), "utf8")) as never,
  };
}
