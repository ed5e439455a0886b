/** What holds a backfill up before a chunk: a file, somebody who paused it, and its bounds. */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createThrottle, type Throttle } from "../migrate/throttle.ts";
import type { BackfillFlags } from "./backfill-flags.ts";
import type { NamedCollection, OpenCollection } from "./collection.ts";
import type { JobReport } from "./job-report.ts";
import type { LiveBackfill } from "./live-writes.ts";
import type { TimeOrOff } from "./options.ts";

export interface ThrottledBy {
  readonly collection: NamedCollection["collection"];
  readonly options: BackfillFlags;
  readonly report: JobReport;
  readonly live: LiveBackfill | null;
  readonly open: OpenCollection;
  readonly waits: (why: string | null) => void;
}

/** While it is held up the proxy hears that it is there: it would forget it otherwise. */
const STILL_HERE_MS = 20_000;

export function throttleOf({
  collection,
  options,
  report,
  live,
  open: { source, target },
  waits,
}: ThrottledBy): Throttle {
  const file = options.pauseFile ?? `./crossfade-backfill-${collection.name}.pause`;
  let heardAt = performance.now();
  return createThrottle(
    {
      pausedBy() {
        if (existsSync(file)) return `paused by ${file}; remove it`;
        const wanted = report.wanted();
        return wanted?.state === "paused" ? `paused by ${wanted.by}` : null;
      },
      lagMs: () => report.lagMs(),
      sourceLagMs: async () => (await source.lagMs?.()) ?? null,
      probe: async () => await target.page(null, 1),
      async stillHere() {
        if (performance.now() - heardAt < STILL_HERE_MS) return;
        heardAt = performance.now();
        await live?.writes.mark();
      },
      waits,
      now: () => performance.now(),
      wait: waitFor,
    },
    { lagMs: boundOf(options.maxLag), latencyMs: boundOf(options.maxLatency), rowsPerSecond: options.maxRate ?? null },
  );
}

function boundOf(given: TimeOrOff): number | null {
  return given === "off" ? null : given;
}

export async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => "it is to stop");
}
