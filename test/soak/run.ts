/** `npm run soak [-- --minutes N]`: docs/chaos.md. Exit code 1: something grew beyond its bound. */
import { parseArgs } from "node:util";
import { table } from "../bench/report.ts";
import { runSoak } from "./soak.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
const seconds = Number(values.minutes) * 60;
if (!(seconds > 0)) throw new Error(`--minutes is ${JSON.stringify(values.minutes)}; it is a number above 0`);

const report = await runSoak(
  {
    seconds,
    // Ten states: each comes three times and more, or as often as a shorter run has room for.
    phaseSeconds: Math.max(2, Math.min(20, seconds / 30)),
    sampleEveryMs: Math.max(200, seconds * 2),
    grows: { rssMib: 48, heapMib: 32, files: 64, diskMib: 24 },
    holds: ["rssMib", "files", "diskMib"],
  },
  (line) => console.log(line),
);
const rows = report.growths.map(({ measure, early, late, perHour, most }) =>
  [measure, early, late, perHour, most].map((value) => (typeof value === "number" ? value.toFixed(1) : value)),
);
console.log(`\n${table(["", "early", "late", "per hour", "most"], rows)}\n`);
console.log(
  `idle before: ${report.idleRssMib.toFixed(0)} MiB; event loop, longest p99: ${report.loopP99Ms.toFixed(0)} ms`,
);
console.log(`${report.requests} requests; ${report.accounts}`);
for (const words of report.beyond) console.log(`BEYOND ITS BOUND: ${words}`);
if (report.beyond.length === 0) console.log("within the bounds");
else process.exitCode = 1;
