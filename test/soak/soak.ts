/**
 * Full load for as long as is asked for, on a shadow that falls ill again and again, and what the proxy holds meanwhile:
 * memory, files, disk. At the end everything has its outcome, and no client ever saw an error.
 */
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { untilSettled, accountsOf } from "../bench/admin.ts";
import { runScript, startServer, type Server } from "../bench/child.ts";
import { CLI, type CrossfadeServer, servicesOf, startCrossfade } from "../bench/crossfade.ts";
import type { LoadResult } from "../bench/load.ts";
import type { EventLoopDelay } from "../bench/watch-event-loop.ts";
import { allowedGrowthMib } from "../scale/bound.ts";
import { memoryOf, openFilesOf } from "../scale/processes.ts";
import type { ShadowFault } from "../support/faults.ts";
import { beyond, type Bounds, type Growth, growthOf, type Measure, MEASURES, type Sample } from "./growth.ts";

export interface SoakPlan {
  readonly seconds: number;
  /** Each state of the shadow lasts so long. */
  readonly phaseSeconds: number;
  readonly sampleEveryMs: number;
  /** From the first to the second half after the warm-up. A run that is too short to have any is held to `most` alone. */
  readonly grows: Bounds;
  /** Which are held to what they may be at any time. */
  readonly holds: readonly Measure[];
  readonly cli?: string;
}

export interface SoakReport {
  readonly requests: number;
  readonly growths: readonly Growth[];
  readonly idleRssMib: number;
  /** Of its main thread over the whole run: the longest of the p99s of all samples, ms. */
  readonly loopP99Ms: number;
  readonly accounts: string;
  /** What is past its bound, in words. */
  readonly beyond: readonly string[];
}

const CONNECTIONS = 32;
/** Every other one is a well one, so that what a sick one leaves can drain. */
const PHASES: readonly (ShadowFault | "none")[] = [
  "none",
  "hanging",
  "none",
  "failing",
  "none",
  "slow",
  "none",
  "resetting",
  "none",
  "refusing",
];
const AS_SHADOW = "{ timeout: 2s, maxAge: 5s, maxWork: 5s }";
const LOG_MIB = 16;
const QUEUED_MIB = 64;
/**
 * The log to its size; 100,000 records at up to 2 KiB with their indexes; 10,000 keys on the repair list; SQLite's own log
 * at 64 MiB, and once more while it is being written down.
 */
const DISK_MIB = LOG_MIB + 200 + 8 + 128;
/** Files beside those of the load: kept connections of three pools, store, log, libraries. */
const OTHER_FILES = 1_200;
const MIB = 1024 * 1024;

const WATCHED = { node: ["--import", join(import.meta.dirname, "../bench/watch-event-loop.ts")] };

export async function runSoak(plan: SoakPlan, say: (line: string) => void): Promise<SoakReport> {
  const running: Server[] = [];
  const started = <S extends Server>(server: S): S => {
    running.push(server);
    return server;
  };
  try {
    const legacy = started(await startServer("origin.ts", []));
    const shadow = started(await startServer("faulty-shadow.ts", []));
    const config = `${servicesOf(legacy.url, shadow.url, AS_SHADOW)}divergenceLog: { maxSize: ${LOG_MIB}MiB }\n`;
    const crossfade = started(await startCrossfade(config, WATCHED, plan.cli ?? CLI));
    const idleRssMib = memoryOf(crossfade).mib;
    const samples: Sample[] = [];
    const loop: number[] = [];
    const began = performance.now();
    let isOver = false;
    const sampling = (async () => {
      while (!isOver) {
        const { delay, heapBytes } = (await crossfade.tell({})) as EventLoopDelay;
        loop.push(delay.p99);
        samples.push({ seconds: (performance.now() - began) / 1000, ...heldBy(crossfade), heapMib: heapBytes / MIB });
        await new Promise((resolve) => setTimeout(resolve, plan.sampleEveryMs));
      }
    })();
    let requests = 0;
    let errors = 0;
    for (let phase = 0; performance.now() - began < plan.seconds * 1000; phase++) {
      const become = PHASES[phase % PHASES.length] as ShadowFault;
      await shadow.tell({ become });
      const args = [new URL(crossfade.url).port, "POST", String(plan.phaseSeconds), String(CONNECTIONS)];
      const load = JSON.parse(await runScript("load.ts", args)) as LoadResult;
      requests += load.requests;
      errors += load.errors;
      const { rssMib, heapMib, files, diskMib } = samples.at(-1) as Sample;
      say(
        `${((performance.now() - began) / 60_000).toFixed(1)} min, shadow ${become}: ${Math.round(load.requests / load.seconds)} req/s, ` +
          `p99 ${load.p99.toFixed(0)} ms, RSS ${rssMib.toFixed(0)} MiB, heap ${heapMib.toFixed(0)} MiB, ${files} files, disk ${diskMib.toFixed(0)} MiB`,
      );
    }
    isOver = true;
    await sampling;
    await shadow.tell({ become: "none" });
    await untilSettled(crossfade);
    const growths = MEASURES.map((measure) => growthOf(samples, measure));
    const load = { idle: CONNECTIONS, streams: 0, tunnels: 0, transfers: 0 };
    const most: Record<Measure, number> = {
      heapMib: Infinity,
      rssMib: idleRssMib + allowedGrowthMib(load, QUEUED_MIB),
      files: OTHER_FILES,
      diskMib: DISK_MIB,
    };
    const held = Object.fromEntries(plan.holds.map((measure) => [measure, most[measure]]));
    const words = beyond(growths, { grows: plan.grows, most: held });
    if (errors > 0) words.push(`clients saw ${errors} errors`);
    return {
      requests,
      growths,
      idleRssMib,
      loopP99Ms: loop.reduce((longest, ms) => Math.max(longest, ms), 0),
      accounts: await accountsOf(crossfade),
      beyond: words,
    };
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

function heldBy(crossfade: CrossfadeServer): Pick<Sample, "rssMib" | "files" | "diskMib"> {
  return {
    rssMib: memoryOf(crossfade).mib,
    files: openFilesOf(crossfade),
    diskMib: bytesUnder(dirname(crossfade.configFile)) / MIB,
  };
}

/** A file that goes meanwhile takes nothing any more. */
function bytesUnder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    const stat = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    return sum + (stat?.isFile() === true ? stat.size : 0);
  }, 0);
}
