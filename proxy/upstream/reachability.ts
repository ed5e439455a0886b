import net from "node:net";
import type { ServiceSettings } from "../config/settings.ts";

const CONNECT_WITHIN_MS = 2_000;
const ASK_EVERY_MS = 10_000;

/** Whether each service takes connections, asked at the start and then now and again; sends nothing. */
export interface Reachability {
  /** Resolves when every service has been asked once. */
  readonly first: Promise<void>;
  /** null: it took a connection when last asked. */
  problemOf(name: string): string | null;
  close(): void;
}

export function watchReachability(services: () => readonly ServiceSettings[]): Reachability {
  const problems = new Map<string, string>();
  const ask = async (): Promise<void> => {
    await Promise.all(
      services().map(async (service) => {
        const problem = await tryConnect(service.origin);
        if (problem === null) problems.delete(service.name);
        else problems.set(service.name, problem);
      }),
    );
  };
  const first = ask();
  const timer = setInterval(() => void ask(), ASK_EVERY_MS);
  timer.unref();
  return {
    first,
    problemOf: (name) => problems.get(name) ?? null,
    close: () => clearInterval(timer),
  };
}

function tryConnect(origin: string): Promise<string | null> {
  const { hostname, port, protocol } = new URL(origin);
  const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) });
    const end = (problem: string | null): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(CONNECT_WITHIN_MS, () => end(`no connection within ${CONNECT_WITHIN_MS} ms`));
    socket.once("connect", () => end(null));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
