/** `npm run cutover [-- --members N --workers N --rounds N --rate N]`: docs/cutover.md. Exit code 1: a write was lost, split, reordered, doubled or refused. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { percentile, runCutovers } from "./cutover.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    rate: { type: "string", default: "1000" },
    members: { type: "string", default: "0" },
    workers: { type: "string", default: "0" },
  },
});

const say = (line: string): void => console.log(line);
const result = await runCutovers(
  {
    cli: join(import.meta.dirname, "../../dist/proxy/cli/main.js"),
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
const spell = (of: readonly number[]): string =>
  [0.5, 0.99, 1].map((share) => percentile(of, share).toFixed(1)).join(" | ");
say(`
| writes | moves | given up | client errors | lost | twice | reordered | split | wrong side |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| ${[writes, moves, aborted, clientErrors, lost, twice, reordered, split, wrongSide].join(" | ")} |

| ms | median | p99 | most |
| --- | --- | --- | --- |
| writes held back, a move | ${spell(result.held)} |
| slowest write of a client, a move | ${spell(result.slowest)} |
| a write beside no move | ${spell(result.undisturbed)} |
`);
for (const line of words) say(line);
const isClean = clientErrors + lost + twice + reordered + split + wrongSide === 0;
say(isClean ? "nothing was violated" : "VIOLATED");
process.exitCode = isClean ? 0 : 1;
