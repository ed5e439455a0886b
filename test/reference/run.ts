/**
 * Keeps the pages of `docs/reference/` current: `node test/reference/run.ts --write`, and `--check` (exit 1 where one is not).
 * Metrics are told by a proxy with traffic, which `--write` starts and `test/deploy/metric-names.test.ts` has anyway.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBusyProxy } from "../deploy/busy-proxy.ts";
import { apiReference } from "./api.ts";
import { cliReference } from "./cli.ts";
import { configReference } from "./config.ts";
import { metricsReference } from "./metrics.ts";

const FOLDER = join(import.meta.dirname, "../../docs/reference");
const PAGES = { "config.md": configReference, "api.md": apiReference, "cli.md": cliReference } as const;

async function readMetrics(): Promise<string> {
  const ends: (() => Promise<void>)[] = [];
  try {
    const busy = await startBusyProxy({ after: (end) => void ends.push(end) });
    return await busy.metrics();
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

const [action] = process.argv.slice(2);
if (action === "--write") {
  for (const [name, make] of Object.entries(PAGES)) writeFileSync(join(FOLDER, name), make());
  writeFileSync(join(FOLDER, "metrics.md"), metricsReference(await readMetrics()));
} else if (action === "--check") {
  const old = Object.entries(PAGES).filter(([name, make]) => readFileSync(join(FOLDER, name), "utf8") !== make());
  if (old.length > 0) {
    const names = old.map(([name]) => `docs/reference/${name}`).join(", ");
    process.stderr.write(`not current: ${names}; run node test/reference/run.ts --write\n`);
    process.exitCode = 1;
  }
} else {
  process.stderr.write("usage: node test/reference/run.ts --write | --check\n");
  process.exitCode = 2;
}
