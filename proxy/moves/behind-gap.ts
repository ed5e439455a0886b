/** The gap over the time in which a route mirrored nothing: what its other service has missed is on no list. Pure. */
import type { KeptPhase } from "./kept-phase.ts";
import { PHASE_ROLES } from "./phases.ts";
import type { StoreWrite } from "../ports.ts";

/** `to`: where copies go from here on. null: to nobody yet, so that it goes on. */
export function behindGap(
  id: string,
  from: string,
  { route, phase: to }: Pick<KeptPhase, "route" | "phase">,
): Extract<StoreWrite, { type: "gap-opened" }> | null {
  const { shadow: misses } = PHASE_ROLES[to];
  if (misses === null) return null;
  return { type: "gap-opened", id, route, from, why: "the route mirrored nothing: its phase had no shadow", misses };
}
