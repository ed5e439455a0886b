/** `npm run migration [-- --rows N --only PAIR --seed N --rate N --kills N | --mutants]`: docs/rows.md. Exit code 1: something was violated. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type MigrationResult, runMigration } from "./migration.ts";
import { runMigrationMutants } from "./mutants.ts";
import { PAIRS } from "./pairs.ts";
import { withSite } from "./with-site.ts";

const CLI = join(import.meta.dirname, "../../dist/proxy/cli/main.js");

/** ms for each row: so that kills come in the middle of a large table, and not all at its begin. */
const KILLED_WITHIN = 0.03;

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    only: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rate: { type: "string", default: "100" },
    kills: { type: "string", default: "5" },
    planted: { type: "string", default: "25" },
    "max-rate": { type: "string" },
    mutants: { type: "boolean", default: false },
  },
});

const say = (line: string): void => console.log(line);
const number = (name: "rows" | "seed" | "rate" | "kills" | "planted"): number => {
  const given = Number(values[name]);
  if (!(given >= 0)) throw new Error(`--${name} is ${JSON.stringify(values[name])}; it is a number`);
  return given;
};

process.exitCode = values.mutants ? await runMigrationMutants(say) : await runAll();

async function runAll(): Promise<number> {
  const rows = number("rows");
  let violated = 0;
  for (const [n, name] of (values.only?.split(",") ?? Object.keys(PAIRS)).entries()) {
    const seed = number("seed") + n;
    violated += await withSite(CLI, async (site, databases) => {
      say(`${name}: ${rows.toLocaleString("en")} rows, --seed ${seed}`);
      const pair = await databases.pair(name, rows, site.folder);
      await site.start([pair]);
      const result = await runMigration(
        site,
        pair,
        {
          rows,
          seed,
          clients: 16,
          writesPerSecond: number("rate"),
          kills: number("kills"),
          killedAfterMs: [1_500, Math.max(6_000, rows * KILLED_WITHIN)],
          memberKilledAfterMs: [2_000, Math.max(15_000, rows * KILLED_WITHIN)],
          jobOptions: values["max-rate"] === undefined ? [] : ["--max-rate", values["max-rate"]],
          planted: number("planted"),
        },
        say,
      );
      tell(result);
      return result.problems.length;
    });
  }
  say(violated === 0 ? "nothing was violated" : "VIOLATED");
  return violated === 0 ? 0 : 1;
}

function tell(result: MigrationResult): void {
  const { job, accepted } = result;
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", ");
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  say(`
${result.pair}
  rows at the end       ${result.rows}, of which legacy has what its clients were told
  live writes           ${counts(accepted)}; ${result.refused} refused, ${result.unanswered} not answered
  killed                the job ${job.kills} times, a member ${result.membersKilled} times; ${job.lostMembers} runs lost their member
  backfill              ${job.read} rows read, ${job.written} written, ${job.readAgain} read again, ${job.toRepair} left to repair; copies waited ${job.longestFreezeMs} ms at the longest
  time                  ${job.seconds.toFixed(1)} s with kills, ${Math.round(job.read / job.seconds).toLocaleString("en")} rows/s
  memory of the job     ${job.memory === null ? "not known" : job.memory.map(mib).join(", ")} (start, middle, end of its last run)
  reconcile             ${result.reconcileFound} found in ${result.reconcileSeconds.toFixed(1)} s, ${result.excused} of them listed for the killed member
  planted               ${counts(result.planted)}
  found                 ${counts(result.found)}
  repaired              ${result.repaired}; ${result.left} differ then, by our own comparison
`);
  for (const problem of result.problems) say(`VIOLATED  ${problem}`);
}
