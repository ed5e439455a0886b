import type { Copy } from "../life/copy.ts";
import type { PipelineParts } from "../pipeline-parts.ts";

/**
 * Of a read: whether a write of the key that is in no lane here came between, so that the two answers are of two states: another
 * member's, or one to the database that both services use. null: no.
 */
export function crossedBy(
  parts: Pick<PipelineParts, "turns" | "crossing" | "clock">,
  { exchange, about }: Copy,
): Promise<boolean> | null {
  if (exchange.plan.requestClass === "write") return null;
  const ms = parts.clock.now() - exchange.arrivedAt;
  const elsewhere = parts.turns.crossed(about.keys, ms);
  if (!exchange.route.sharedDatabase) return elsewhere;
  return parts.crossing.crossed(about.keys, ms).then(async (is) => is || (await elsewhere) === true);
}
