/**
 * Servers, and the browser, that tests run for themselves. Found where the environment says, on PATH, or else installed by the system's
 * package manager where that is allowed; otherwise one line says what to install.
 */
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { spawnSync } from "node:child_process";
import { PrepareError } from "./prepare.mjs";

/** The command that starts a Redis server. @returns {string} */
export function findRedisServer() {
  const command = process.env["CROSSFADE_TEST_REDIS_SERVER"] ?? "redis-server";
  if (starts(command)) return command;
  install("redis-server", { "apt-get": "redis-server", dnf: "redis", apk: "redis" });
  if (starts(command)) return command;
  throw new PrepareError(
    "the tests need redis-server 6.2 or newer on PATH: apt-get install redis-server, dnf install redis, or brew install redis",
  );
}

/** The folder that has PostgreSQL's `initdb` and `postgres`; Debian keeps it off PATH. @returns {string} */
export function findPostgresFolder() {
  const found = postgresFolder();
  if (found !== null) return found;
  install("postgresql", { "apt-get": "postgresql", dnf: "postgresql-server", apk: "postgresql" });
  const installed = postgresFolder();
  if (installed !== null) return installed;
  throw new PrepareError(
    "the tests need PostgreSQL 14 or newer: apt-get install postgresql, dnf install postgresql-server, or brew install postgresql; or name the folder of initdb in CROSSFADE_TEST_POSTGRES_BIN",
  );
}

function postgresFolder() {
  const named = process.env["CROSSFADE_TEST_POSTGRES_BIN"];
  const onPath = (process.env["PATH"] ?? "").split(delimiter);
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders =
    named === undefined ? [...versions.map((version) => join(debian, version, "bin")), ...onPath] : [named];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres"))) ?? null;
}

/** Chromium, or Chrome, that browser tests drive. @returns {string} */
export function findChromium() {
  const named = process.env["CROSSFADE_TEST_CHROMIUM"];
  const candidates = named === undefined ? ["chromium", "chromium-browser", "google-chrome"] : [named];
  const found = candidates.find((candidate) => starts(candidate));
  if (found !== undefined) return onPath(found);
  install("chromium", { "apt-get": "chromium", dnf: "chromium", apk: "chromium" });
  const installed = candidates.find((candidate) => starts(candidate));
  if (installed !== undefined) return onPath(installed);
  throw new PrepareError(
    "the browser tests need Chromium 123 or newer on PATH: apt-get install chromium, dnf install chromium, or brew install chromium; or name it in CROSSFADE_TEST_CHROMIUM",
  );
}

/** The whole name of a command. @param {string} command */
function onPath(command) {
  if (command.includes("/")) return command;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, command)).find((file) => existsSync(file)) ?? command;
}

/**
 * MariaDB's server and what makes its folder; Debian keeps the server off PATH.
 * @returns {{ server: string, install: string }}
 */
export function findMariadb() {
  const found = mariadb();
  if (found !== null) return found;
  // The server alone: the package of the service would start one.
  install("mariadb-server-core", { "apt-get": "mariadb-server-core", dnf: "mariadb-server", apk: "mariadb" });
  const installed = mariadb();
  if (installed !== null) return installed;
  throw new PrepareError(
    "the tests need MariaDB 10.6 or newer: apt-get install mariadb-server-core, dnf install mariadb-server, or brew install mariadb; or name the folder of mariadbd and mariadb-install-db in CROSSFADE_TEST_MARIADB_BIN",
  );
}

function mariadb() {
  const named = process.env["CROSSFADE_TEST_MARIADB_BIN"];
  const onPath = (process.env["PATH"] ?? "").split(delimiter);
  const folders = named === undefined ? [...onPath, "/usr/sbin", "/usr/libexec", "/usr/bin"] : [named];
  /** @param {string} name */
  const find = (name) => folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const server = find("mariadbd");
  const made = find("mariadb-install-db");
  return server === undefined || made === undefined ? null : { server, install: made };
}

/**
 * With the system's package manager, where this is run as root.
 * @param {string} what @param {Record<string, string>} packages by package manager
 */
function install(what, packages) {
  const [manager, ...args] = PACKAGE_MANAGERS.find(([name]) => starts(name)) ?? [];
  if (manager === undefined || process.getuid?.() !== 0) return;
  console.error(`crossfade: installing ${what} with ${manager} (once)`);
  if (manager === "apt-get") spawnSync(manager, ["update", "-qq"], { stdio: "ignore" });
  spawnSync(manager, [...args, packages[manager] ?? what], {
    stdio: "ignore",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** @type {readonly (readonly [string, ...string[]])[]} */
const PACKAGE_MANAGERS = [
  ["apt-get", "install", "-y", "-qq", "--no-install-recommends"],
  ["dnf", "install", "-y", "-q"],
  ["apk", "add", "-q"],
];

/** @param {string} command @param {string[]} version what it answers to without doing anything */
export function starts(command, ...version) {
  return spawnSync(command, version.length === 0 ? ["--version"] : version, { stdio: "ignore" }).status === 0;
}
