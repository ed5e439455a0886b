/** `npm run cutover [-- --members N --workers N --rounds N --rate N | --faults [--from N --to N]]`: docs/cutover.md. Exit code 1: a write was lost, split, reordered, doubled or refused. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { percentile, runCutovers } from "./cutover.ts";
import { CASES, runFault, spellCase } from "./faults.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    rate: { type: "string", default: "1000" },
    members: { type: "string", default: "0" },
    workers: { type: "string", default: "0" },
    faults: { type: "boolean", default: false },
    from: { type: "string", default: "1" },
    to: { type: "string", default: String(CASES.length) },
  },
});

const say = (line: string): void => console.log(line);
const CLI = join(import.meta.dirname, "../../dist/proxy/cli/main.js");
if (values.faults) {
  process.exit(await runAllFaults());
}
const result = await runCutovers(
  {
    cli: CLI,
    members: Number(values.members),
    workers: Number(values.workers),
    rounds: Number(values.rounds),
    writesPerSecond: Number(values.rate),
    clients: 32,
    betweenMs: 100,
  },
  say,
);
const { writes, moves, aborted, clientErrors, lost, twice, reordered, split, wrongSide, words } = result;
const { doubted, reorderedInDoubt } = result;
const spell = (of: readonly number[]): string =>
  [0.5, 0.99, 1].map((share) => percentile(of, share).toFixed(1)).join(" | ");
say(`
| writes | moves | given up | client errors | lost | twice | reordered | split | wrong side | keys in doubt | reordered among these |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| ${[writes, moves, aborted, clientErrors, lost, twice, reordered, split, wrongSide, doubted, reorderedInDoubt].join(" | ")} |

| ms | median | p99 | most |
| --- | --- | --- | --- |
| writes held back, a move | ${spell(result.held)} |
| slowest write of a client, a move | ${spell(result.slowest)} |
| a write beside no move | ${spell(result.undisturbed)} |${result.parts.length === 0 ? "" : spellParts()}

${spellCosts()}
`);
for (const line of words) say(line);
const isClean = clientErrors + lost + twice + reordered + split + wrongSide === 0;
say(isClean ? "nothing was violated" : "VIOLATED");
process.exitCode = isClean ? 0 : 1;

function spellParts(): string {
  const [drain, commit] = [result.parts.map((one) => one.drain), result.parts.map((one) => one.commit)];
  return `
| of a hold: until all had drained | ${spell(drain)} |
| of a hold: from then to the commit | ${spell(commit)} |`;
}

function spellCosts(): string {
  const { proxyMicros, redis, machineShare } = result.costs;
  const ofRedis =
    redis === null ? "" : `, ${redis.micros.toFixed(0)} us of Redis, which ran ${redis.scripts.toFixed(2)} scripts`;
  const inUse = `; ${(100 * machineShare).toFixed(0)} % of the machine's CPU was in use`;
  return `a write, moves and all else included: ${proxyMicros.toFixed(0)} us of CPU of the proxies${ofRedis}${inUse}`;
}

/** Every case from `--from` to `--to`, one after the other: of all, a quarter of an hour. */
async function runAllFaults(): Promise<number> {
  let violated = 0;
  const ended: Record<string, number> = {};
  const [from, to] = [Number(values.from), Number(values.to)];
  for (const [n, one] of CASES.entries()) {
    if (n + 1 < from || n + 1 > to) continue;
    const { phase, violations, acknowledged, refused, agreedMs } = await runFault(CLI, one);
    ended[phase] = (ended[phase] ?? 0) + 1;
    if (violations.length > 0) violated++;
    const where = spellCase(one);
    say(
      `${n + 1}/${CASES.length} ${where}: ${phase} after ${agreedMs} ms, ${acknowledged} acknowledged, ${refused} refused with 503`,
    );
    for (const line of violations) say(`  VIOLATED ${line}`);
  }
  say(`${Math.max(0, to - from + 1)} of ${CASES.length} cases, ${violated} violated; ${JSON.stringify(ended)}`);
  return violated === 0 ? 0 : 1;
}
