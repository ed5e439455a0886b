import type { RouteSettings } from "../config/settings.ts";
import type { RollbackPrice } from "../moves/phase-move.ts";
import { plural, spellCount } from "./words.ts";

/** `repairs`, `gaps`: those in which legacy may miss something. null: from there no way leads back over the barrier. */
export function rollbackPrice(
  { phase, sharedDatabase }: Pick<RouteSettings, "phase" | "sharedDatabase">,
  repairs: number,
  gaps: number,
): RollbackPrice | null {
  if (phase !== "next-primary" && phase !== "next-only") return null;
  if (sharedDatabase) return { price: "free", text: "both services use one database" };
  if (phase === "next-only")
    return { price: "gone", text: "legacy has missed every write since the move to next-only" };
  if (gaps > 0) {
    const text = `legacy may miss writes of ${plural(gaps, "gap")}; no list has them`;
    return { price: "gone", text };
  }
  if (repairs === 0) return { price: "free", text: "legacy holds what next holds" };
  return { price: "keys", text: `${spellCount(repairs)} on the repair list: crossfade repair` };
}
