/** P12: from nothing to the first forwarded request; a reload of 500 routes under load; 500 routes against 10. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { untilRevision } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { type CrossfadeServer, servicesOf, startCrossfade } from "./crossfade.ts";
import type { LoadResult } from "./load.ts";
import type { OpenLoadResult } from "./open-load.ts";
import { type Bar, type Part, table } from "./report.ts";
import { medianOf } from "./statistics.ts";

const RELOAD_RATE = 500;
const RELOADS = 3;
/** Only reads are sent: next is never asked. */
const NOBODY = "http://127.0.0.1:9";

interface Outcome {
  readonly line: readonly string[];
  readonly bars: readonly Bar[];
  readonly data: unknown;
}

export async function runStartUp(quick: boolean): Promise<Part> {
  const legacy = await startServer("origin.ts", []);
  try {
    const outcomes = [
      await measureStarts(legacy, quick ? 5 : 15),
      await measureReloads(legacy),
      await measureRoutes(legacy, quick ? 3 : 7, quick ? 1.5 : 4),
    ];
    const lines = [
      table(
        ["what", "measured", "how"],
        outcomes.map(({ line }) => line),
      ),
    ];
    return {
      name: "start-up",
      setting: { reloadRate: RELOAD_RATE, reloads: RELOADS },
      data: outcomes.map(({ data }) => data),
      sections: [{ title: "Start, reload, many routes", lines }],
      bars: outcomes.flatMap(({ bars }) => bars),
    };
  } finally {
    await legacy.stop();
  }
}

/** The first start of all compiles everything, and is told apart: the later ones find what it kept. */
async function measureStarts(legacy: Server, starts: number): Promise<Outcome> {
  const cache = mkdtempSync(join(tmpdir(), "crossfade-bench-cache-"));
  const all: { readonly ms: number; readonly cpuMs: number }[] = [];
  try {
    for (let i = 0; i <= starts; i++) {
      const began = performance.now();
      const server = await startCrossfade(servicesOf(legacy.url, NOBODY), { env: { XDG_CACHE_HOME: cache } });
      const answer = await fetch(`${server.url}/items/4711`);
      await answer.arrayBuffer();
      all.push({ ms: performance.now() - began, cpuMs: server.cpuMicros() / 1000 });
      await server.stop();
    }
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  const [first, ...later] = all;
  const ms = medianOf(later.map((start) => start.ms));
  const cpuMs = medianOf(later.map((start) => start.cpuMs));
  const measured = `${ms.toFixed(0)} ms (CPU ${cpuMs.toFixed(0)} ms)`;
  const how = `median of ${starts}; the first of all, which compiles everything, ${first?.ms.toFixed(0)} ms`;
  const bar = { what: "P12 start-up to the first forwarded request", measured: ms, sign: "<=", bound: 500, unit: "ms" };
  return {
    line: ["start to first forwarded request", measured, how],
    bars: [bar as Bar],
    data: { starts: all },
  };
}

async function measureReloads(legacy: Server): Promise<Outcome> {
  const config = (round: number): string => configOf(legacy, 500, `# ${round}\nlimits: { inFlight: ${100 + round} }\n`);
  const server = await startCrossfade(config(0));
  try {
    const load = async (seconds: number): Promise<OpenLoadResult> => {
      const args = [new URL(server.url).port, "GET", String(seconds), "64", String(RELOAD_RATE)];
      return JSON.parse(await runScript("open-load.ts", args)) as OpenLoadResult;
    };
    await load(2);
    const calm = await load(3);
    const loaded = load(2 * RELOADS + 2);
    for (let round = 1; round <= RELOADS; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      writeFileSync(server.configFile, config(round));
      server.signal("SIGHUP");
      await untilRevision(server, round + 1);
    }
    const { errors, longest, p99, offered } = await loaded;
    const bar = {
      what: "P12 requests dropped by reloads of 500 routes",
      measured: errors,
      sign: "<=",
      bound: 0,
      unit: "",
    };
    return {
      line: [
        "reload of 500 routes under load",
        `${errors} of ${offered} requests dropped; longest answer ${longest.toFixed(0)} ms, p99 ${p99.toFixed(1)} ms`,
        `${RELOADS} reloads at ${RELOAD_RATE}/s; without one: longest ${calm.longest.toFixed(0)} ms, p99 ${calm.p99.toFixed(1)} ms`,
      ],
      bars: [bar as Bar],
      data: { calm, errors, longest, p99 },
    };
  } finally {
    await server.stop();
  }
}

/** The request's route is the last one of each config. */
async function measureRoutes(legacy: Server, rounds: number, seconds: number): Promise<Outcome> {
  const servers: CrossfadeServer[] = [];
  try {
    for (const count of [10, 500]) servers.push(await startCrossfade(configOf(legacy, count)));
    const cpuOf = async (server: Server): Promise<number> => {
      const before = server.cpuMicros();
      const args = [new URL(server.url).port, "GET", String(seconds), "32"];
      const { requests } = JSON.parse(await runScript("load.ts", args)) as LoadResult;
      return (server.cpuMicros() - before) / requests;
    };
    const [few, many] = servers as [CrossfadeServer, CrossfadeServer];
    await cpuOf(few);
    await cpuOf(many);
    const pairs: { readonly few: number; readonly many: number }[] = [];
    for (let round = 0; round < rounds; round++) pairs.push({ few: await cpuOf(few), many: await cpuOf(many) });
    const ratio = medianOf(pairs.map((pair) => pair.many / pair.few));
    const bar = {
      what: "P12 CPU of a request, 500 routes against 10",
      measured: ratio,
      sign: "<=",
      bound: 1.03,
      unit: "x",
    };
    const [fewCpu, manyCpu] = [medianOf(pairs.map((pair) => pair.few)), medianOf(pairs.map((pair) => pair.many))];
    return {
      line: [
        "500 routes against 10",
        `${manyCpu.toFixed(1)} us against ${fewCpu.toFixed(1)} us`,
        `median ratio of ${rounds} pairs, GET by the last route`,
      ],
      bars: [bar as Bar],
      data: { pairs },
    };
  } finally {
    for (const server of servers) await server.stop();
  }
}

function configOf(legacy: Server, routes: number, more = ""): string {
  const others = Array.from(
    { length: routes - 1 },
    (_, n) => `  - name: things-${n}
    match: { path: "/api/v1/things-${n}/:id/**", methods: [GET, POST, PUT] }
    compare: { ignore: [{ at: /updatedAt, because: each service has a clock of its own }] }
    redact: ["body:/password"]
`,
  );
  const last = `  - name: items\n    match: { path: "/items/**" }\n`;
  return `${servicesOf(legacy.url, NOBODY)}${more}routes:\n${others.join("")}${last}`;
}
