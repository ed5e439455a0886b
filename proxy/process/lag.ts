import type { Journal } from "../journal.ts";
import type { Clock } from "../ports.ts";

export interface LagParts {
  /** Of what waits in memory. */
  readonly backlog: { lagMs(route: string, nowMonotonic: number): number };
  readonly journal: Pick<Journal, "waitingSince">;
  readonly clock: Pick<Clock, "now" | "monotonic">;
}

/**
 * How far a route's shadow is behind: ms since the primary answered the oldest accepted write that has no outcome, whether it
 * waits in memory or in the journal alone; 0 where none does.
 */
export function lagMsOf({ backlog, journal, clock }: LagParts, route: string): number {
  const inMemory = backlog.lagMs(route, clock.monotonic());
  const since = journal.waitingSince(route);
  return since === null ? inMemory : Math.max(inMemory, clock.now() - since);
}
