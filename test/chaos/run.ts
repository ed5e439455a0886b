/**
 * `npm run chaos [-- --faults N --seed N --only services|kills|store --store sqlite|redis --members N --workers N --expect-no-gaps | --mutants | --reads --minutes N]`:
 * docs/chaos.md. Exit code 1: something was violated.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { abilityOf } from "./ability.ts";
import { ALL_KINDS, runCampaign } from "./campaign.ts";
import type { EpisodeReport } from "./episode.ts";
import { runMutants } from "./mutation.ts";
import { READ_FAULTS, runReads } from "./reads.ts";
import { reportOf, violationsOf } from "./report.ts";
import type { StoreKind } from "./stage.ts";

const ENTRY = join(import.meta.dirname, "../../dist/proxy/cli/main.js");
const FAULTS_AN_EPISODE = 8;

const { values } = parseArgs({
  options: {
    faults: { type: "string", default: "240" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string" },
    store: { type: "string" },
    members: { type: "string", default: "1" },
    workers: { type: "string", default: "0" },
    "expect-no-gaps": { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    reads: { type: "boolean", default: false },
    minutes: { type: "string", default: "10" },
  },
});

const say = (line: string): void => console.log(line);
process.exitCode = values.mutants ? await runMutants(say) : values.reads ? await runReadCheck() : await runChaos();

async function runReadCheck(): Promise<number> {
  const [seconds, seed] = [Number(values.minutes) * 60, Number(values.seed)];
  if (!(seconds > 0)) throw new Error(`--minutes is ${JSON.stringify(values.minutes)}; it is a number above 0`);
  say(`reads, 3 members on Redis, the dial at 50%: ${values.minutes} min, --seed ${seed}`);
  const { writes, reads, atNext, faults, stale } = await runReads(
    { seconds, seed, clients: 32, faults: READ_FAULTS },
    say,
  );
  const sums = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ");
  say(`${writes} writes acknowledged, ${reads} reads, answered by next: ${sums(atNext)}; faults: ${sums(faults)}`);
  say(stale.length === 0 ? "no read was stale" : `VIOLATED: ${stale.length} stale reads`);
  return stale.length === 0 ? 0 : 1;
}

async function runChaos(): Promise<number> {
  const ability = abilityOf(ENTRY);
  for (const line of ability.without) say(line);
  const kinds = values.only === undefined ? ALL_KINDS : ALL_KINDS.filter((kind) => kind === values.only);
  if (kinds.length === 0) throw new Error(`--only is ${values.only}; it is one of ${ALL_KINDS.join(", ")}`);
  const settings = stages(ability.redis);
  const faults = Math.ceil(Number(values.faults) / settings.length);
  const all: EpisodeReport[] = [];
  for (const [n, { store, members }] of settings.entries()) {
    const seed = Number(values.seed) + n * 1_000;
    const who = `${members} ${members === 1 ? "member" : "members"}${values.workers === "0" ? "" : ` with ${values.workers} workers`}`;
    say(`${store}, ${who}: ${faults} faults, --seed ${seed}`);
    const reports = await runCampaign({
      entry: ENTRY,
      ability,
      seed,
      faults,
      faultsAnEpisode: FAULTS_AN_EPISODE,
      kinds,
      store,
      members,
      workers: Number(values.workers),
      expectNoGaps: values["expect-no-gaps"],
      ended: (episode) => say(lineOf(episode)),
    });
    say(`\n${store}, ${who}\n\n${reportOf(reports)}\n`);
    all.push(...reports);
  }
  const violations = violationsOf(all);
  for (const line of violations) say(line);
  say(violations.length === 0 ? "nothing was violated" : "VIOLATED");
  return violations.length === 0 ? 0 : 1;
}

/** SQLite has one member. Redis has as many as are asked for, where it is there. */
function stages(redis: boolean): readonly { readonly store: StoreKind; readonly members: number }[] {
  const members = Number(values.members);
  const all = [...(members === 1 ? ["sqlite" as const] : []), ...(redis ? ["redis" as const] : [])];
  const chosen = all.filter((store) => values.store === undefined || values.store === store);
  if (members >= 1 && chosen.length > 0) return chosen.map((store) => ({ store, members }));
  const asked = `--store ${values.store ?? "any"} --members ${values.members}`;
  throw new Error(`${asked} is not to be had: sqlite has 1 member${redis ? "" : ", and Redis is not there"}`);
}

function lineOf({ kind, seed, faults, counts, violations, seconds }: EpisodeReport): string {
  const { applied, equal, onRepairList, inGap } = counts;
  return (
    `${kind.padEnd(8)} seed ${seed}: ${faults.length} faults, ${applied} applied = ${equal} equal + ${onRepairList} on the repair list + ` +
    `${inGap} in a gap; ${violations.length} violations (${seconds.toFixed(1)} s)`
  );
}
