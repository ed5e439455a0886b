/** Episodes one after another: which kinds, with which faults, until there were as many as were asked for. */
import { type EpisodeReport, runEpisode } from "./episode.ts";
import { EPISODES, type EpisodeKind } from "./faults.ts";
import type { Ability } from "./ability.ts";
import type { StoreKind } from "./stage.ts";

export interface CampaignOptions {
  readonly entry: string;
  readonly ability: Ability;
  readonly seed: number;
  /** At least so many, all episodes together. */
  readonly faults: number;
  readonly faultsAnEpisode: number;
  readonly kinds: readonly EpisodeKind[];
  readonly store: StoreKind;
  readonly members: number;
  readonly workers: number;
  readonly expectNoGaps: boolean;
  /** Told of each episode as it ends. */
  readonly ended: (episode: EpisodeReport) => void;
}

export const ALL_KINDS = EPISODES;
const CLIENTS = 8;

export async function runCampaign(options: CampaignOptions): Promise<readonly EpisodeReport[]> {
  const { faults, kinds, seed, ability, ended, faultsAnEpisode, ...rest } = options;
  const reports: EpisodeReport[] = [];
  let done = 0;
  for (let n = 0; done < faults; n++) {
    const report = await runEpisode({
      ...rest,
      kind: kinds[n % kinds.length] as EpisodeKind,
      seed: seed + n,
      faults: faultsAnEpisode,
      clients: CLIENTS,
      // Each kind in turn on services that honour the idempotency key, and on such that ignore it.
      honours: Math.floor(n / kinds.length) % 2 === 0,
      canFill: ability.fullDisk,
      repairs: ability.repair,
    });
    reports.push(report);
    ended(report);
    done += report.faults.length;
    if (report.faults.length === 0) throw new Error("an episode without faults would go on for ever");
  }
  return reports;
}
