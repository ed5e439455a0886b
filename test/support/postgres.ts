/** A real PostgreSQL of a test file's own: found or installed (deploy/servers.mjs), on a free port, gone afterwards. */
import pg from "pg";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostgresFolder } from "../../deploy/servers.mjs";
import { freePort } from "./free-port.ts";
import { madeOnce } from "./made-once.ts";

export interface PostgresServer {
  /** Of the process that the sessions' processes are children of. */
  readonly pid: number | undefined;
  /** Of a database of that name. */
  urlOf(name: string): string;
  /** A new, empty database; its URL. */
  database(): Promise<string>;
  /** Runs statements in a database. */
  run(url: string, sql: string): Promise<void>;
  /** Texts, as PostgreSQL spells them. */
  ask(url: string, sql: string): Promise<readonly (readonly (string | null)[])[]>;
  stop(): Promise<void>;
}

/** `ownSystem`: else its system identifier may be that of another test's server, whose folder was copied. */
export async function postgresServer({ ownSystem = false } = {}): Promise<PostgresServer> {
  const bin = findPostgresFolder();
  const folder = mkdtempSync(join(tmpdir(), "crossfade-postgres-"));
  const owner = ownerOf(folder);
  const make = (): void => {
    const made = spawnSync(
      join(bin, "initdb"),
      [
        "--no-sync",
        "--username",
        "postgres",
        "--auth",
        "trust",
        "--encoding",
        "UTF8",
        "--locale",
        "C.UTF-8",
        "-D",
        folder,
      ],
      { ...owner, cwd: "/", encoding: "utf8" },
    );
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  };
  if (ownSystem) make();
  else madeOnce("postgres", folder, make);
  return await startIn(folder, bin, owner);
}

/** A streaming replica of the server that this URL is of: read only, as far as it has applied what it has received. */
export async function postgresReplica(primary: string): Promise<PostgresServer> {
  const bin = findPostgresFolder();
  const folder = mkdtempSync(join(tmpdir(), "crossfade-replica-"));
  const owner = ownerOf(folder);
  const from = `postgres://postgres@${new URL(primary).host}/postgres`;
  const copied = spawnSync(
    join(bin, "pg_basebackup"),
    [
      "--dbname",
      from,
      "--pgdata",
      folder,
      "--write-recovery-conf",
      "--wal-method=stream",
      "--checkpoint=fast",
      "--no-sync",
    ],
    { ...owner, cwd: "/", encoding: "utf8" },
  );
  if (copied.status !== 0) throw new Error(`pg_basebackup failed: ${copied.stderr}`);
  return await startIn(folder, bin, owner);
}

async function startIn(folder: string, bin: string, owner: ReturnType<typeof ownerOf>): Promise<PostgresServer> {
  const port = await freePort();
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
  const child = spawn(join(bin, "postgres"), ["-D", folder, ...settings.flatMap((setting) => ["-c", setting])], {
    ...owner,
    cwd: "/",
    stdio: "ignore",
  });
  const urlOf = (name: string): string => `postgres://postgres@127.0.0.1:${port}/${name}`;

  async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async function run(url: string, sql: string): Promise<void> {
    await connected(url, async (client) => await client.query(sql));
  }

  for (;;) {
    try {
      await run(urlOf("postgres"), "SELECT 1");
      break;
    } catch (error) {
      if (child.exitCode !== null) throw error;
      await sleep(20);
    }
  }
  let databases = 0;
  return {
    pid: child.pid,
    urlOf,
    run,
    async database() {
      databases += 1;
      const name = `test${databases}`;
      await run(urlOf("postgres"), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    async ask(url, sql) {
      return await connected(url, async (client) => {
        const types = { getTypeParser: () => (raw: string) => raw };
        const { rows } = await client.query<(string | null)[]>({ text: sql, rowMode: "array", types });
        return rows;
      });
    },
    async stop() {
      // SIGINT: connections are ended, and nothing is waited for.
      child.kill("SIGINT");
      if (child.exitCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Databases refuse to run as root: the folder and the processes are then of somebody else's. */
export function ownerOf(folder: string): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout);
  const owner = { uid: id("-u"), gid: id("-g") };
  chownSync(folder, owner.uid, owner.gid);
  return owner;
}
