/** The admin's address while the store is away at a start. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Address } from "../config/settings.ts";
import { listenError } from "../process/listen-error.ts";

export interface WaitingAdmin {
  readonly address: Address;
  /** Nobody answers there any more. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * What a supervisor asks, without a word of the store: nobody is asked for a token. The rest is answered once the store is there.
 * @throws CrossfadeError: the address is taken
 */
export async function listenWaitingAdmin(listen: Address, isReady: boolean): Promise<WaitingAdmin> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    const told =
      path === "/healthz"
        ? { status: 200, type: "application/json", body: { alive: true } }
        : path === "/readyz"
          ? { status: isReady ? 200 : 503, type: "application/json", body: { ready: isReady } }
          : {
              ...{ status: 503, type: "application/problem+json" },
              body: { type: "about:blank", status: 503, title: "The store is away", detail: "store-unavailable" },
            };
    response.writeHead(told.status, { "content-type": told.type, "retry-after": "1" });
    response.end(JSON.stringify(told.body));
  });
  try {
    server.listen({ ...listen });
    await once(server, "listening");
  } catch (cause) {
    throw listenError(listen, cause as NodeJS.ErrnoException);
  }
  return {
    address: { ...listen, port: (server.address() as AddressInfo).port },
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
