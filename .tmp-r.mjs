import fs from "node:fs";
import { conf } from "./.tmp/mkconf.mjs";
import { loadSettings } from "./dist/proxy/config/load.js";
import { compileRouter } from "./dist/proxy/route/router.js";
import { reloadProblems } from "./dist/proxy/config/reload-rules.js";
import { readSource } from "./dist/proxy/config/source.js";
import { validate } from "./dist/proxy/config/issues.js";
import { isDeepStrictEqual } from "node:util";
const f = "/tmp/wt/c500.yaml";
fs.writeFileSync(f, conf(500));
console.log(fs.statSync(f).size);
const time = (n, fn) => {
  const t = performance.now();
  const r = fn();
  console.log(n.padEnd(14), (performance.now() - t).toFixed(1));
  return r;
};
for (let k = 0; k < 4; k++) {
  console.log("--", k);
  const src = time("readSource", () => readSource(f, fs.readFileSync(f)));
  time("validate", () => validate(src.source.tree));
  const l = time("load all", () => loadSettings({ file: f, flags: {}, env: process.env }));
  if (!l.ok) {
    console.log(l.errors.slice(0, 3));
    break;
  }
  time("router", () => compileRouter(l.settings.routes));
  time("problems", () => reloadProblems(l.settings, l.settings));
  const l2 = loadSettings({ file: f, flags: {}, env: process.env });
  time("equal", () => isDeepStrictEqual(l.settings, l2.settings));
}
