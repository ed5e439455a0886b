/**
 * Where clients come in while the store is away at a start: what is safe goes to its primary and nowhere else, the rest gets 503. Once
 * the store is there the same listener is handed over: writes that come meanwhile wait, so that none is on its way past the books
 * when they are opened.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Address, Settings } from "../config/settings.ts";
import type { Snapshot } from "../exchange.ts";
import type { OpenTunnels } from "../forward/open-tunnels.ts";
import { type Refusal, refuse } from "../forward/refusal.ts";
import { createFront } from "../front.ts";
import { createListener, type Handlers, type Listener } from "../listen/server.ts";
import { readRequestHead } from "../listen/request-head.ts";
import { listenError } from "../listen-error.ts";
import { OpenWrites } from "../phase/open-writes.ts";
import { holdBack, WriteHold } from "../phase/write-hold.ts";
import type { Clock } from "../ports.ts";
import { classifyRequest, methodOverride } from "../route/plan.ts";
import { Pools } from "../upstream/pools.ts";

export interface WaitingDoorParts {
  readonly settings: Settings;
  readonly snapshot: Snapshot;
  /** See `Safe`. */
  readonly refused: ReadonlyMap<string, string>;
  readonly tunnels: OpenTunnels;
  readonly clock: Clock;
  readonly caught: (step: string, error: unknown) => void;
}

export interface WaitingDoor {
  readonly listener: Listener;
  /** Where `/healthz` and `/readyz` are answered. */
  readonly adminAddress: Address;
  readonly tunnels: OpenTunnels;
  /** New writes wait from here on. Whether those that were under way have ended within the time (ms). */
  settled(withinMs: number): Promise<boolean>;
  /** Those that wait go on: as they would have, or by way of whom it was handed over to. */
  goOn(): void;
  /** What comes from here on is others'; nobody answers at the admin's address any more. */
  handOver(handlers: Handlers): Promise<Listener>;
  close(): Promise<void>;
}

const HELD = { atMost: 1_000, forMs: 5_000 };

const AWAY: Refusal = {
  status: 503,
  title: "This proxy cannot tell now which service is the right one",
  detail: "store-unavailable",
  retryAfterSeconds: 1,
};

/** @throws CrossfadeError: an address is taken */
export async function openWaitingDoor(parts: WaitingDoorParts): Promise<WaitingDoor> {
  const { settings, snapshot, refused, tunnels, clock, caught } = parts;
  const [pools, hold, openWrites] = [new Pools(), new WriteHold(), new OpenWrites()];
  const routes = settings.routes.map(({ name }) => name);
  const front = createFront({
    snapshot: () => snapshot,
    // Nothing could be told of a copy: the gap is told before the first write.
    mirroringEnabled: () => false,
    upstream: (role, service) => pools.for(role, service),
    intake: { open: () => caught("pipeline", new TypeError("nothing is mirrored without a store")) },
    clients: { of: () => null, dialled: () => null, fallenBack: () => null },
    // Without the store nobody knows what a write may have touched.
    dial: { mayAsk: () => false, count: () => undefined },
    fallback: { mayAsk: () => false, count: () => undefined, missed: () => undefined },
    hold: { holds: () => false, take: () => () => undefined },
    openWrites,
    tunnels,
    noise: { watch: () => null, sawFailure: () => undefined },
    telemetry: { clientRequest: () => undefined, serverRequest: () => undefined, span: () => undefined },
    clock,
    caught,
  });

  function handle(request: IncomingMessage, response: ServerResponse, target: string): void {
    try {
      const head = readRequestHead(request, target);
      const route = snapshot.router.match(head)?.route ?? null;
      if (route === null) front.handle(request, response, target);
      else if (refused.has(route.name)) refuse(response, AWAY, request.complete);
      else if (hold.holds(route.name) && classifyRequest(head.method, route.treatAs, methodOverride(head)) === "write")
        holdBack(hold, response, {
          goOn: () => handlers.handle(request, response, target),
          refuse: () => refuse(response, AWAY, request.complete),
        });
      else front.handle(request, response, target);
    } catch (error) {
      caught("pipeline", error);
      response.destroy();
    }
  }

  const own: Handlers = {
    handle,
    tunnel(request, socket, head) {
      const route = snapshot.router.match(readRequestHead(request, request.url ?? ""))?.route;
      if (route !== undefined && refused.has(route.name)) {
        socket.end(
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
      } else front.tunnel(request, socket, head);
    },
    tunnels: (protocol) => settings.tunnels.includes(protocol),
  };
  let handlers = own;
  const listener = await createListener(settings, {
    handle: (request, response, target) => handlers.handle(request, response, target),
    tunnel: (request, socket, head) => handlers.tunnel(request, socket, head),
    tunnels: (protocol) => handlers.tunnels(protocol),
  });
  const isReady = settings.routes.some(({ name }) => !refused.has(name));
  const admin = await listenAdmin(settings.admin.listen, isReady).catch(async (error: unknown) => {
    await listener.close();
    throw error;
  });
  const closeAdmin = async (): Promise<void> => {
    if (!admin.listening) return;
    const closed = once(admin, "close");
    admin.close();
    admin.closeAllConnections();
    await closed;
  };
  return {
    listener,
    adminAddress: { ...settings.admin.listen, port: (admin.address() as AddressInfo).port },
    tunnels,
    async settled(withinMs) {
      hold.begin(routes, HELD);
      await openWrites.whenNone(routes, AbortSignal.timeout(withinMs));
      return openWrites.count(routes) === 0;
    },
    goOn: () => hold.release(),
    async handOver(next) {
      await closeAdmin();
      handlers = next;
      hold.release();
      return listener;
    },
    async close() {
      hold.release();
      await Promise.all([listener.close(), closeAdmin()]);
      await pools.close("primary");
    },
  };
}

/** What a supervisor asks, without a word of the store: nobody is asked for a token. The rest is answered once the store is there. */
async function listenAdmin(listen: Address, isReady: boolean): Promise<Server> {
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
  return server;
}
