/**
 * `npm run bench [-- --quick] [--json FILE] [--markdown FILE]`: what a request costs (main-table.ts). The figure to trust on
 * a shared machine is the CPU time of the contender's own processes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMainTable } from "./main-table.ts";
import { makeReport, markdownOf, type Part } from "./report.ts";

const ROOT = join(import.meta.dirname, "../..");

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: join(ROOT, ".tmp/bench.json") },
    markdown: { type: "string" },
  },
});

const parts: Part[] = [await runMainTable(values.quick)];

const flags = values.quick ? " -- --quick" : "";
const report = makeReport(`npm run bench${flags}`, parts);
console.log(markdownOf(report));
write(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.markdown !== undefined) write(values.markdown, markdownOf(report));

function write(name: string, text: string): void {
  const file = resolve(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written to ${file}`);
}
