/** A service that can be sick in every way in which a shadow can, switched while it runs. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Framing } from "./framing.ts";

export const SHADOW_FAULTS = ["slow", "hanging", "refusing", "resetting", "dripping", "failing", "gigabytes"] as const;
export type ShadowFault = (typeof SHADOW_FAULTS)[number] | "none";

export interface FaultyService {
  readonly url: string;
  /** Complete requests so far. */
  seen(): number;
  openSockets(): number;
  /** From the next request on; `refusing` also ends every connection that is open. */
  become(fault: ShadowFault): Promise<void>;
  /** Answers what `hanging` holds. */
  release(): void;
  close(): Promise<void>;
}

export interface FaultyServiceOptions {
  /** Each answer as it goes over the wire. */
  readonly answer: Buffer;
  /** How late `slow` answers. Default 1 s. */
  readonly slowMs?: number;
}

const DRIP_EVERY_MS = 20;
const GIGABYTE = 2 ** 30;
const FILLING = Buffer.alloc(64 * 1024, "g");
const FAILURE = Buffer.from("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nsick");

export async function startFaultyService({ answer, slowMs = 1000 }: FaultyServiceOptions): Promise<FaultyService> {
  const sockets = new Set<Socket>();
  const held = new Set<Socket>();
  let fault: ShadowFault = "none";
  let seen = 0;

  const reply = (socket: Socket): void => {
    switch (fault) {
      case "none":
        socket.write(answer);
        return;
      case "slow":
        setTimeout(() => socket.write(answer), slowMs);
        return;
      case "hanging":
        held.add(socket);
        return;
      case "refusing":
      case "resetting":
        socket.resetAndDestroy();
        return;
      case "dripping":
        drip(socket, answer);
        return;
      case "failing":
        socket.write(FAILURE);
        return;
      case "gigabytes":
        pour(socket);
        return;
      default: {
        const never: never = fault;
        throw new TypeError(`no such fault: ${String(never)}`);
      }
    }
  };

  const server = createServer({ noDelay: true }, (socket) => {
    const framing = new Framing(() => {
      seen++;
      reply(socket);
    });
    sockets.add(socket);
    socket.on("data", (chunk) => framing.take(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      held.delete(socket);
    });
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const endAll = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    seen: () => seen,
    openSockets: () => sockets.size,
    async become(next) {
      const was = fault;
      fault = next;
      if (next === "refusing" && was !== "refusing") await endAll();
      if (next !== "refusing" && was === "refusing") await listen(port);
    },
    release() {
      for (const socket of held) socket.write(answer);
      held.clear();
    },
    async close() {
      if (server.listening) await endAll();
    },
  };
}

/** A byte at a time; whoever reads gives up first. */
function drip(socket: Socket, answer: Buffer): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at >= answer.length) clearInterval(timer);
    else socket.write(answer.subarray(at, ++at));
  }, DRIP_EVERY_MS);
  socket.once("close", () => clearInterval(timer));
}

/** A gigabyte as fast as it is read. */
function pour(socket: Socket): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${GIGABYTE}\r\n\r\n`);
  let left = GIGABYTE;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= FILLING.length;
      if (!socket.write(FILLING)) return;
    }
    socket.off("drain", more);
  };
  socket.on("drain", more);
  more();
}
