/** A real MariaDB of a test file's own: found or installed (deploy/servers.mjs), on a free port, gone afterwards. */
import mysql from "mysql2/promise";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findMariadb } from "../../deploy/servers.mjs";
import { ownerOf } from "./postgres.ts";
import { freePort } from "./free-port.ts";
import { madeOnce } from "./made-once.ts";

export interface MariadbServer {
  /** A new, empty database; its URL. */
  database(): Promise<string>;
  /** Runs statements in a database. */
  run(url: string, sql: string): Promise<void>;
  /** Texts, as MariaDB spells them in a session in UTC. */
  ask(url: string, sql: string): Promise<readonly (readonly (string | null)[])[]>;
  stop(): Promise<void>;
}

export async function mariadbServer(): Promise<MariadbServer> {
  const { server, install } = findMariadb();
  const folder = mkdtempSync(join(tmpdir(), "crossfade-mariadb-"));
  const owner = ownerOf(folder);
  const data = join(folder, "data");
  madeOnce("mariadb", folder, () => {
    const made = spawnSync(
      install,
      ["--no-defaults", `--datadir=${data}`, "--auth-root-authentication-method=normal", "--skip-test-db"],
      { ...owner, cwd: folder, encoding: "utf8", env: { ...process.env, TMPDIR: folder, HOME: folder } },
    );
    if (made.status !== 0) throw new Error(`mariadb-install-db failed: ${made.stdout}${made.stderr}`);
  });
  const port = await freePort();
  const child = spawn(
    server,
    [
      "--no-defaults",
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "s")}`,
      `--pid-file=${join(folder, "pid")}`,
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=0",
      "--character-set-server=utf8mb4",
    ],
    { ...owner, cwd: folder, stdio: "ignore" },
  );
  const urlOf = (name: string): string => `mysql://root@127.0.0.1:${port}/${name}`;

  async function connected<T>(url: string, work: (connection: mysql.Connection) => Promise<T>): Promise<T> {
    const connection = await mysql.createConnection({ uri: url, multipleStatements: true, timezone: "Z" });
    try {
      await connection.query("SET time_zone = '+00:00'");
      return await work(connection);
    } finally {
      await connection.end();
    }
  }

  async function run(url: string, sql: string): Promise<void> {
    await connected(url, async (connection) => await connection.query(sql));
  }

  for (;;) {
    try {
      await run(urlOf(""), "SELECT 1");
      break;
    } catch (error) {
      if (child.exitCode !== null) throw error;
      await sleep(20);
    }
  }
  let databases = 0;
  return {
    run,
    async database() {
      databases += 1;
      const name = `test${databases}`;
      await run(urlOf(""), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    async ask(url, sql) {
      return await connected(url, async (connection) => {
        const [rows] = await connection.query({ sql, rowsAsArray: true, typeCast: false });
        return (rows as (Buffer | null)[][]).map((row) => row.map((value) => value?.toString("utf8") ?? null));
      });
    },
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
