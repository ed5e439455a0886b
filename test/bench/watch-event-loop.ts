/**
 * Loaded into a process with `node --import`: how late its event loop runs a timer that is due every millisecond, and how
 * much of that its own thread worked: the rest is the machine, which gave the processor to others. Each message over the IPC
 * channel is answered with what was seen since the one before (EventLoopDelay).
 */
import { createHistogram, performance, type RecordableHistogram } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

export interface EventLoopDelay {
  /** Beyond the millisecond that the timer waits. */
  readonly delay: Quantiles;
  /** CPU time of the main thread between two runs of the timer: what it can have held itself up. */
  readonly own: Quantiles;
  /** Of the heap what is in use, garbage that was not collected yet included. */
  readonly heapBytes: number;
}

/** Milliseconds. */
interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly longest: number;
}

const EVERY_MS = 1;

if (isMainThread) {
  const delay = createHistogram();
  const own = createHistogram();
  let last = performance.now();
  let lastWork = threadMicros();
  setInterval(() => {
    const now = performance.now();
    const work = threadMicros();
    delay.record(Math.max(1, Math.round((now - last - EVERY_MS) * 1000)));
    own.record(Math.max(1, work - lastWork));
    last = now;
    lastWork = work;
  }, EVERY_MS).unref();
  process.on("message", () => {
    const heapBytes = process.memoryUsage().heapUsed;
    process.send?.({ delay: quantilesOf(delay), own: quantilesOf(own), heapBytes } satisfies EventLoopDelay);
    delay.reset();
    own.reset();
  });
}

function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return Math.round(user + system);
}

function quantilesOf(micros: RecordableHistogram): Quantiles {
  const percentile = (percent: number): number => micros.percentile(percent) / 1000;
  return { p50: percentile(50), p99: percentile(99), p999: percentile(99.9), longest: micros.max / 1000 };
}
