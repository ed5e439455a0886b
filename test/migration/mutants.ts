/**
 * Lines of the rules by which rows are moved beside live writes, broken on purpose, one at a time, in a copy of the built tree: a
 * migration has to fail on each. `text` stands in the built file once.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { breakCopy, timesIn } from "../chaos/mutation.ts";
import { type MigrationPlan, runMigration } from "./migration.ts";
import { withSite } from "./with-site.ts";

export interface MigrationMutant {
  readonly name: string;
  /** Below the built tree. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

const READING =
  "if (keys === null) page = await parts.read(null); const wanted = keys ?? parts.earlier.map((one) => one.key); const named = wanted.length === 0 ? [] : (await parts.read(wanted)).rows;";

export const MIGRATION_MUTANTS: readonly MigrationMutant[] = [
  {
    name: "the window is opened when all has been read",
    file: "proxy/migrate/live-chunk.js",
    text: `const since = await live.window(); const openAt = parts.now(); const behind = await parts.behind(); if (behind !== null) { queue.unshift(keys); await pause(behind); continue; } ${READING}`,
    instead: `const openAt = parts.now(); ${READING} const since = await live.window();`,
  },
  {
    name: "nothing is frozen",
    file: "proxy/mirror/freezes.js",
    text: "if (this.#standing.size === 0 || reach === null)",
    instead: "if (true)",
  },
  {
    name: "rows that were touched are written",
    file: "proxy/migrate/live-chunk.js",
    text: "=> dropped.has(id);",
    instead: "=> false;",
  },
  {
    name: "what a chunk left is not read again with the next one",
    file: "proxy/migrate/live-chunk.js",
    text: "const wanted = keys ?? parts.earlier.map((one) => one.key);",
    instead: "const wanted = keys ?? [];",
  },
  {
    name: "after a kill what a chunk left is forgotten",
    file: "proxy/migrate/checkpoint.js",
    text: "ranges: ranges ?? null, left }; writeWhole",
    instead: "ranges: ranges ?? null, left: [] }; writeWhole",
  },
  {
    name: "other members are not asked",
    file: "proxy/rows/backfills.js",
    text: "if (members === null) return { own: await own,",
    instead: "if (true) return { own: await own,",
  },
  {
    name: "nobody waits for keys that answers tell",
    file: "proxy/mirror/change-log.js",
    text: "change.began <= read && change.reach.lateOf.includes(entity)",
    instead: "false",
  },
  {
    name: "what a route touches is not looked at",
    file: "proxy/route/write-reach.js",
    text: "if (touches.length === 0) return own; const sums = { keys: [...own.keys], lateOf: [],",
    instead: "if (true) return own; const sums = { keys: [...own.keys], lateOf: [],",
  },
  {
    name: "after a kill it goes on 200 rows too late",
    file: "proxy/migrate/backfill.js",
    text: "if (checkpoint.done) await lane.target.settleCounters(); parts.note(checkpoint);",
    instead: "parts.note({ ...checkpoint, after: checkpoint.after?.map((one) => one + 200n) ?? null });",
  },
  {
    name: "digests leave a chunk that differs alone",
    file: "proxy/migrate/digest-ranges.js",
    text: "ours.rows === theirs.rows && ours.sum === theirs.sum",
    instead: "ours.rows === theirs.rows",
  },
];

/** Chance may hide a defect from one run. */
const ATTEMPTS = 3;
const ROWS = 6_000;
const PLAN: Omit<MigrationPlan, "seed"> = {
  rows: ROWS,
  clients: 16,
  writesPerSecond: 150,
  kills: 2,
  killedAfterMs: [1_200, 3_000],
  memberKilledAfterMs: null,
  jobOptions: ["--chunk", "500", "--max-rate", "1500"],
  planted: 2,
};

/** Resolves to the exit code: 1 where one was not caught, or its text is not there any more. */
export async function runMigrationMutants(say: (line: string) => void): Promise<number> {
  let missed = 0;
  for (const mutant of MIGRATION_MUTANTS) {
    if (timesIn(mutant) !== 1) {
      missed += 1;
      say(`${mutant.name}: its text stands ${timesIn(mutant)} times in ${mutant.file}`);
      continue;
    }
    const caught = await caughtBy(mutant);
    if (caught === null) missed += 1;
    say(
      `${caught === null ? "NOT CAUGHT" : "caught    "}  ${mutant.name} (${mutant.file}): ${caught ?? "nothing was violated"}`,
    );
  }
  say(`${MIGRATION_MUTANTS.length} tried, ${MIGRATION_MUTANTS.length - missed} caught`);
  return missed === 0 ? 0 : 1;
}

/** The first violation, or null. */
async function caughtBy(mutant: MigrationMutant): Promise<string | null> {
  const folder = breakCopy(mutant);
  try {
    for (let seed = 1; seed <= ATTEMPTS; seed += 1) {
      const problems = await withSite(join(folder, "dist/proxy/cli/main.js"), async (site, databases) => {
        const pair = await databases.pair("postgres-postgres", ROWS, site.folder);
        await site.start([pair]);
        return (await runMigration(site, pair, { ...PLAN, seed }, () => undefined)).problems;
      });
      const [first] = problems;
      if (first !== undefined) return `${problems.length} x, ${first}`;
    }
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
