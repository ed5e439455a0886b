/** How large a machine has to be: CPU of a request, bytes of a write that waits, bytes of a divergence that is kept. */
import { readdirSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Pool } from "undici";
import { untilSettled } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { type CrossfadeServer, servicesOf, startCrossfade } from "./crossfade.ts";
import type { LoadResult } from "./load.ts";
import { type Part, table } from "./report.ts";
import type { Kind } from "./traffic.ts";

const CONNECTIONS = 16;
/** Of request and answer each. */
const BODY_BYTES = [512, 8_192];
const HOUR_S = 3600;

interface Pace {
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly writes: number;
}

const QUICK: Pace = { warmUpSeconds: 5, seconds: 3, writes: 2_000 };
const FULL: Pace = { warmUpSeconds: 15, seconds: 10, writes: 10_000 };

interface CpuCost {
  readonly kind: Kind;
  readonly micros: number;
  readonly perSecond: number;
}

export async function runCapacity(quick: boolean): Promise<Part> {
  const pace = quick ? QUICK : FULL;
  const cpu = await cpuCosts(pace);
  const waiting = [];
  for (const bytes of BODY_BYTES) waiting.push({ bytes, ...(await bytesOfWaiting(bytes, pace.writes)) });
  const kept = await bytesOfDivergence(pace.writes);
  const [small, large] = waiting as [(typeof waiting)[0], (typeof waiting)[0]];
  const slope = (large.journal - small.journal) / (large.bytes - small.bytes);
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return {
    name: "capacity",
    setting: { connections: CONNECTIONS, ...pace, bodyBytes: BODY_BYTES },
    data: { cpu, waiting, kept },
    sections: [
      {
        title: "CPU of the proxy",
        lines: [
          table(
            ["request", "us each", "cores for 1,000 a second", "a second in this run"],
            cpu.map(({ kind, micros, perSecond }) => [
              kind === "GET" ? "read, passed through" : "write, mirrored, compared, journaled",
              micros.toFixed(0),
              (micros / 1000).toFixed(2),
              perSecond.toFixed(0),
            ]),
          ),
        ],
      },
      {
        title: "Writes that wait for a shadow that is away",
        lines: [
          table(
            ["body of request and answer", "journal a write", "an hour of 100 writes a second"],
            waiting.map(({ bytes, journal }) => [
              `${bytes} B each`,
              `${journal.toFixed(0)} B`,
              mib(journal * 100 * HOUR_S),
            ]),
          ),
          "",
          `- a write takes about ${(small.journal - slope * small.bytes).toFixed(0)} B, and ${(slope / 2).toFixed(2)} B for each byte of both bodies`,
        ],
      },
      {
        title: "What is kept",
        lines: [
          table(
            ["of each", "store", "divergence log"],
            [
              ["divergence", `${kept.store.toFixed(0)} B`, `${kept.log.toFixed(0)} B`],
              ["match", `${kept.match.toFixed(1)} B`, "0 B"],
            ],
          ),
        ],
      },
    ],
    bars: [],
  };
}

