/** What may be forwarded by a member's own copy of the phases while the store is away. Pure. */
import type { Settings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import { type KeptPhase, withPhases } from "../moves/kept-phase.ts";
import { isTurned } from "../mirror/values/held.ts";
import { PHASE_ROLES } from "../moves/phases.ts";
import { compileRouter } from "../route/router.ts";
import type { Standing } from "../members/standing.ts";
import { isTransformed } from "../ids/transform.ts";

export type Safe =
  | {
      readonly isSafe: true;
      readonly snapshot: Snapshot;
      /** Routes of which nothing is forwarded, and why, in words. */
      readonly refused: ReadonlyMap<string, string>;
    }
  /** In words. */
  | { readonly isSafe: false; readonly why: string };

/** `standing`, `rows`: as the process before has left them. */
export function safeRoutes(file: Settings, standing: Standing, rows: readonly KeptPhase[]): Safe {
  if (!standing.isRegistered)
    return { isSafe: false, why: "this member has left, so that phases may have moved without it" };
  const kept = new Map(rows.map((row) => [row.route, row]));
  const unknown = file.routes.find(({ name, phase }) => PHASE_ROLES[phase].primary === "next" && !kept.has(name));
  if (unknown !== undefined) {
    const why = `next is the source of truth of ${unknown.name} by the file, of which this member's copy of the phases knows nothing`;
    return { isSafe: false, why };
  }
  const settings = withPhases(file, kept);
  const epochs = new Map(rows.map(({ route, epoch }) => [route, epoch]));
  // Before the first one of the process when it is whole: workers tell of both by their numbers.
  const snapshot: Snapshot = { revision: 0, settings, router: compileRouter(settings.routes), epochs };
  const refused = new Map<string, string>();
  for (const route of settings.routes) {
    const isMapped = isTurned(snapshot, route) || (PHASE_ROLES[route.phase].primary === "next" && isTransformed(route));
    if (standing.inDoubt.includes(route.name))
      refused.set(route.name, "it was being moved, and how that ended is in the store alone");
    else if (isMapped) refused.set(route.name, "what its clients call things is in the store alone");
  }
  return { isSafe: true, snapshot, refused };
}
