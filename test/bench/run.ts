/**
 * `npm run bench [-- --quick] [-- --json FILE]`: what a request costs in Crossfade, next to what it has to cost on Node. All
 * contenders run at once and are loaded in turn, round by round, so that a noisy minute falls on all of them; the figures
 * are medians over the rounds. The one to trust on a shared machine is the CPU time of the contender's own process.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { askOrigin, checkAlike, settledWrites } from "./alike.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { accountsOf, type Contender, startContenders } from "./contenders.ts";
import type { LoadResult } from "./load.ts";
import { machine, ratios, rowsOf, type Sample, table } from "./report.ts";
import type { Kind } from "./traffic.ts";

const ROOT = join(import.meta.dirname, "../..");
const CONNECTIONS = 32;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: join(ROOT, ".tmp/bench.json") },
  },
});
const rounds = values.quick ? 3 : 5;
const seconds = values.quick ? 2 : 5;
const warmUpSeconds = values.quick ? 1.5 : 3;

async function main(): Promise<void> {
  const running: Server[] = [];
  try {
    const [legacy, next] = [await startServer("origin.ts", []), await startServer("origin.ts", [])];
    running.push(legacy, next);
    const contenders = await startContenders(legacy.url, next.url);
    running.push(...contenders.map(({ server }) => server));
    await checkAlike(contenders, legacy.url, next.url);
    console.log("all contenders answer alike");

    const samples: Sample[] = [];
    const turns = (["GET", "POST"] as const).flatMap((kind) =>
      contenders.filter(({ kinds }) => kinds.includes(kind)).map((contender) => ({ contender, kind })),
    );
    for (const { contender, kind } of turns) await measure(contender, kind, warmUpSeconds, legacy, next);
    for (let round = 1; round <= rounds; round++) {
      for (const { contender, kind } of turns) samples.push(await measure(contender, kind, seconds, legacy, next));
      console.error(`round ${round} of ${rounds}`);
    }
    await report(samples, contenders);
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

/** One contender under load, until its last copy has arrived. */
async function measure(
  { name, server, mirrors }: Contender,
  kind: Kind,
  forSeconds: number,
  legacy: Server,
  next: Server,
): Promise<Sample> {
  const writesBefore = await writesAt(legacy, next);
  const cpuBefore = server.cpuMicros();
  const args = [new URL(server.url).port, kind, String(forSeconds), String(CONNECTIONS)];
  const result = JSON.parse(await runScript("load.ts", args)) as LoadResult;
  const isMirrored = mirrors && kind === "POST";
  if (isMirrored)
    await settledWrites(next.url, writesBefore.next + (await writesAt(legacy, next)).legacy - writesBefore.legacy);
  const cpu = server.cpuMicros() - cpuBefore;
  const writes = await writesAt(legacy, next);
  return {
    contender: name,
    kind,
    cpuMicrosPerRequest: cpu / result.requests,
    requestsPerSecond: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    errors: result.errors,
    mirroredShare: isMirrored ? (writes.next - writesBefore.next) / (writes.legacy - writesBefore.legacy) : 0,
  };
}

async function writesAt(legacy: Server, next: Server): Promise<{ readonly legacy: number; readonly next: number }> {
  return { legacy: (await askOrigin(legacy.url)).writes, next: (await askOrigin(next.url)).writes };
}

async function report(samples: readonly Sample[], contenders: readonly Contender[]): Promise<void> {
  const rows = rowsOf(samples);
  const where = machine();
  const versions = versionsOf("fastify", "@fastify/http-proxy", "undici");
  const crossfade = contenders.find(({ name }) => name === "Crossfade");
  const accounts = crossfade === undefined ? "" : await accountsOf(crossfade.server);
  const used = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`
${where.processor}, ${where.cores} cores shared with load and origins, ${where.system}, Node ${where.node}, ${used.join(", ")}
c=${CONNECTIONS}, medians of ${rounds} interleaved rounds of ${seconds} s

${table(rows)}

${ratios(rows)}

Crossfade's own account: ${accounts}`);
  const file = resolve(values.json);
  mkdirSync(dirname(file), { recursive: true });
  const setting = { connections: CONNECTIONS, rounds, seconds };
  writeFileSync(
    file,
    `${JSON.stringify({ date: new Date().toISOString(), machine: where, versions, setting, rows, samples, accounts }, null, 2)}\n`,
  );
  console.log(`written to ${file}`);
}

function versionsOf(...names: readonly string[]): Record<string, string> {
  const read = (name: string): string => {
    const text = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  };
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

await main();
