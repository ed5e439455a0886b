/** A write to a database that both services use: it is not mirrored, and reads have to know that they crossed it. */
import { guarded } from "./ending.ts";
import type { Exchange } from "../exchange.ts";
import { type BodyTakers, captures } from "../forward/capture.ts";
import type { PrimaryEnding } from "../forward/forwarder.ts";
import type { PipelineParts } from "../pipeline-parts.ts";
import type { Reach } from "../reach.ts";
import { keysAtHead } from "../route/entity-key.ts";
import { reachAtAnswer, reachAtHead } from "../route/write-reach.ts";
import { primaryWorkMs, sourcesOf, whatItIsAbout } from "./settlement.ts";

/** Before its primary is called. Its client waits for nothing here. What it returns is an `Entered` (intake.ts). */
export function enterCrossingWrite(parts: PipelineParts, exchange: Exchange) {
  const { id, route, params, request, snapshot } = exchange;
  const from = { route, params, request };
  const keys = keysAtHead(from, "write");
  const reach = reachAtHead(from, keys);
  const isLate = reach.lateOf.length > 0;
  guarded(parts, "crossing", () => parts.crossing.began(id, reach), exchange);
  // Where only body or answer tell a key, others are told of all of them then.
  guarded(parts, "turns", () => void parts.turns.take(id, isLate ? [] : reach.keys), exchange);

  return {
    takers(): BodyTakers | null {
      if (!isLate) return null;
      const { bodyInMemoryBytes, bodyOnDiskBytes } = snapshot.settings.limits;
      return captures({ memoryBytes: bodyInMemoryBytes, diskBytes: bodyOnDiskBytes }, parts.copies);
    },
    isPlaced: () => true,
    ended(ending: PrimaryEnding): null {
      const whole = isLate && ending.end === "answered" ? lateReach(parts, exchange, keys, ending) : null;
      const landsForMs = ending.end === "unknown" ? primaryWorkMs(exchange) : 0;
      guarded(parts, "crossing", () => parts.crossing.ended(id, whole, landsForMs), exchange);
      guarded(
        parts,
        "turns",
        () => {
          if (ending.end === "answered") void parts.turns.answered(id, (whole ?? reach).keys, ending.ms);
          parts.turns.leave(id);
        },
        exchange,
      );
      if (ending.end === "answered") ending.release();
      return null;
    },
  };
}

function lateReach(
  parts: PipelineParts,
  exchange: Exchange,
  keys: readonly string[],
  ending: Extract<PrimaryEnding, { end: "answered" }>,
): Reach | null {
  let reach: Reach | null = null;
  guarded(
    parts,
    "crossing",
    () => (reach = reachAtAnswer(sourcesOf(exchange, ending), whatItIsAbout({ exchange, keys }, ending))),
    exchange,
  );
  return reach;
}
