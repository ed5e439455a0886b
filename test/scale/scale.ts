/**
 * Many connections and large bodies at once through a proxy that is a process of its own, and what it holds meanwhile.
 * Everything that is open is used, too: each stream gets each event, idle connections and tunnels answer, each body is
 * checked byte for byte.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedGrowthMib, type Load } from "./bound.ts";
import { EventStreams, IdleConnections, Tunnels } from "./connections.ts";
import {
  fileLimitOf,
  memoryOf,
  openFilesOf,
  type Proxy,
  routeOf,
  type Running,
  startOrigin,
  startProxy,
} from "./processes.ts";
import { download, upload } from "./transfers.ts";

export const MIB = 1024 * 1024;

export interface ScalePlan {
  readonly idle: number;
  readonly streams: number;
  readonly tunnels: number;
  /** One body up, too large to be mirrored, and one down. */
  readonly transferBytes: number;
  /** One body up that is mirrored from the spool. */
  readonly mirroredBytes: number;
  readonly bodyOnDiskMib: number;
}

/** Resident memory of the proxy in MiB, and what there was to hold. */
export interface ScaleReport {
  readonly idleMib: number;
  readonly openMib: number;
  readonly peakMib: number;
  readonly afterMib: number;
  readonly boundMib: number;
  readonly transferSeconds: number;
  readonly events: number;
}

/** The default of limits.queued. */
const QUEUED_MIB = 64;
const BETWEEN_EVENTS_MS = 250;
/** Well before the proxy takes an idle connection for a forgotten one (72 s). */
const ASK_IDLE_EVERY_MS = 20_000;
/** Files beside those of connections: libraries, store, log, pipes, the pools' kept connections. */
const OTHER_FILES = 200;

export class TooFewFiles extends Error {}

/** `entry` is the script that is `crossfade`: built, or as it stands. */
export async function runScale(entry: string, plan: ScalePlan, say: (line: string) => void): Promise<ScaleReport> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-scale-"));
  const running: Running[] = [];
  try {
    const [legacy, next] = [await startOrigin(), await startOrigin()];
    running.push(legacy, next);
    const limits = { bodyOnDisk: plan.bodyOnDiskMib };
    const urls = { legacyUrl: legacy.url, nextUrl: next.url };
    const proxy = await startProxy({ command: [entry], folder, limits, ...urls });
    running.push(proxy);
    return await measure(proxy, legacy, plan, say);
  } finally {
    for (const one of running.reverse()) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  proxy: Proxy,
  legacy: Running,
  plan: ScalePlan,
  say: (line: string) => void,
): Promise<ScaleReport> {
  const { url } = proxy;
  checkFiles(proxy, plan);
  const idle = new IdleConnections();
  const streams = new EventStreams();
  const tunnels = new Tunnels();
  let events = 0;
  const event = async (): Promise<void> => {
    legacy.child.send({ event: ++events });
    await streams.gotAll(events);
  };
  try {
    await (await fetch(new URL("/small", url))).text();
    const idleMib = memoryOf(proxy).mib;
    const filesBefore = openFilesOf(proxy);
    say(`idle                      ${shown(idleMib)}`);
    await idle.open(url, plan.idle);
    say(`${plan.idle} idle connections`.padEnd(26) + shown(memoryOf(proxy).mib));
    await streams.open(url, plan.streams);
    await event();
    say(`${plan.streams} event streams`.padEnd(26) + shown(memoryOf(proxy).mib));
    await tunnels.open(url, plan.tunnels);
    await tunnels.echoAll();
    const openMib = memoryOf(proxy).mib;
    say(`${plan.tunnels} tunnels`.padEnd(26) + shown(openMib));

    const begun = performance.now();
    const transfers = [
      upload(url, "/upload/large", plan.transferBytes),
      upload(url, "/upload/mirrored", plan.mirroredBytes),
      download(url, plan.transferBytes),
    ];
    let moving = true;
    const all = Promise.all(transfers.map(({ done }) => done)).finally(() => (moving = false));
    let askedAt = begun;
    const meanwhile = async (): Promise<void> => {
      while (moving) {
        await event();
        await tunnels.echoAll();
        if (performance.now() - askedAt > ASK_IDLE_EVERY_MS) {
          askedAt = performance.now();
          await idle.askAll();
        }
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_EVENTS_MS));
      }
    };
    await Promise.all([all, meanwhile()]);
    const transferSeconds = (performance.now() - begun) / 1000;
    await idle.askAll();
    await event();
    await checkOutcomes(proxy);
    say(`two bodies up, one down   ${shown(memoryOf(proxy).peakMib)} at the most, ${transferSeconds.toFixed(1)} s`);

    for (const clients of [idle, streams, tunnels]) clients.close();
    while (openFilesOf(proxy) > filesBefore + OTHER_FILES) await new Promise((resolve) => setTimeout(resolve, 50));
    const { mib: afterMib, peakMib } = memoryOf(proxy);
    say(`all gone                  ${shown(afterMib)}`);
    const load: Load = { ...plan, transfers: transfers.length };
    const boundMib = idleMib + allowedGrowthMib(load, QUEUED_MIB);
    say(`bound (docs/limits.md)    ${shown(boundMib)}`);
    return { idleMib, openMib, peakMib, afterMib, boundMib, transferSeconds, events };
  } finally {
    for (const clients of [idle, streams, tunnels]) clients.close();
  }
}

function checkFiles(proxy: Running, plan: ScalePlan): void {
  // Clients have one each; streams and tunnels have another to the service.
  const needed = plan.idle + 2 * (plan.streams + plan.tunnels) + OTHER_FILES;
  for (const [who, pid] of [
    ["the proxy", proxy.child.pid],
    ["this process", process.pid],
  ] as const) {
    const limit = fileLimitOf(pid);
    if (limit < needed) throw new TooFewFiles(`${who} may open ${limit} files and needs ${needed}; raise ulimit -n`);
  }
}

/**
 * The large upload is on the repair list; the other was mirrored, or is there too: a copy waits for no disk. A disk that is
 * slow enough gives up the large one before its size does.
 */
async function checkOutcomes(proxy: Proxy): Promise<void> {
  const { outcomes, reasons, repairs } = await routeOf(proxy, (route) => 2 - (route.outcomes["match"] ?? 0));
  const { match = 0 } = outcomes;
  const { "body-too-large": tooLarge = 0, "spool-full": spoolFull = 0, "queue-full": queueFull = 0 } = reasons;
  const onList = tooLarge + spoolFull + queueFull;
  if (match <= 1 && tooLarge <= 1 && match + onList === 2 && repairs === onList) return;
  throw new Error(`the two uploads ended as ${JSON.stringify({ outcomes, reasons, repairs })}`);
}

function shown(mib: number): string {
  return `${mib.toFixed(0).padStart(5)} MiB`;
}
