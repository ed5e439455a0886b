/** What clients of nginx with `mirror` and of Crossfade have where the shadow answers a second late: the README's first table. */
import { untilSettled } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { findNginx } from "./contenders.ts";
import { type CrossfadeServer, servicesOf, startCrossfade } from "./crossfade.ts";
import type { LoadResult } from "./load.ts";
import { type Part, table } from "./report.ts";

const CONNECTIONS = 32;
const WARM_UP_SECONDS = 3;

interface Sample extends LoadResult {
  readonly contender: string;
  readonly shadow: "well" | "slow";
}

export async function runSlowShadow(quick: boolean): Promise<Part> {
  const seconds = quick ? 3 : 10;
  const running: Server[] = [];
  const started = <S extends Server>(server: S): S => {
    running.push(server);
    return server;
  };
  try {
    const legacy = started(await startServer("origin.ts", []));
    const shadow = started(await startServer("faulty-shadow.ts", []));
    const nginx = findNginx();
    const crossfade = started(await startCrossfade(servicesOf(legacy.url, shadow.url)));
    const contenders: (readonly [string, Server])[] = [["Crossfade", crossfade]];
    if (nginx !== null) {
      const mirroring = started(await startServer("contenders/nginx.ts", [nginx, legacy.url, shadow.url]));
      contenders.unshift(["nginx + mirror", mirroring]);
    }
    const samples: Sample[] = [];
    for (const [contender, server] of contenders)
      await writesTo(server, WARM_UP_SECONDS, { contender, shadow: "well" });
    for (const [contender, server] of contenders) {
      for (const state of ["well", "slow"] as const) {
        await shadow.tell({ become: state === "well" ? "none" : "slow" });
        samples.push(await writesTo(server, seconds, { contender, shadow: state }));
      }
      await shadow.tell({ become: "none" });
      if (server === crossfade) await untilSettled(crossfade);
    }
    return partOf(samples, seconds, nginx);
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}

async function writesTo(
  server: Server | CrossfadeServer,
  seconds: number,
  about: Pick<Sample, "contender" | "shadow">,
): Promise<Sample> {
  const args = [new URL(server.url).port, "POST", String(seconds), String(CONNECTIONS)];
  return { ...(JSON.parse(await runScript("load.ts", args)) as LoadResult), ...about };
}

function partOf(samples: readonly Sample[], seconds: number, nginx: string | null): Part {
  const rate = ({ requests, seconds: taken }: Sample): number => requests / taken;
  const rows = samples.map((sample) => [
    sample.contender,
    sample.shadow,
    rate(sample).toFixed(0),
    `${sample.p50.toFixed(1)} ms`,
    `${sample.p99.toFixed(1)} ms`,
    String(sample.errors),
  ]);
  const own = (state: Sample["shadow"]): number =>
    rate(samples.find(({ contender, shadow }) => contender === "Crossfade" && shadow === state) as Sample);
  const lines = [table(["proxy", "shadow", "writes/s", "p50", "p99", "errors"], rows)];
  if (nginx === null) lines.push("", "- nginx is not on this machine: its rows are missing");
  return {
    name: "slow-shadow",
    setting: { connections: CONNECTIONS, seconds, nginx },
    data: samples,
    sections: [{ title: "What clients have where the shadow answers a second late", lines }],
    bars: [
      { what: "writes/s, shadow slow : well", measured: own("slow") / own("well"), sign: ">=", bound: 0.95, unit: "x" },
    ],
  };
}
