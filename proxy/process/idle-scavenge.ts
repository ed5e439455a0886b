/**
 * Lets V8 give back after a burst of work what it took for it. Its memory reducer waits until little is allocated, and learns how
 * much is allocated only when it collects: a process that has nothing to do collects nothing, so the reducer takes it for busy
 * until 100 s have passed. A collection of young objects (about a millisecond, little lives) tells it. Where it had done its part in the
 * middle of a burst it does nothing at the end: then all is collected once.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const LOOK_EVERY_MS = 3_000;
/** Of the time between two looks. */
const IDLE_BELOW = 0.05;
/** From the end of a burst: the reducer looks each 8 s and collects at most twice. */
const LOOKS = 12;

/** Of what the heap took when the burst was over: V8 has given back what it would. */
const GIVEN_BACK_BELOW = 0.9;

/** Tells at which looks what is to be collected: once there was a burst, while the process idles. */
export class IdleLooks {
  #left = 0;
  #heapBytes = 0;

  /**
   * `utilization`: the process's CPU time since the look before, of the time that passed; 1 is a core. `heapBytes`: what the heap takes,
   * used or not. all: young and old objects.
   */
  due(utilization: number, heapBytes: number): "young" | "all" | null {
    if (utilization >= IDLE_BELOW) {
      this.#left = LOOKS;
      return null;
    }
    if (this.#left === 0) return null;
    if (this.#left === LOOKS) this.#heapBytes = heapBytes;
    this.#left--;
    return this.#left === 0 && heapBytes > this.#heapBytes * GIVEN_BACK_BELOW ? "all" : "young";
  }
}

/** Until what it returns is called; keeps no process alive. */
export function scavengeWhenIdle(): () => void {
  // Node has no call of its own for it; the flag makes `gc` known to contexts that are made after it.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: {
    readonly type: "minor" | "major";
    readonly execution: "async";
  }) => Promise<void>;
  const looks = new IdleLooks();
  // Not the event loop's share: on a busy machine it counts time in which others had the core.
  let [cpuBefore, before] = [process.cpuUsage(), performance.now()];
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(cpuBefore);
    const now = performance.now();
    const utilization = (user + system) / 1000 / (now - before);
    [cpuBefore, before] = [process.cpuUsage(), now];
    const due = looks.due(utilization, getHeapStatistics().total_heap_size);
    if (due !== null) void collect({ type: due === "all" ? "major" : "minor", execution: "async" });
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
