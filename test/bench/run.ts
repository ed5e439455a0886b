/**
 * `npm run bench [-- --quick] [--isolation] [--start-up] [--json FILE] [--markdown FILE]`: what a request costs
 * (main-table.ts); with --isolation what clients see of a sick shadow or store (isolation.ts), with --start-up what starts,
 * reloads and many routes cost (start-up.ts). The figure to trust on a shared machine is the CPU time of the processes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runIsolation } from "./isolation.ts";
import { runMainTable } from "./main-table.ts";
import { loadOfLastMinute, makeReport, markdownOf, type Part } from "./report.ts";
import { runStartUp } from "./start-up.ts";

const ROOT = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    isolation: { type: "boolean", default: false },
    "start-up": { type: "boolean", default: false },
    json: { type: "string", default: join(ROOT, ".tmp/bench.json") },
    markdown: { type: "string" },
  },
});

const loadBefore = loadOfLastMinute();
const parts: Part[] = [];
if (values.isolation) parts.push(await runIsolation(values.quick));
if (values["start-up"]) parts.push(await runStartUp(values.quick));
if (parts.length === 0) parts.push(await runMainTable(values.quick));

const flags = (["isolation", "start-up", "quick"] as const).filter((name) => values[name]).map((name) => ` --${name}`);
const report = makeReport(`npm run bench${flags.length === 0 ? "" : ` --${flags.join("")}`}`, loadBefore, parts);
console.log(markdownOf(report));
write(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.markdown !== undefined) write(values.markdown, markdownOf(report));

function write(name: string, text: string): void {
  const file = resolve(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written to ${file}`);
}
