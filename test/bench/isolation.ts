/**
 * P3: what a client sees of a sick shadow and a sick store. Open loop at a share (by default half) of what Crossfade reaches
 * with mirroring off, against the same with mirroring off, in turns; then closed loop at saturation, sick against healthy,
 * in turns. Shadows are real services (test/support/faults.ts); stores are sick in the driver of the real thread
 * (test/support/sick-threads.ts). A mirrored write is twice the work: what the machine has room for at that rate is told by
 * the raw limit of the job, which gets the same load with nothing sick.
 */
import { join } from "node:path";
import { SHADOW_FAULTS, type ShadowFault } from "../support/faults.ts";
import { STORE_FAULTS, type StoreFault } from "../support/sick-threads.ts";
import { untilSettled } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { servicesOf, startCrossfade } from "./crossfade.ts";
import { type Case, type Compared, type Reference, sectionsOf } from "./isolation-report.ts";
import type { LoadResult } from "./load.ts";
import type { OpenLoadResult } from "./open-load.ts";
import type { Part } from "./report.ts";
import { medianOf } from "./statistics.ts";

const CONNECTIONS = 32;
const OPEN_CONNECTIONS = 256;
/** Copies that hang are given up soon, so that one case does not reach into the next. */
const AS_SHADOW = "{ timeout: 1500ms, maxAge: 3s }";
const SICK_THREADS = { node: ["--import", join(import.meta.dirname, "../support/sick-threads.ts")] };

