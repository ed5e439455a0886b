/** Who is measured: two limits of what Node can do, the stock proxy, and Crossfade. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Server, startServer } from "./child.ts";
import type { Kind } from "./traffic.ts";

export type ContenderName = "raw limit" | "stock @fastify/http-proxy" | "raw limit of the job" | "Crossfade";

export interface Contender {
  readonly name: ContenderName;
  readonly server: Server;
  readonly kinds: readonly Kind[];
  /** Whether its writes reach next as well. */
  readonly mirrors: boolean;
}

export async function startContenders(legacy: string, next: string): Promise<readonly Contender[]> {
  return [
    {
      name: "raw limit",
      kinds: ["GET", "POST"],
      mirrors: false,
      server: await startServer("contenders/limit.ts", [legacy]),
    },
    {
      name: "stock @fastify/http-proxy",
      kinds: ["GET", "POST"],
      mirrors: false,
      server: await startServer("contenders/stock.ts", [legacy]),
    },
    {
      name: "raw limit of the job",
      kinds: ["POST"],
      mirrors: true,
      server: await startServer("contenders/limit.ts", [legacy, next]),
    },
    { name: "Crossfade", kinds: ["GET", "POST"], mirrors: true, server: await startCrossfade(legacy, next) },
  ];
}

/** As users run it: compiled, SQLite store, metrics and log on. */
async function startCrossfade(legacy: string, next: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-bench-"));
  const files = [
    "--store",
    `sqlite:${join(folder, "store.db")}`,
    "--divergence-log",
    join(folder, "divergences.ndjson"),
  ];
  const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const server = await startServer("../../dist/proxy/cli/main.js", [
    "start",
    "--legacy",
    legacy,
    "--next",
    next,
    ...ports,
    ...files,
  ]);
  return {
    ...server,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface RouteStatus {
  readonly name: string;
  readonly eligible: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/** What Crossfade itself says became of the writes: `20,000 eligible = 20,000 match`. */
export async function accountsOf(crossfade: Server): Promise<string> {
  const admin = /admin=(\S+)/.exec(crossfade.readyLine)?.[1];
  const answer = await fetch(`${admin}/api/v1/status`);
  const { routes } = (await answer.json()) as { routes: readonly RouteStatus[] };
  const spell = ({ name, eligible, outcomes }: RouteStatus): string => {
    const parts = Object.entries(outcomes).filter(([, count]) => count > 0);
    return `${name}: ${eligible} eligible = ${parts.map(([outcome, count]) => `${count} ${outcome}`).join(" + ")}`;
  };
  return routes.map(spell).join("; ");
}
