/** A TCP relay between a client and a server, which can lose answers and change servers, as networks and failovers do. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Cleanup } from "./crossfade.ts";

export interface Relay {
  readonly port: number;
  /** The next answer is not passed on: the connection ends in its place. Resolves when that has happened. */
  loseAnswer(): Promise<void>;
  /** From now on connections lead there; those that are open end. */
  leadTo(port: number): void;
}

export async function startRelay(t: Cleanup, target: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let port = target;
  let lose: (() => void) | null = null;
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      if (lose === null) {
        client.write(chunk);
        return;
      }
      lose();
      lose = null;
      client.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    const closed = once(server, "close");
    server.close();
    endAll();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    loseAnswer: () => new Promise((resolve) => (lose = resolve)),
    leadTo(next) {
      port = next;
      endAll();
    },
  };
}
