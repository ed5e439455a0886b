/** Who is measured: two limits of what Node can do, the peers, and Crossfade. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Server, startServer } from "./child.ts";
import { servicesOf, startCrossfade } from "./crossfade.ts";
import type { Kind } from "./traffic.ts";

export type ContenderName =
  | "nginx"
  | "nginx + mirror"
  | "raw limit"
  | "raw limit of the job"
  | "http-proxy"
  | "stock @fastify/http-proxy"
  | "Crossfade, journal off"
  | "Crossfade"
  | "Crossfade, 1 worker"
  | "Crossfade, 2 workers";

export interface Contender {
  readonly name: ContenderName;
  readonly server: Server;
  readonly kinds: readonly Kind[];
  /** Whether its writes reach next as well. */
  readonly mirrors: boolean;
  /** Answer headers that it writes of its own accord (lower case): the one way in which its answers may differ. */
  readonly adds: readonly string[];
}

/** Null where there is none. Debian keeps it where an ordinary user's PATH does not look. */
export function findNginx(): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((file) => existsSync(file)) ?? null;
}

/** `running` gets every server as soon as it runs, so that all of them end whatever fails. */
export async function startContenders(legacy: string, next: string, running: Server[]): Promise<readonly Contender[]> {
  const contenders: Contender[] = [];
  const add = (name: ContenderName, server: Server, more: Partial<Contender> = {}): void => {
    running.push(server);
    contenders.push({ name, server, kinds: ["GET", "POST"], mirrors: false, adds: [], ...more });
  };
  const nginx = findNginx();
  if (nginx !== null) {
    const adds = ["server"];
    add("nginx", await startServer("contenders/nginx.ts", [nginx, legacy]), { adds });
    const mirroring = await startServer("contenders/nginx.ts", [nginx, legacy, next]);
    add("nginx + mirror", mirroring, { adds, kinds: ["POST"], mirrors: true });
  }
  add("raw limit", await startServer("contenders/limit.ts", [legacy]));
  const job = await startServer("contenders/limit.ts", [legacy, next]);
  add("raw limit of the job", job, { kinds: ["POST"], mirrors: true });
  add("http-proxy", await startServer("contenders/http-proxy.ts", [legacy]));
  add("stock @fastify/http-proxy", await startServer("contenders/stock.ts", [legacy]));
  const unjournaled = await startCrossfade(`${servicesOf(legacy, next)}journal: { survives: nothing }\n`);
  add("Crossfade, journal off", unjournaled, { kinds: ["POST"], mirrors: true });
  add("Crossfade", await startCrossfade(servicesOf(legacy, next)), { mirrors: true });
  for (const [workers, name] of [
    [1, "Crossfade, 1 worker"],
    [2, "Crossfade, 2 workers"],
  ] as const) {
    add(name, await startCrossfade(`${servicesOf(legacy, next)}workers: ${workers}\n`), { mirrors: true });
  }
  return contenders;
}
