/**
 * Lets V8 give back after a burst of work what it took for it. Its memory reducer waits until little is allocated, and learns how
 * much is allocated only when it collects: a process that has nothing to do collects nothing, so the reducer takes it for busy
 * until 100 s have passed. A collection of young objects (about a millisecond, little lives) tells it.
 */
import { performance, type EventLoopUtilization } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const LOOK_EVERY_MS = 3_000;
/** Of the time between two looks. */
const IDLE_BELOW = 0.05;
/** From the end of a burst: the reducer looks each 8 s and collects at most twice. */
const LOOKS = 12;

/** Counts the looks at which a collection is due: once there was a burst, while the event loop idles. */
export class IdleLooks {
  #left = 0;

  /** `utilization`: 0 to 1, since the look before. */
  isDue(utilization: number): boolean {
    if (utilization >= IDLE_BELOW) {
      this.#left = LOOKS;
      return false;
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}

/** Until what it returns is called; keeps no process alive. */
export function scavengeWhenIdle(): () => void {
  // Node has no call of its own for it; the flag makes `gc` known to contexts that are made after it.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: { readonly type: "minor" }) => void;
  const looks = new IdleLooks();
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (looks.isDue(utilization)) collect({ type: "minor" });
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
