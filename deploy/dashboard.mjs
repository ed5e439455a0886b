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

/**
 * Of uPlot what no chart here has: kinds of lines, a way to join tables, scales that are not linear, times in words. It hangs them on itself or chooses among
 * them as it runs, so that no bundler lets go of them. What each text becomes.
 * @type {readonly (readonly [text: string, becomes: string])[]}
 */
const UNUSED = [
  ["(paths.stepped = stepped);", ""],
  ["(paths.bars    = bars);", ""],
  ["(paths.spline  = monotoneCubic);", ""],
  ["uPlot.join = join;", ""],
  ["uPlot.rangeLog = rangeLog;", ""],
  ["uPlot.rangeAsinh = rangeAsinh;", ""],
  ["uPlot.tzDate  = tzDate;", ""],
  ["uPlot.fmtDate = fmtDate;", ""],
  ["const _fmtDate = (opts.fmtDate || fmtDate);", ""],
  ["days.map(slice3)", "days"],
  ["months.map(slice3)", "months"],
  ["\t\t_timeAxisStamps,\n", "\t\tnull,\n"],
  ["sc.distr == 3 ? snapLogX : sc.distr == 4 ? snapAsinhX : snapNumX", "snapNumX"],
  ["sc.distr == 3 ? snapLogY : sc.distr == 4 ? snapAsinhY : snapNumY", "snapNumY"],
  ["[_min, _max] = rangeLog(_min, _min, scaleX.log, false);", ";"],
  ["[_min, _max] = rangeAsinh(_min, _min, scaleX.log, false);", ";"],
  ["sc.distr == 3 ? logAxisSplits : sc.distr == 4 ? asinhAxisSplits : numAxisSplits", "numAxisSplits"],
  [
    "sc.distr >= 3 && sc.log == 10 ? log10AxisValsFilt : sc.distr == 3 && sc.log == 2 ? log2AxisValsFilt : retArg1",
    "retArg1",
  ],
  // Ticks are spelled by the page itself.
  ["isArr(av) ?\n\t\t\t\t\t\ttimeAxisVals(_tzDate, timeAxisStamps(av, _fmtDate)) :", ""],
  ["isStr(av) ?\n\t\t\t\t\t\ttimeAxisVal(_tzDate, av) :", ""],
  ["av || _timeAxisVals", "av"],
  ["timeAxisVals(_tzDate, timeAxisStamps((ms == 1 ? _timeAxisStampsMs : _timeAxisStampsS), _fmtDate))", "null"],
  ["timeSeriesVal(_tzDate, timeSeriesStamp(_timeSeriesStamp, _fmtDate))", "null"],
  [
    "isTime ? (isStr(sv) ? timeSeriesVal(_tzDate, timeSeriesStamp(sv, _fmtDate)) : sv || _timeSeriesVal) : sv || numSeriesVal",
    "sv || numSeriesVal",
  ],
];
/** Rules of uPlot's style sheet for titles and legends, which no chart here shows. */
const UNUSED_RULES = /[^{}]*\.u-(?:legend|inline|series|title)[^{}]*\{[^{}]*\}/g;

/** @param {import("esbuild").PluginBuild} build */
function leaveOutUnused(build) {
  build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
    let contents = readFileSync(path, "utf8");
    for (const [text, becomes] of UNUSED) {
      if (!contents.includes(text)) throw new Error(`${path} no longer has ${text}; look at what it brings now`);
      contents = contents.replace(text, becomes);
    }
    return { contents, loader: "js" };
  });
  build.onLoad({ filter: /uPlot\.min\.css$/ }, ({ path }) => {
    return { contents: readFileSync(path, "utf8").replaceAll(UNUSED_RULES, ""), loader: "css" };
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
  const page = readFileSync(join(SOURCES, "page.html"), "utf8")
    .replaceAll(/\s+(?=[<>])/g, "")
    .replaceAll(/\s+/g, " ");
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
