/**
 * `npm run bench [-- --quick] [--isolation] [--json FILE] [--markdown FILE]`: what a request costs (main-table.ts), or with
 * --isolation what clients see of a sick shadow or store (isolation.ts). The figure to trust on a shared machine is the
 * CPU time of the contender's own processes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runIsolation } from "./isolation.ts";
import { runMainTable } from "./main-table.ts";
import { makeReport, markdownOf, type Part } from "./report.ts";

const ROOT = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    isolation: { type: "boolean", default: false },
    json: { type: "string", default: join(ROOT, ".tmp/bench.json") },
    markdown: { type: "string" },
  },
});

const parts: Part[] = [values.isolation ? await runIsolation(values.quick) : await runMainTable(values.quick)];

const flags = (["isolation", "quick"] as const).filter((name) => values[name]).map((name) => ` --${name}`);
const report = makeReport(`npm run bench${flags.length === 0 ? "" : ` --${flags.join("")}`}`, parts);
console.log(markdownOf(report));
write(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.markdown !== undefined) write(values.markdown, markdownOf(report));

function write(name: string, text: string): void {
  const file = resolve(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written to ${file}`);
}
