import type { ServiceSettings } from "../config/settings.ts";
import { createDial, type Dial } from "./dial.ts";

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
  /** By settings, so that the sessions of a dial are used again and a reload brings a new one. */
  const dials = new WeakMap<ServiceSettings, Dial>();
  const ask = async (): Promise<void> => {
    await Promise.all(
      services().map(async (service) => {
        const dial = dials.get(service) ?? createDial(service);
        dials.set(service, dial);
        const problem = await tryConnect(dial);
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

/** Up to the end of the TLS handshake where there is one: a certificate that is not trusted would fail every request. */
function tryConnect(dial: Dial): Promise<string | null> {
  return new Promise((resolve) => {
    const { socket, readyEvent } = dial({ onread: { buffer: Buffer.alloc(1), callback: () => true } });
    const end = (problem: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(problem);
    };
    const timer = setTimeout(() => end(`no connection within ${CONNECT_WITHIN_MS} ms`), CONNECT_WITHIN_MS);
    socket.once(readyEvent, () => end(null));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
