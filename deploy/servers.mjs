/**
 * Servers that tests run for themselves. Found where the environment says, on PATH, or else installed by the system's
 * package manager where that is allowed; otherwise one line says what to install.
 */
import { spawnSync } from "node:child_process";
import { PrepareError } from "./prepare.mjs";

/** The command that starts a Redis server. @returns {string} */
export function findRedisServer() {
  const command = process.env["CROSSFADE_TEST_REDIS_SERVER"] ?? "redis-server";
  if (starts(command)) return command;
  const [manager, ...args] = PACKAGE_MANAGERS.find(([name]) => starts(name)) ?? [];
  if (manager !== undefined && process.getuid?.() === 0) {
    console.error(`crossfade: installing redis-server with ${manager} (once)`);
    if (manager === "apt-get") spawnSync(manager, ["update", "-qq"], { stdio: "ignore" });
    spawnSync(manager, [...args, manager === "apt-get" ? "redis-server" : "redis"], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (starts(command)) return command;
  }
  throw new PrepareError(
    "the tests need redis-server 6.2 or newer on PATH: apt-get install redis-server, dnf install redis, or brew install redis",
  );
}

/** @type {readonly (readonly [string, ...string[]])[]} */
const PACKAGE_MANAGERS = [
  ["apt-get", "install", "-y", "-qq", "--no-install-recommends"],
  ["dnf", "install", "-y", "-q"],
  ["apk", "add", "-q"],
];

/** @param {string} command */
function starts(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}
