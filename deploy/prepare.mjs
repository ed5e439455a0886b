/** Makes a fresh clone ready to run: dependencies as locked, a Node that is new enough, and the compiled `dist`. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const OWN_NODE = join(ROOT, "node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");
/** Below it, Node does not run TypeScript unbuilt, and better-sqlite3 crashes without a word. Also in package.json. */
const OLDEST_NODE = [22, 19];

const BUILT_FROM = [
  "proxy",
  "adapters",
  "deploy/dashboard.mjs",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
];
/** Bundled on its own, into static files. */
const DASHBOARD = "proxy/dashboard";
const STAMP = "built-from.txt";

/** Something that a person has to put right; the message says what. */
export class PrepareError extends Error {}

/** Runs `npm ci` unless node_modules holds what package-lock.json asks for. */
export function installIfMissing() {
  if (isInstalled()) return;
  console.error("crossfade: installing dependencies with npm ci (once; about a minute)");
  // Not by the Node or the npm of node_modules, which npm ci begins by deleting.
  const ownBinaries = join(ROOT, "node_modules") + sep;
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.startsWith(ownBinaries));
  const env = { ...process.env, PATH: path.join(delimiter) };
  runQuietly("npm", ["ci", "--include=dev", "--engine-strict=false"], { env, shell: process.platform === "win32" });
}

/**
 * npm writes what it installed to node_modules/.package-lock.json. Its content is compared, not its age: a checkout
 * gives every file a new one.
 */
function isInstalled() {
  const wanted = readPackages(join(ROOT, "package-lock.json"));
  const present = readPackages(join(ROOT, "node_modules/.package-lock.json"));
  if (wanted === null)
    throw new PrepareError("package-lock.json is missing; restore it: git checkout package-lock.json");
  if (present === null) return false;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const found = present[path];
    return path === "" || (found === undefined ? optional === true : found.version === version);
  });
}

/** @typedef {Record<string, { version?: string, optional?: boolean }>} Packages */

/** @param {string} file */
function readPackages(file) {
  if (!existsSync(file)) return null;
  const lock = /** @type {{ packages: Packages }} */ (JSON.parse(readFileSync(file, "utf8")));
  return lock.packages;
}

/** The Node 24 that npm installed, else the one that runs this, if it is new enough. Returns its path. */
export function usableNode() {
  // Tried, not only looked for: on a system without glibc the installed one does not start.
  if (existsSync(OWN_NODE) && spawnSync(OWN_NODE, ["--version"]).status === 0) return OWN_NODE;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return process.execPath;
  throw new PrepareError(
    `Node ${OLDEST_NODE.join(".")} or newer is needed and this is ${process.versions.node}; the Node 24 that npm brings ` +
      "as the package `node` does not start here (were install scripts off?). Install Node 24, then try again.",
  );
}

/** As the image and the unit have it: glibc gives back what is freed (docs/limits.md, "What is not held"). */
const C_LIBRARY = { MALLOC_ARENA_MAX: "4", MALLOC_MMAP_THRESHOLD_: "131072", MALLOC_TRIM_THRESHOLD_: "131072" };

/** The environment of what this project runs: its tools and its Node come first. @param {string} node */
export function environment(node) {
  const path = [dirname(node), join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""];
  return { ...C_LIBRARY, ...process.env, PATH: path.join(delimiter) };
}

/** Compiles `dist` unless it was made from the sources as they are. @param {string} node */
export function buildIfStale(node) {
  const dist = join(ROOT, "dist");
  const stamp = sourceStamp();
  if (existsSync(join(dist, STAMP)) && readFileSync(join(dist, STAMP), "utf8") === stamp) return;
  console.error("crossfade: building dist");
  // Built beside and then swapped in: a failed build, or a second one at the same time, leaves a dist that works.
  const fresh = `${dist}.${process.pid}`;
  const old = `${fresh}.old`;
  try {
    runQuietly(node, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", fresh]);
    for (const top of ["proxy", "adapters"]) {
      const isNoSource = (/** @type {string} */ file) =>
        file !== join(ROOT, DASHBOARD) && (statSync(file).isDirectory() || !file.endsWith(".ts"));
      cpSync(join(ROOT, top), join(fresh, top), { recursive: true, filter: isNoSource });
    }
    runQuietly(node, ["deploy/dashboard.mjs", join(fresh, DASHBOARD)]);
    writeFileSync(join(fresh, STAMP), stamp);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Changes when a source is written, added or removed. */
function sourceStamp() {
  const hash = createHash("sha256");
  for (const name of BUILT_FROM) {
    for (const file of filesUnder(join(ROOT, name))) {
      const { mtimeMs, size } = statSync(file);
      hash.update(`${file} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest("hex");
}

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

/**
 * Runs to the end without a word; on failure shows all that the command said.
 * @param {string} command @param {string[]} args @param {import("node:child_process").SpawnSyncOptions} [options]
 */
function runQuietly(command, args, options = {}) {
  const ended = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (ended.status === 0) return;
  process.stderr.write(`${String(ended.stdout ?? "")}${String(ended.stderr ?? "")}`);
  const how = ended.error ? ended.error.message : `exit ${ended.status ?? ended.signal}`;
  throw new PrepareError(`${command} ${args[0]} failed (${how})`);
}