/** All that runs for one measurement; ended in reverse. */
async function withServers<T>(work: (started: <S extends Server>(server: S) => S) => Promise<T>): Promise<T> {
  const running: Server[] = [];
  try {
    return await work((server) => {
      running.push(server);
      return server;
    });
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

async function cpuCosts(pace: Pace): Promise<readonly CpuCost[]> {
  return await withServers(async (started) => {
    const legacy = started(await startServer("origin.ts", []));
    const next = started(await startServer("origin.ts", []));
    const crossfade = started(await startCrossfade(servicesOf(legacy.url, next.url)));
    const costs: CpuCost[] = [];
    for (const kind of ["GET", "POST"] as const) {
      const load = async (seconds: number): Promise<LoadResult> => {
        const args = [new URL(crossfade.url).port, kind, String(seconds), String(CONNECTIONS)];
        return JSON.parse(await runScript("load.ts", args)) as LoadResult;
      };
      // V8 compiles meanwhile (docs/performance.md).
      await load(pace.warmUpSeconds);
      await untilSettled(crossfade);
      const before = crossfade.cpuMicros();
      const { requests, errors, seconds } = await load(pace.seconds);
      await untilSettled(crossfade);
      if (errors > 0) throw new Error(`${errors} of ${requests} requests failed`);
      costs.push({ kind, micros: (crossfade.cpuMicros() - before) / requests, perSecond: requests / seconds });
    }
    return costs;
  });
}

/** Of the proxy's own metrics. */
async function gaugeOf(crossfade: Server, name: string): Promise<number> {
  const admin = /admin=(\S+)/.exec(crossfade.readyLine)?.[1];
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** Answers every request with a JSON document of so many bytes; `note` differs where `salt` does. */
async function answering(bytes: number, salt: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const body = documentOf(bytes, salt);
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function documentOf(bytes: number, salt: string): string {
  const bare = JSON.stringify({ id: 4711, salt, note: "" }).length;
  return JSON.stringify({ id: 4711, salt, note: "x".repeat(bytes - bare) });
}

/** As many writes of keys of their own, each answered. */
async function write(url: string, count: number, bytes: number): Promise<void> {
  const pool = new Pool(url, { connections: CONNECTIONS });
  const body = documentOf(bytes, "");
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const answer = await pool.request({
        method: "PUT",
        path: `/items/${n}`,
        headers: { "content-type": "application/json" },
        body,
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`PUT /items/${n} was answered ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  await pool.close();
}

/** Bytes of the journal for each write that waits, its shadow refusing connections. */
async function bytesOfWaiting(bytes: number, writes: number): Promise<{ readonly journal: number }> {
  const legacy = await answering(bytes, "");
  const gone = await answering(bytes, "");
  await gone.close();
  const measured = await withServers(async (started) => {
    const crossfade = started(await startCrossfade(servicesOf(legacy.url, gone.url)));
    await write(crossfade.url, writes, bytes);
    while ((await gaugeOf(crossfade, "crossfade_journal_depth")) < writes) await wait(50);
    // What a turn has brought is written at its end.
    await wait(1_000);
    return { journal: (await gaugeOf(crossfade, "crossfade_journal_bytes")) / writes };
  });
  await legacy.close();
  return measured;
}

/** Bytes of store and log for each divergence, and of the store for each match, once a clean end has written all down. */
async function bytesOfDivergence(writes: number): Promise<{ store: number; log: number; match: number }> {
  const [legacy, same, other] = [await answering(1024, "a"), await answering(1024, "a"), await answering(1024, "b")];
  const sizesAfter = async (count: number, shadow: string): Promise<Sizes> =>
    await withServers(async (started) => {
      const crossfade = started(await startCrossfade(servicesOf(legacy.url, shadow)));
      await write(crossfade.url, count, 512);
      await untilSettled(crossfade);
      crossfade.signal("SIGTERM");
      while (isRunning(crossfade)) await wait(20);
      return sizesOf(crossfade);
    });
  const [first, divergent, match] = [
    await sizesAfter(1, other.url),
    await sizesAfter(writes, other.url),
    await sizesAfter(writes, same.url),
  ];
  for (const service of [legacy, same, other]) await service.close();
  return {
    store: (divergent.store - first.store) / writes,
    log: (divergent.log - first.log) / writes,
    match: Math.max(0, match.store - first.store) / writes,
  };
}

function isRunning({ child }: Server): boolean {
  try {
    return child.pid !== undefined && process.kill(child.pid, 0);
  } catch {
    return false;
  }
}

interface Sizes {
  readonly store: number;
  readonly log: number;
}

function sizesOf({ configFile }: CrossfadeServer): Sizes {
  const folder = dirname(configFile);
  const sum = (pattern: RegExp): number =>
    readdirSync(folder)
      .filter((name) => pattern.test(name))
      .reduce((bytes, name) => bytes + statSync(join(folder, name)).size, 0);
  return { store: sum(/^store\.db(?:-wal)?$/), log: sum(/\.ndjson$/) };
}
