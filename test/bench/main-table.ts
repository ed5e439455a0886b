/**
 * What a request costs in Crossfade, next to what it has to cost on Node and what it costs in the peers. All contenders
 * run at once and are loaded in turn, round by round, so that a noisy minute falls on all of them.
 */
import { accountsOf } from "./admin.ts";
import { askOrigin, checkAlike, settledWrites } from "./alike.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { type Contender, findNginx, startContenders } from "./contenders.ts";
import type { LoadResult } from "./load.ts";
import type { OpenLoadResult } from "./open-load.ts";
import type { Part } from "./report.ts";
import { medianOf } from "./statistics.ts";
import { type OpenSample, type Sample, sectionsOf } from "./main-report.ts";
import type { Kind } from "./traffic.ts";

const CONNECTIONS = 32;
/** An open loop needs as many as a stall leaves waiting. */
const OPEN_CONNECTIONS = 128;

interface Pace {
  readonly rounds: number;
  readonly openRounds: number;
  readonly seconds: number;
  /** Of each contender and kind, unmeasured. */
  readonly warmUpRequests: number;
}

/**
 * V8 goes on compiling what runs often, on helper threads that count as CPU time: for about 40,000 requests in the limits, for
 * 100,000 in Crossfade, which has more code (docs/performance.md, "While V8 still compiles"). All are measured behind that.
 */
const QUICK: Pace = { rounds: 3, openRounds: 1, seconds: 1.5, warmUpRequests: 60_000 };
const FULL: Pace = { rounds: 5, openRounds: 3, seconds: 5, warmUpRequests: 120_000 };
const WARM_UP_SLICE_SECONDS = 2;
/** Whoever is slower than that is measured as it is. */
const WARM_UP_MAX_SECONDS = 30;

interface Turn {
  readonly contender: Contender;
  readonly kind: Kind;
}

export async function runMainTable(quick: boolean): Promise<Part> {
  const pace = quick ? QUICK : FULL;
  const running: Server[] = [];
  try {
    const [legacy, next] = [await startServer("origin.ts", []), await startServer("origin.ts", [])];
    running.push(legacy, next);
    const contenders = await startContenders(legacy.url, next.url, running);
    await checkAlike(contenders, legacy.url, next.url);
    console.error("all contenders answer alike");

    const turns = (["GET", "POST"] as const).flatMap((kind) =>
      contenders.filter(({ kinds }) => kinds.includes(kind)).map((contender): Turn => ({ contender, kind })),
    );
    const closed = async (turn: Turn, seconds: number): Promise<Sample> =>
      await measureClosed(turn, seconds, legacy.url, next.url);
    for (const turn of turns) {
      await warmUp(turn, pace.warmUpRequests);
      await settled(turn, legacy.url, next.url);
    }
    console.error("warmed up");
    const samples: Sample[] = [];
    for (let round = 1; round <= pace.rounds; round++) {
      for (const turn of turns) samples.push(await closed(turn, pace.seconds));
      console.error(`closed loop, round ${round} of ${pace.rounds}`);
    }
    const openSamples: OpenSample[] = [];
    for (let round = 1; round <= pace.openRounds; round++) {
      for (const turn of turns) {
        openSamples.push(await measureOpen(turn, pace.seconds, rateFor(samples, turn.kind)));
        await settled(turn, legacy.url, next.url);
      }
      console.error(`open loop, round ${round} of ${pace.openRounds}`);
    }
    const crossfade = contenders.find(({ name }) => name === "Crossfade") as Contender;
    const nginx = findNginx();
    return {
      name: "main",
      setting: { connections: CONNECTIONS, openConnections: OPEN_CONNECTIONS, ...pace, nginx },
      data: { samples, openSamples },
      ...sectionsOf({
        samples,
        openSamples,
        about: `closed loop: c=${CONNECTIONS}, medians of ${pace.rounds} interleaved rounds of ${pace.seconds} s; open loop: medians of ${pace.openRounds}`,
        notes: [
          `measured behind ${pace.warmUpRequests} requests of each kind, unmeasured, or ${WARM_UP_MAX_SECONDS} s of them`,
          ...(nginx === null ? ["nginx is not on this machine: its rows are missing"] : []),
          ...contenders.flatMap(({ name, adds }) =>
            adds.length > 0 ? [`${name} adds ${adds.join(", ")} to answers`] : [],
          ),
          `Crossfade's own account: ${await accountsOf(crossfade.server)}`,
        ],
      }),
    };
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

/** The same for all: half of what Crossfade reached. */
function rateFor(samples: readonly Sample[], kind: Kind): number {
  const own = samples.filter((sample) => sample.contender === "Crossfade" && sample.kind === kind);
  return Math.round(medianOf(own.map(({ requestsPerSecond }) => requestsPerSecond)) / 200) * 100;
}

async function warmUp({ contender, kind }: Turn, requests: number): Promise<void> {
  const args = [new URL(contender.server.url).port, kind, String(WARM_UP_SLICE_SECONDS), String(CONNECTIONS)];
  let left = requests;
  for (let seconds = 0; left > 0 && seconds < WARM_UP_MAX_SECONDS; seconds += WARM_UP_SLICE_SECONDS) {
    left -= (JSON.parse(await runScript("load.ts", args)) as LoadResult).requests;
  }
}

/** One contender at saturation, until its last copy has arrived. */
async function measureClosed(turn: Turn, seconds: number, legacy: string, next: string): Promise<Sample> {
  const { name, server, mirrors } = turn.contender;
  const before = await writesAt(legacy, next);
  const cpuBefore = server.cpuMicros();
  const args = [new URL(server.url).port, turn.kind, String(seconds), String(CONNECTIONS)];
  const result = JSON.parse(await runScript("load.ts", args)) as LoadResult;
  await settled(turn, legacy, next, before);
  const cpu = server.cpuMicros() - cpuBefore;
  const writes = await writesAt(legacy, next);
  return {
    contender: name,
    kind: turn.kind,
    cpuMicrosPerRequest: cpu / result.requests,
    requestsPerSecond: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    errors: result.errors,
    mirroredShare:
      mirrors && turn.kind === "POST" ? (writes.next - before.next) / (writes.legacy - before.legacy) : null,
  };
}

async function measureOpen({ contender, kind }: Turn, seconds: number, rate: number): Promise<OpenSample> {
  const { port } = new URL(contender.server.url);
  const args = [port, kind, String(seconds), String(OPEN_CONNECTIONS), String(rate)];
  const result = JSON.parse(await runScript("open-load.ts", args)) as OpenLoadResult;
  return { contender: contender.name, kind, rate, ...result };
}

interface Writes {
  readonly legacy: number;
  readonly next: number;
}

/** Waits for the copies of what was written since `before`, or until no more come. */
async function settled({ contender, kind }: Turn, legacy: string, next: string, before?: Writes): Promise<void> {
  if (!contender.mirrors || kind === "GET") return;
  const now = await writesAt(legacy, next);
  await settledWrites(next, before === undefined ? now.legacy : before.next + now.legacy - before.legacy);
}

async function writesAt(legacy: string, next: string): Promise<Writes> {
  return { legacy: (await askOrigin(legacy)).writes, next: (await askOrigin(next)).writes };
}
