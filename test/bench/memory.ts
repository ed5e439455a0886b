/** P4: what the proxy holds under full load on a shadow that hangs, and once that is over. */
import { setTimeout as wait } from "node:timers/promises";
import { memoryOf } from "../scale/processes.ts";
import { accountsOf, untilSettled } from "./admin.ts";
import { runScript, type Server, startServer } from "./child.ts";
import { servicesOf, startCrossfade } from "./crossfade.ts";
import type { LoadResult } from "./load.ts";
import { type Part, table } from "./report.ts";

const CONNECTIONS = 32;
/** The default of limits.queued, written out. */
const QUEUED_MIB = 64;
const MORE_MIB = 64;
const LEFT_MIB = 32;
const SAMPLE_EVERY_MS = 200;
/** For the time that V8 and the C library take to give memory back. */
const AFTER_SECONDS = 60;

export async function runMemory(quick: boolean): Promise<Part> {
  const seconds = quick ? 10 : 60;
  const running: Server[] = [];
  const started = <S extends Server>(server: S): S => {
    running.push(server);
    return server;
  };
  try {
    const legacy = started(await startServer("origin.ts", []));
    const shadow = started(await startServer("faulty-shadow.ts", []));
    const config = `${servicesOf(legacy.url, shadow.url)}limits: { queued: ${QUEUED_MIB}MiB }\n`;
    const crossfade = started(await startCrossfade(config));
    await wait(2_000);
    const idleMib = memoryOf(crossfade).mib;
    await shadow.tell({ become: "hanging" });
    const args = [new URL(crossfade.url).port, "POST", String(seconds), String(CONNECTIONS)];
    let isOver = false;
    const loading = runScript("load.ts", args).finally(() => (isOver = true));
    let most = 0;
    while (!isOver) {
      most = Math.max(most, memoryOf(crossfade).mib);
      await wait(SAMPLE_EVERY_MS);
    }
    const load = JSON.parse(await loading) as LoadResult;
    await shadow.tell({ become: "none" });
    await untilSettled(crossfade);
    let after = memoryOf(crossfade).mib;
    for (let waited = 0; waited < AFTER_SECONDS && after > idleMib + LEFT_MIB; waited++) {
      await wait(1_000);
      after = Math.min(after, memoryOf(crossfade).mib);
    }
    const mib = (value: number): string => `${value.toFixed(0)} MiB`;
    const rows = [
      ["idle, before any request", mib(idleMib)],
      [`the most in ${seconds} s on a hanging shadow`, mib(most)],
      [`the least within ${AFTER_SECONDS} s of settling`, mib(after)],
    ];
    const requests = `${load.requests} requests, ${load.errors} errors; ${await accountsOf(crossfade)}`;
    return {
      name: "memory",
      setting: { connections: CONNECTIONS, seconds, queuedMib: QUEUED_MIB },
      data: { idleMib, most, after, load },
      sections: [{ title: "Memory on a hanging shadow", lines: [table(["resident", ""], rows), "", `- ${requests}`] }],
      bars: [
        {
          what: "P4 beyond idle, under load",
          measured: most - idleMib,
          sign: "<=",
          bound: QUEUED_MIB + MORE_MIB,
          unit: "MiB",
        },
        { what: "P4 beyond idle, afterwards", measured: after - idleMib, sign: "<=", bound: LEFT_MIB, unit: "MiB" },
      ],
    };
  } finally {
    for (const server of running.toReversed()) await server.stop();
  }
}