interface Pace {
  readonly openRounds: number;
  readonly closedRounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

const QUICK: Pace = { openRounds: 3, closedRounds: 1, seconds: 1, warmUpSeconds: 2 };
const FULL: Pace = { openRounds: 5, closedRounds: 3, seconds: 3, warmUpSeconds: 5 };

/** In full every shadow with every store; quick: one of the two is well. */
function casesOf(quick: boolean): readonly Case[] {
  const shadows: readonly ShadowFault[] = ["none", ...SHADOW_FAULTS];
  // A full disk fails as one that is gone does.
  const stores: readonly StoreFault[] = ["none", ...STORE_FAULTS.filter((fault) => fault !== "full")];
  const all = stores.flatMap((store) => shadows.map((shadow): Case => ({ shadow, store })));
  return quick ? all.filter(({ shadow, store }) => shadow === "none" || store === "none") : all;
}

/** `percent`: the open loop's rate, of what is reached in closed loop with mirroring off. */
export async function runIsolation(quick: boolean, percent: number): Promise<Part> {
  const pace = quick ? QUICK : FULL;
  const running: Server[] = [];
  const started = <S extends Server>(server: S): S => {
    running.push(server);
    return server;
  };
  try {
    const legacy = started(await startServer("origin.ts", []));
    const shadow = started(await startServer("faulty-shadow.ts", []));
    const services = servicesOf(legacy.url, shadow.url, AS_SHADOW);
    const off = started(await startCrossfade(`${services}defaults: { mirror: { writes: false } }\n`, SICK_THREADS));
    const on = started(await startCrossfade(services, SICK_THREADS));
    const limit = started(await startServer("contenders/limit.ts", [legacy.url]));
    const job = started(await startServer("contenders/limit.ts", [legacy.url, shadow.url]));
    for (const server of [off, on, limit, job]) await closedLoop(server, pace.warmUpSeconds);
    const rate = Math.round(((await closedLoop(off, pace.seconds * 2)).perSecond * percent) / 100);
    await untilSettled(on);
    const references = await measureReferences(
      [
        ["raw limit, which mirrors nothing", limit],
        ["raw limit of the job", job],
        ["Crossfade, mirroring off", off],
        ["Crossfade", on],
      ],
      rate,
      pace,
    );
    await untilSettled(on);

    const compared: Compared[] = [];
    for (const sick of casesOf(quick)) {
      const become = async ({ shadow: ofShadow, store }: Case): Promise<void> => {
        await shadow.tell({ become: ofShadow });
        await on.tell({ store });
      };
      const result = await compare({ sick, become, off, on, rate, pace });
      await become({ shadow: "none", store: "none" });
      await untilSettled(on);
      console.error(`shadow ${sick.shadow}, store ${sick.store}: p99 ${result.p99Ratio.toFixed(2)} x`);
      compared.push(result);
    }
    return {
      name: "isolation",
      setting: {
        connections: CONNECTIONS,
        openConnections: OPEN_CONNECTIONS,
        asShadow: AS_SHADOW,
        percent,
        rate,
        ...pace,
      },
      data: { references, compared },
      ...sectionsOf(
        references,
        compared,
        `open loop at ${rate} POST/s (${percent} % of the most with mirroring off), ${pace.openRounds} runs of ${pace.seconds} s in turns; closed loop: c=${CONNECTIONS}, ${pace.closedRounds} of ${pace.seconds} s in turns`,
      ),
    };
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

async function measureReferences(
  servers: readonly (readonly [string, Server])[],
  rate: number,
  { openRounds, seconds }: Pace,
): Promise<readonly Reference[]> {
  const runs = new Map<string, OpenLoadResult[]>(servers.map(([name]) => [name, []]));
  for (let round = 0; round < openRounds; round++) {
    for (const [name, server] of servers) runs.get(name)?.push(await openLoop(server, rate, seconds));
  }
  return [...runs].map(([name, results]) => ({
    name,
    heldShare: medianOf(results.map(({ heldShare }) => heldShare)),
    p50: medianOf(results.map(({ p50 }) => p50)),
    p99: medianOf(results.map(({ p99 }) => p99)),
  }));
}

interface Comparison {
  readonly sick: Case;
  readonly become: (state: Case) => Promise<void>;
  readonly off: Server;
  readonly on: Server;
  readonly rate: number;
  readonly pace: Pace;
}

async function compare({ sick, become, off, on, rate, pace }: Comparison): Promise<Compared> {
  const closed: { readonly ratio: number; readonly errors: number }[] = [];
  for (let round = 0; round < pace.closedRounds; round++) {
    await become({ shadow: "none", store: "none" });
    await untilSettled(on);
    const healthy = await closedLoop(on, pace.seconds);
    await untilSettled(on);
    await become(sick);
    const ill = await closedLoop(on, pace.seconds);
    closed.push({ ratio: ill.perSecond / healthy.perSecond, errors: healthy.errors + ill.errors });
  }
  await untilSettled(on);
  const open: { readonly without: OpenLoadResult; readonly with: OpenLoadResult }[] = [];
  for (let round = 0; round < pace.openRounds; round++) {
    const without = await openLoop(off, rate, pace.seconds);
    open.push({ without, with: await openLoop(on, rate, pace.seconds) });
  }
  const errors = [...closed, ...open.map((pair) => pair.with)].reduce((sum, run) => sum + run.errors, 0);
  return {
    ...sick,
    heldShare: medianOf(open.map((pair) => pair.with.heldShare)),
    p99Off: medianOf(open.map((pair) => pair.without.p99)),
    p99On: medianOf(open.map((pair) => pair.with.p99)),
    p99Ratio: medianOf(open.map((pair) => pair.with.p99 / pair.without.p99)),
    closedRatio: medianOf(closed.map(({ ratio }) => ratio)),
    errors,
  };
}

async function closedLoop(server: Server, seconds: number): Promise<LoadResult & { readonly perSecond: number }> {
  const args = [new URL(server.url).port, "POST", String(seconds), String(CONNECTIONS)];
  const result = JSON.parse(await runScript("load.ts", args)) as LoadResult;
  return { ...result, perSecond: result.requests / result.seconds };
}

async function openLoop(server: Server, rate: number, seconds: number): Promise<OpenLoadResult> {
  const args = [new URL(server.url).port, "POST", String(seconds), String(OPEN_CONNECTIONS), String(rate)];
  return JSON.parse(await runScript("open-load.ts", args)) as OpenLoadResult;
}
