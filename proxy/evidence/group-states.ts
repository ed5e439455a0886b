/** How the state of a group moves: by what is seen, by what is not, and by what an operator says. Pure. */
import type { GroupDecision, GroupState } from "./evidence.ts";

/** How often a group was seen, against how often its route was compared. */
export interface Sightings {
  readonly count: number;
  /** Compared exchanges of its route: now, and when it was first and last seen. */
  readonly compared: number;
  readonly comparedAtFirst: number;
  readonly comparedAtLast: number;
}

/** A group counts as fixed when so many exchanges of its route were compared without it … */
export const QUIET_AT_LEAST = 1_000;
/** … or, where it was seen but once and so nothing is known of how rare it is, so many … */
export const QUIET_AFTER_ONE = 10_000;
/** … and so many times what lay between two sightings on average: by chance that happens to one in 10^8 (e^-20). */
export const QUIET_TIMES = 20;

export function isQuiet({ count, compared, comparedAtFirst, comparedAtLast }: Sightings): boolean {
  const between = count > 1 ? (comparedAtLast - comparedAtFirst) / (count - 1) : 0;
  const atLeast = count > 1 ? QUIET_AT_LEAST : QUIET_AFTER_ONE;
  return compared - comparedAtLast >= Math.max(atLeast, QUIET_TIMES * between);
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
