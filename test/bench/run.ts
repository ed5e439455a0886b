/**
 * `npm run bench [-- --quick] [--isolation [--share PERCENT]] [--start-up] [--compare] [--values] [--rows] [--memory] [--slow-shadow] [--capacity] [--json FILE] [--markdown FILE]`: what a
 * request costs (main-table.ts); with --isolation what clients see of a sick shadow or store (isolation.ts), with --start-up
 * what starts, reloads and many routes cost (start-up.ts), with --compare what comparing costs (compare.ts), with --values what
 * mapping ids costs (values.ts), with --rows what bringing rows over and comparing tables costs (rows.ts), with --memory what is
 * held on a hanging shadow (memory.ts), with --slow-shadow what clients have of a shadow that is slow (slow-shadow.ts), with
 * --capacity how large a machine has to be (capacity.ts). The figure to trust on a shared machine is the CPU time of the processes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runCapacity } from "./capacity.ts";
import { runCompare } from "./compare.ts";
import { runIsolation } from "./isolation.ts";
import { runMainTable } from "./main-table.ts";
import { runMemory } from "./memory.ts";
import { loadOfLastMinute, makeReport, markdownOf, type Part } from "./report.ts";
import { runRows } from "./rows.ts";
import { runSlowShadow } from "./slow-shadow.ts";
import { runStartUp } from "./start-up.ts";
import { runValues } from "./values.ts";

const ROOT = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    isolation: { type: "boolean", default: false },
    share: { type: "string", default: "50" },
    "start-up": { type: "boolean", default: false },
    compare: { type: "boolean", default: false },
    values: { type: "boolean", default: false },
    rows: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    "slow-shadow": { type: "boolean", default: false },
    capacity: { type: "boolean", default: false },
    json: { type: "string", default: join(ROOT, ".tmp/bench.json") },
    markdown: { type: "string" },
  },
});

const loadBefore = loadOfLastMinute();
const parts: Part[] = [];
if (values.isolation) parts.push(await runIsolation(values.quick, shareOf(values.share)));
if (values["start-up"]) parts.push(await runStartUp(values.quick));
if (values.compare) parts.push(await runCompare(values.quick));
if (values.values) parts.push(await runValues(values.quick));
if (values.rows) parts.push(await runRows(values.quick));
if (values.memory) parts.push(await runMemory(values.quick));
if (values["slow-shadow"]) parts.push(await runSlowShadow(values.quick));
if (values.capacity) parts.push(await runCapacity(values.quick));
if (parts.length === 0) parts.push(await runMainTable(values.quick));

const flags = (
  ["isolation", "start-up", "compare", "values", "rows", "memory", "slow-shadow", "capacity", "quick"] as const
)
  .filter((name) => values[name])
  .map((name) => ` --${name}`);
if (values.isolation && values.share !== "50") flags.push(` --share ${values.share}`);
const report = makeReport(`npm run bench${flags.length === 0 ? "" : ` --${flags.join("")}`}`, loadBefore, parts);
console.log(markdownOf(report));
write(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.markdown !== undefined) write(values.markdown, markdownOf(report));

/** Of the rate with mirroring off; P3 asks for half. */
function shareOf(text: string): number {
  const percent = Number(text);
  if (percent > 0 && percent <= 100) return percent;
  throw new Error(`--share is ${JSON.stringify(text)}; it is a percentage above 0 and up to 100`);
}

function write(name: string, text: string): void {
  const file = resolve(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written to ${file}`);
}
