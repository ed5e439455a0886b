/** How the state of a group moves: by what is seen, by what is not, and by what an operator says. Pure. */
import type { GroupDecision, GroupState } from "./evidence.ts";

/** How often a group was seen, against how often its route was compared. */
export interface Sightings {
  readonly count: number;
  /** Compared exchanges of its route: now, and when it was last seen. */
  readonly compared: number;
  readonly comparedAtLast: number;
}

/** A group counts as fixed when so many exchanges of its route were compared without it … */
const QUIET_AT_LEAST = 1_000;
/** … and so many times what it took to see it once: by chance that happens to one in 10^8 of rare ones (e^-20). */
const QUIET_TIMES = 20;

export function isQuiet({ count, compared, comparedAtLast }: Sightings): boolean {
  const perSighting = comparedAtLast / Math.max(1, count);
  return compared - comparedAtLast >= Math.max(QUIET_AT_LEAST, QUIET_TIMES * perSighting);
}

/** What nobody has dealt with and is not seen any more is fixed. An acknowledgement stands until it is taken back. */
export function stateNow(state: GroupState, sightings: Sightings): GroupState {
  return (state === "new" || state === "regressed") && isQuiet(sightings) ? "fixed" : state;
}

export interface Sighting {
  /** Epoch ms of the exchange's arrival. */
  readonly at: number;
  readonly build: string | null;
}

/** The state of a group that is seen once more. `shown`: its state until then. */
export function stateWhenSeen(shown: GroupState, decision: GroupDecision | null, seen: Sighting): GroupState {
  switch (shown) {
    case "new":
    case "regressed":
      return shown;
    case "acknowledged":
      return decision !== null && isOver(decision, seen) ? "regressed" : "acknowledged";
    case "fixed":
      // What was under way when somebody said so proves nothing.
      return decision?.state === "fixed" && seen.at <= Date.parse(decision.at) ? "fixed" : "regressed";
    default: {
      const never: never = shown;
      throw new TypeError(`no such state: ${String(never)}`);
    }
  }
}

function isOver({ until, build }: GroupDecision, seen: Sighting): boolean {
  if (until !== null && seen.at > Date.parse(until)) return true;
  return build !== null && seen.build !== null && seen.build !== build;
}
