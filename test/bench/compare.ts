/**
 * P8 and P5: what comparing costs, and what it costs the event loop. P5 runs Crossfade as users do, with reads flowing at a
 * steady rate, while answers of 10 MB that differ in one field are forwarded, kept, and compared in its thread; beside it the
 * same with answers of which the shadow gets no copy, so that forwarding 10 MB can be told from comparing it.
 */
import { join } from "node:path";
import { accountsOf, untilSettled } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import type { CompareCost } from "./compare-cost.ts";
import { servicesOf, startCrossfade } from "./crossfade.ts";
import type { OpenLoadResult } from "./open-load.ts";
import { type Bar, type Part, table } from "./report.ts";
import type { EventLoopDelay } from "./watch-event-loop.ts";

const MEGABYTES = 10;
const READS_A_SECOND = 500;
const ANSWER_EVERY_MS = 1000;
const READ_CONNECTIONS = 64;
const WATCHED = { node: ["--import", join(import.meta.dirname, "watch-event-loop.ts")] };

export async function runCompare(quick: boolean): Promise<Part> {
  const costs = JSON.parse(await runScript("compare-cost.ts", [String(quick ? 15 : 41)])) as CompareCost[];
  console.error("pairs of 10 KB compared");
  const seconds = quick ? 10 : 30;
  const delays = await measureDelays(seconds);
  const compared = delays.at(-1) as Delay;
  const worst = (of: (cost: CompareCost) => number): number => Math.max(...costs.map(of));
  const bar = (what: string, measured: number, bound: number, unit: string): Bar => {
    return { what, measured, sign: "<=", bound, unit };
  };
  return {
    name: "compare",
    setting: { megabytes: MEGABYTES, readsPerSecond: READS_A_SECOND, seconds },
    data: { costs, delays },
    sections: [
      {
        title: "Comparing 10 KB of JSON, in two JSON.parse calls on the same texts",
        lines: [
          table(
            [
              "document",
              "bytes",
              "two JSON.parse",
              "one field differs",
              "equal bytes",
              "one differs, spaced otherwise",
            ],
            costs.map(({ shape, bytes, parseMicros, oneField, equalBytes, otherSpelling }) => [
              shape,
              String(bytes),
              `${parseMicros.toFixed(1)} us`,
              `${oneField.toFixed(2)} x`,
              `${equalBytes.toFixed(3)} x`,
              `${otherSpelling.toFixed(2)} x`,
            ]),
          ),
        ],
      },
      {
        title: `The event loop under ${READS_A_SECOND} reads/s and answers of ${MEGABYTES} MB`,
        lines: [
          table(
            [
              "while",
              "large answers",
              "delay p50 ms",
              "p99 ms",
              "p99.9 ms",
              "own p99.9 ms",
              "own longest ms",
              "a read's p99 ms",
              "errors",
            ],
            delays.map(({ what, answers, loop: { delay, own }, reads }) => [
              what,
              String(answers),
              ...[delay.p50, delay.p99, delay.p999, own.p999, own.longest, reads.p99].map((ms) => ms.toFixed(2)),
              String(reads.errors),
            ]),
          ),
          "",
          "own: what the main thread worked between two runs of the timer; the rest of a delay is the machine's, which gave the processor to others.",
          `Crossfade's own account: ${compared.account}`,
        ],
      },
    ],
    bars: [
      bar(
        "P8 one field of 10 KB differs, worst document",
        worst(({ oneField }) => oneField),
        3,
        "x",
      ),
      bar(
        "P8 equal bytes of 10 KB, worst document",
        worst(({ equalBytes }) => equalBytes),
        0.1,
        "x",
      ),
      bar(`P5 event-loop delay p99.9 while ${MEGABYTES} MB pairs are compared`, compared.loop.delay.p999, 10, "ms"),
    ],
  };
}

interface Delay {
  readonly what: string;
  readonly answers: number;
  readonly loop: EventLoopDelay;
  readonly reads: OpenLoadResult;
  readonly account: string;
}

/** Reads alone; with large answers that are only forwarded; with large answers that are compared. */
async function measureDelays(seconds: number): Promise<readonly Delay[]> {
  const running: Server[] = [];
  try {
    for (const side of ["primary", "shadow"]) {
      running.push(await startServer("large-origin.ts", [side, String(MEGABYTES)]));
    }
    const services = servicesOf(...(running.map(({ url }) => url) as [string, string]));
    const forwarding = await startCrossfade(`${services}defaults: { mirror: { writes: false } }\n`, WATCHED);
    running.push(forwarding);
    const mirroring = await startCrossfade(services, WATCHED);
    running.push(mirroring);
    const measured: Delay[] = [];
    for (const [what, server, withAnswers] of [
      ["reads alone", mirroring, false],
      ["large answers are forwarded", forwarding, true],
      ["large answers are forwarded, mirrored and compared", mirroring, true],
    ] as const) {
      // Once unmeasured: code is compiled, the comparing thread started.
      await measureDelay(server, 3, withAnswers);
      measured.push({ what, ...(await measureDelay(server, seconds, withAnswers)) });
      console.error(`event loop: ${what}`);
    }
    return measured;
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

async function measureDelay(server: Server, seconds: number, withAnswers: boolean): Promise<Omit<Delay, "what">> {
  const { port } = new URL(server.url);
  await server.tell({});
  const load = runScript("open-load.ts", [
    port,
    "GET",
    String(seconds),
    String(READ_CONNECTIONS),
    String(READS_A_SECOND),
  ]);
  const began = performance.now();
  let answers = 0;
  while (withAnswers && performance.now() - began < seconds * 1000) {
    await readWhole(`${server.url}/reports/${answers}`);
    await untilSettled(server);
    answers += 1;
    await new Promise((resolve) => setTimeout(resolve, ANSWER_EVERY_MS * answers - (performance.now() - began)));
  }
  const reads = JSON.parse(await load) as OpenLoadResult;
  const loop = (await server.tell({})) as EventLoopDelay;
  return { answers, loop, reads, account: await accountsOf(server) };
}

async function readWhole(url: string): Promise<void> {
  const answer = await fetch(url, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  const { byteLength } = await answer.arrayBuffer();
  if (answer.status !== 201 || byteLength < MEGABYTES * 1_000_000) {
    throw new Error(`${url} answered ${answer.status} and ${byteLength} bytes`);
  }
}
