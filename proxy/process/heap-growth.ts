/**
 * How far V8's heap grows beyond what lives in it. Left to itself V8 gives young objects two spaces of 32 MiB each, and old ones up
 * to four times what lives: on a shadow that hangs, at full load, a process held 368 MiB beyond idle where 64 were
 * queued (docs/limits.md, "What is not held").
 *
 * Both are flags of V8 that it looks at each time it decides (Node 24.21); the sizes that Node can set are read when a process
 * starts, by whoever starts it.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

const MIB = 1024 * 1024;
/** Old objects: the next collection comes once there are so many percent more than the last one left. */
const OLD_GROWS_BY_PERCENT = 20;
/** Both halves together. */
const YOUNG_MAX_BYTES = 16 * MIB;

/** Of V8: what young objects have is multiplied by that where many of them live on; 1: it stays. */
export function youngGrowth(youngBytes: number): 1 | 2 {
  return youngBytes >= YOUNG_MAX_BYTES ? 1 : 2;
}

/**
 * Before modules are loaded: what that takes is young and lives on, so that V8 would have given young objects all they can have by the
 * time that `holdHeapGrowth` is called, and takes nothing away under load.
 */
export function holdYoung(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Until what it returns is called. An idle process does nothing for it. */
export function holdHeapGrowth(): () => void {
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWS_BY_PERCENT}`);
  let growth: 1 | 2 | null = null;
  // V8 takes young memory away from a process that idles, and has to be let give it back.
  const look = (): void => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
    const next = youngGrowth(young?.space_size ?? 0);
    if (next !== growth) setFlagsFromString(`--semi-space-growth-factor=${next}`);
    growth = next;
  };
  look();
  const observer = new PerformanceObserver(look);
  observer.observe({ entryTypes: ["gc"] });
  return () => observer.disconnect();
}
