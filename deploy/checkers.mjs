/**
 * Programs that tests have look at the files for deployment. Found where the environment says or on PATH; else the program
 * alone is taken out of its Debian package into `.tmp/checkers`, so that no daemon is installed or started; else one line
 * says what to install.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { PrepareError, ROOT } from "./prepare.mjs";
import { starts } from "./servers.mjs";

const FOLDER = join(ROOT, ".tmp/checkers");

/** Checks metrics, configs and rules of Prometheus, and runs the rules' unit tests. @returns {string} */
export function findPromtool() {
  return find({
    named: process.env["CROSSFADE_TEST_PROMTOOL"],
    command: "promtool",
    debian: { package: "prometheus", file: "usr/bin/promtool" },
    advice: "promtool of Prometheus 2.42 or newer: apt-get install prometheus, or brew install prometheus",
  });
}

/** Prometheus itself. @returns {string} */
export function findPrometheus() {
  return find({
    named: process.env["CROSSFADE_TEST_PROMETHEUS"],
    command: "prometheus",
    debian: { package: "prometheus", file: "usr/bin/prometheus" },
    advice: "Prometheus 2.42 or newer: apt-get install prometheus, or brew install prometheus",
  });
}

/** A web server that reads, and runs, the snippets for nginx. @returns {string} */
export function findNginx() {
  return find({
    named: process.env["CROSSFADE_TEST_NGINX"],
    command: "nginx",
    debian: { package: "nginx", file: "usr/sbin/nginx" },
    version: "-v",
    advice: "nginx 1.18 or newer: apt-get install nginx, dnf install nginx, or brew install nginx",
  });
}

/** Renders a folder of kustomize; the folder is the last argument. @returns {[command: string, ...args: string[]]} */
export function findKustomize() {
  const named = process.env["CROSSFADE_TEST_KUSTOMIZE"];
  if (named !== undefined) return [named, "build"];
  if (starts("kustomize", "version")) return ["kustomize", "build"];
  if (starts("kubectl", "kustomize", "--help")) return ["kubectl", "kustomize"];
  // Debian's kubectl is of 2020, and its kustomize has no components.
  throw new PrepareError(
    "the tests need kubectl 1.24 or kustomize 4 or newer on PATH, or named in CROSSFADE_TEST_KUSTOMIZE",
  );
}

/** Reads a unit of systemd. @returns {string} */
export function findSystemdAnalyze() {
  if (starts("systemd-analyze")) return "systemd-analyze";
  throw new PrepareError("the tests need systemd-analyze: apt-get install systemd");
}

/**
 * @typedef {object} Wanted
 * @property {string | undefined} named what the environment says
 * @property {string} command
 * @property {{ package: string, file: string }} debian
 * @property {string} [version] the flag that it answers to without doing anything
 * @property {string} advice what the tests need, and where that is to be had
 */

/** @param {Wanted} wanted @returns {string} */
function find({ named, command, debian, version = "--version", advice }) {
  if (named !== undefined) {
    if (starts(named, version)) return named;
    throw new PrepareError(`${named} does not start; the tests need ${advice}`);
  }
  if (starts(command, version)) return command;
  // Debian keeps what only root runs off the PATH of others.
  if (starts(join("/usr/sbin", command), version)) return join("/usr/sbin", command);
  const unpacked = join(FOLDER, debian.package, debian.file);
  if (!existsSync(unpacked)) unpack(debian.package);
  if (starts(unpacked, version)) return unpacked;
  throw new PrepareError(`the tests need ${advice}`);
}

/** The package's files, without its scripts, its dependencies or its services. @param {string} name */
function unpack(name) {
  if (!starts("apt-get") || !starts("dpkg-deb")) return;
  console.error(`crossfade: taking ${name} out of its Debian package (once)`);
  const fresh = join(FOLDER, `${name}.${process.pid}`);
  mkdirSync(fresh, { recursive: true });
  try {
    /** @param {string[]} args */
    const apt = (...args) => spawnSync("apt-get", args, { cwd: fresh, stdio: "ignore" }).status === 0;
    if (!apt("download", "-qq", name) && !(apt("update", "-qq") && apt("download", "-qq", name))) return;
    const file = readdirSync(fresh).find((entry) => entry.endsWith(".deb"));
    if (file === undefined) return;
    const files = join(fresh, "files");
    if (spawnSync("dpkg-deb", ["-x", join(fresh, file), files], { stdio: "ignore" }).status !== 0) return;
    // Tests that run at the same time may both come here: one of them is first.
    if (!existsSync(join(FOLDER, name))) renameSync(files, join(FOLDER, name));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
