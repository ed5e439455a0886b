/**
 * Bundles the dashboard (proxy/dashboard/) into static files: `node deploy/dashboard.mjs FOLDER`. Their names hold a digest of
 * what is in them, so that browsers may keep them for good; `index.html` names them.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "./prepare.mjs";

const SOURCES = join(ROOT, "proxy/dashboard");
/** What is bundled with it; their licences ask for a copy. */
const BUNDLED = ["preact", "uplot"];

/** Kinds of lines that no chart here draws, and a way to join tables: uPlot hangs them on itself, so that no bundler lets go of them. */
const UNUSED = [
  "(paths.stepped = stepped);",
  "(paths.bars    = bars);",
  "(paths.spline  = monotoneCubic);",
  "uPlot.join = join;",
];

/** @param {import("esbuild").PluginBuild} build */
function leaveOutUnused(build) {
  build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
    let contents = readFileSync(path, "utf8");
    for (const text of UNUSED) {
      if (!contents.includes(text)) throw new Error(`${path} no longer has ${text}; look at what it brings now`);
      contents = contents.replace(text, "");
    }
    return { contents, loader: "js" };
  });
}

/** Writes `index.html`, one script, one style sheet and `LICENSES.txt`. @param {string} folder */
async function buildDashboard(folder) {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { app: join(SOURCES, "main.tsx") },
    outdir: folder,
    entryNames: "[name]-[hash]",
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome123", "firefox121", "safari17.5"],
    tsconfigRaw: {},
    // Calls of h are shorter than those that the type checker is told of, a twentieth of the whole.
    jsx: "transform",
    jsxFactory: "h",
    jsxFragment: "Fragment",
    inject: [join(SOURCES, "jsx.ts")],
    plugins: [{ name: "smaller-uplot", setup: leaveOutUnused }],
    legalComments: "none",
    charset: "utf8",
    metafile: true,
    logLevel: "warning",
  });
  const names = Object.keys(metafile.outputs).map((file) => basename(file));
  const named = (/** @type {string} */ ending) => {
    const name = names.find((one) => one.endsWith(ending));
    if (name === undefined) throw new Error(`the bundle has no ${ending} file, only ${names.join(", ")}`);
    return `/assets/${name}`;
  };
  const page = readFileSync(join(SOURCES, "page.html"), "utf8");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), page.replace("{style}", named(".css")).replace("{script}", named(".js")));
  writeFileSync(join(folder, "LICENSES.txt"), BUNDLED.map(licenceOf).join("\n"));
}

/** @param {string} name */
function licenceOf(name) {
  const folder = join(ROOT, "node_modules", name);
  const { version } = /** @type {{ version: string }} */ (
    JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  );
  return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8")}`;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node deploy/dashboard.mjs FOLDER");
  process.exitCode = 2;
} else {
  await buildDashboard(folder);
}
