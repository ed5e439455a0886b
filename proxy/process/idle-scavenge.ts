/**
 * Lets V8 give back after a burst of work what it took for it. Its memory reducer waits until little is allocated, and learns how
 * much is allocated only when it collects: a process that has nothing to do collects nothing, so the reducer takes it for busy
 * until 100 s have passed. A collection of young objects (about a millisecond, little lives) tells it.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const LOOK_EVERY_MS = 3_000;
/** Of the time between two looks. */
const IDLE_BELOW = 0.05;
/** From the end of a burst: the reducer looks each 8 s and collects at most twice. */
const LOOKS = 12;

/** Counts the looks at which a collection is due: once there was a burst, while the process idles. */
export class IdleLooks {
  #left = 0;

  /** `utilization`: the process's CPU time since the look before, of the time that passed; 1 is a core. */
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
  // Not the event loop's share: on a busy machine it counts time in which others had the core.
  let [cpuBefore, before] = [process.cpuUsage(), performance.now()];
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(cpuBefore);
    const now = performance.now();
    const utilization = (user + system) / 1000 / (now - before);
    [cpuBefore, before] = [process.cpuUsage(), now];
    if (looks.isDue(utilization)) collect({ type: "minor" });
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
