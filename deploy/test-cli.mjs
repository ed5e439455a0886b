/**
 * Bundles the `crossfade` command for the tests: `node deploy/test-cli.mjs FOLDER`. A whole run starts it hundreds of times, and the
 * most of a start is the loading of a thousand modules. The folder has to be one from which node_modules is found.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { ROOT } from "./prepare.mjs";

const ENTRY = "proxy/cli/main.ts";
const TOPS = ["proxy", "adapters"];
/** As the build left it. */
const DASHBOARD = "proxy/dashboard";
/** Native, loaded where it is wanted, or the demo's, which looks for its own files. */
const NOT_BUNDLED = ["better-sqlite3", "pg", "pg-copy-streams", "mysql2", "json-server-*", "world-countries"];
/** How a source names the script of a thread or process of its own, unbuilt and built. */
const SCRIPT = /\? "(\.\/[\w-]+\.ts)" : "\.\/[\w-]+\.js"/g;
/** Packages of CommonJS ask for Node's modules by `require`, which a module has not. */
const REQUIRE = `import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);`;

/**
 * Each source is told that it lies where `dist` would have it, so that it finds its scripts and files as it does when built.
 * @param {string} folder @returns {import("esbuild").Plugin}
 */
function placedIn(folder) {
  return {
    name: "placed",
    setup(placing) {
      placing.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const place = join(folder, relative(ROOT, path)).replace(/\.ts$/, ".js");
        const contents = readFileSync(path, "utf8")
          .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(place).href))
          .replaceAll("import.meta.dirname", JSON.stringify(dirname(place)));
        return { contents, loader: "ts" };
      });
    },
  };
}

/** @param {string} folder */
async function bundle(folder) {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY, ...scripts()],
    outbase: ROOT,
    outdir: folder,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    external: NOT_BUNDLED,
    banner: { js: REQUIRE },
    plugins: [placedIn(folder)],
    logLevel: "error",
    write: false,
  });
  // What is there already stays: another run may be using it, and Node has compiled it.
  for (const { path, contents } of outputFiles) {
    if (existsSync(path) && readFileSync(path).equals(contents)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
  const made = new Set(outputFiles.map(({ path }) => basename(path)));
  const chunks = join(folder, "chunks");
  for (const name of existsSync(chunks) ? readdirSync(chunks) : []) if (!made.has(name)) rmSync(join(chunks, name));
  const isNoSource = (/** @type {string} */ file) => !/\.tsx?$/.test(file) && file !== join(ROOT, DASHBOARD);
  for (const top of TOPS) cpSync(join(ROOT, top), join(folder, top), { recursive: true, filter: isNoSource });
  cpSync(join(ROOT, "dist", DASHBOARD), join(folder, DASHBOARD), { recursive: true });
  cpSync(join(ROOT, "package.json"), join(folder, "package.json"));
}

/** Paths from the root. */
function scripts() {
  const sources = TOPS.flatMap((top) =>
    readdirSync(join(ROOT, top), { encoding: "utf8", recursive: true }).map((file) => join(top, file)),
  );
  return sources
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [...readFileSync(join(ROOT, file), "utf8").matchAll(SCRIPT)].map(([, script = ""]) =>
        join(dirname(file), script),
      ),
    );
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node deploy/test-cli.mjs FOLDER");
await bundle(resolve(folder));
