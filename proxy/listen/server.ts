import {
  createServer,
  METHODS,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import httpProxy from "@fastify/http-proxy";
import Fastify from "fastify";
import type { Endpoint, ListenTlsSettings, Settings } from "../config/settings.ts";
import { listenError } from "../process/listen-error.ts";
import { headFault, refuseHead } from "./head-faults.ts";
import { createHttp2Sessions } from "./http2-sessions.ts";
import { createSecureServer, type SecureServer } from "./tls.ts";
import { Turns } from "./turns.ts";
import { takeUpgrades } from "./upgrades.ts";
import { removeStaleSocket, setSocketMode } from "./unix-socket.ts";

export interface Listener {
  readonly address: Endpoint;
  /**
   * Connections that begin from now on get this certificate; open ones keep theirs.
   * @throws where the pair cannot be used; the one before stays
   */
  useCertificate(tls: ListenTlsSettings): void;
  /** No new connections or requests; resolves when every exchange on it has ended. */
  close(): Promise<void>;
  /** Ends what `close` still waits for. */
  closeAllConnections(): void;
}

const CLOSE_IDLE_EVERY_MS = 20;
/** Larger request heads are answered 431. Node's own bound is 16 KiB; a primary may have any. */
const MAX_REQUEST_HEAD_BYTES = 256 * 1024;

/** How long a connection is kept for a next request: longer than balancers in front, which close after 60 s. */
const KEEP_ALIVE_MS = 72_000;

/** How long a client may take over a request's head before it gets 408; at most a look later. */
export interface Patience {
  readonly headMs: number;
  readonly lookEveryMs: number;
}

const PATIENCE: Patience = { headMs: 60_000, lookEveryMs: 10_000 };

export interface ListenerOptions {
  readonly patience?: Patience;
  /** The socket is another process's, which gives out its connections and sees to a Unix socket's file. */
  readonly isShared?: boolean;
}

function http1Options(patience: Patience) {
  return {
    maxHeaderSize: MAX_REQUEST_HEAD_BYTES,
    // A request without Host is for the primary to judge; one with two is refused by headFault, in its turn.
    requireHostHeader: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Large uploads take as long as they take; a silent one is ended by the forwarder.
    requestTimeout: 0,
    // Without a value of its own Node takes the smaller of 60 s and requestTimeout: none.
    headersTimeout: patience.headMs,
    connectionsCheckingInterval: patience.lookEveryMs,
  };
}

function prepared<S extends Server>(server: S, route: RequestListener): S {
  // Node drops headers beyond 2,000 without a word; the head's size is the limit.
  server.maxHeadersCount = 0;
  // A client may end its side after its request and still read the answer; the forwarder tells the primary. Documented,
  // and missing in Node's types.
  Object.assign(server, { httpAllowHalfOpen: true });
  // The primary decides about `Expect: 100-continue`; without this listener Node would say yes in its place.
  server.on("checkContinue", route);
  server.on("checkExpectation", route);
  return server;
}

/** What becomes of what clients send. */
export interface Handlers {
  /** A client's request as it came off the wire; `target` is the request target byte for byte. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, target: string) => void;
  /** A request to change the protocol of its connection to one that is tunnelled; `head` is what came behind it. */
  readonly tunnel: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** Whether a protocol is tunnelled, by its lower-case name. */
  readonly tunnels: (protocol: string) => boolean;
}

/**
 * The public listener. Fastify owns the server and its life. Ordinary requests go from Node's server straight to `take`;
 * the way through Fastify's router and @fastify/http-proxy's `handler` is an eighth of what a read costs, so only what
 * Node reports by other events takes it (Expect). Both would refuse requests that an upstream accepts (`%zz`, `..`,
 * `//h`, absolute-form, unusual methods), so Fastify is shown `/` in place of every target (docs/decisions/0002, 0006).
 */
export async function createListener(
  { listen, socketMode, tls }: Pick<Settings, "listen" | "socketMode" | "tls">,
  { handle, tunnel, tunnels }: Handlers,
  { patience = PATIENCE, isShared = false }: ListenerOptions = {},
): Promise<Listener> {
  const http1 = http1Options(patience);
  const turns = new Turns();
  const http2 = createHttp2Sessions((request, response) =>
    handle(request as unknown as IncomingMessage, response as unknown as ServerResponse, request.url),
  );
  const secureServers: SecureServer[] = [];
  let closing = false;
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    const target = request.url ?? "";
    turns.take(request, response, () => {
      const fault = headFault(request);
      if (fault !== null) {
        refuseHead(response, fault);
        return;
      }
      if (closing) response.shouldKeepAlive = false;
      handle(request, response, target);
    });
  };
  const openTunnels = new Set<Socket>();
  const takeTunnel: Handlers["tunnel"] = (request, socket, head) => {
    const fault = headFault(request);
    if (closing || fault !== null) {
      socket.end(fault === null ? "" : `HTTP/1.1 ${fault} ${STATUS_CODES[fault]}\r\nConnection: close\r\n\r\n`);
      return;
    }
    openTunnels.add(socket);
    socket.once("close", () => openTunnels.delete(socket));
    tunnel(request, socket, head);
  };
  const makeServer = (byFastify: RequestListener): Server => {
    const connectionEvent = tls === null ? "connection" : "secureConnection";
    let server: Server;
    if (tls === null) {
      server = createServer(http1, take);
    } else {
      const secure = createSecureServer(tls, http1, take, (socket) => http2.accept(socket));
      secureServers.push(secure);
      server = secure.server;
    }
    takeUpgrades(server, { turns, tunnels, tunnel: takeTunnel, connectionEvent });
    return prepared(server, byFastify);
  };
  const app = Fastify({
    logger: false,
    clientErrorHandler: (error, socket) => turns.unreadable(error, socket),
    serverFactory: makeServer,
    rewriteUrl: () => "/",
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: false,
  });
  const known = new Set<string>(app.supportedMethods);
  for (const method of METHODS) {
    if (!known.has(method) && method !== "CONNECT") app.addHttpMethod(method, { hasBody: true });
  }
  // Fastify's own parsers would consume text and JSON bodies, and it answers 400 or 415 to content types (or their absence)
  // that it does not like. It gets to see one harmless type; what is forwarded is the raw header list.
  app.removeAllContentTypeParsers();
  app.addHook("onRequest", (request, _reply, done) => {
    request.headers["content-type"] = "application/octet-stream";
    done();
  });
  await app.register(httpProxy, {
    // Asked for by the plugin and never used: our handler forwards.
    upstream: "http://localhost",
    routes: ["/"],
    httpMethods: METHODS.filter((method) => method !== "CONNECT"),
    handler: (request, reply) => {
      reply.hijack();
      const { raw, originalUrl } = request;
      // Fastify has put `/` there.
      raw.url = originalUrl;
      take(raw, reply.raw);
    },
  });
  try {
    if ("path" in listen && !isShared) await removeStaleSocket(listen.path);
    // Fastify writes into what it is given, and these are the settings.
    await app.listen({ ...listen });
    if ("path" in listen && !isShared) setSocketMode(listen.path, socketMode);
  } catch (cause) {
    await app.close();
    throw listenError(listen, cause as NodeJS.ErrnoException);
  }
  return {
    address: "path" in listen ? listen : { ...listen, port: (app.server.address() as AddressInfo).port },
    useCertificate(next) {
      for (const secure of secureServers) secure.useCertificate(next);
    },
    async close() {
      closing = true;
      http2.close();
      // A tunnel has no end of its own to wait for: its client opens another elsewhere.
      for (const socket of openTunnels) socket.destroySoon();
      for (const secure of secureServers) secure.endHandshakes();
      // Connections that were busy when closing began go idle later, and Node would keep them for another request.
      const idle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
      await app.close().finally(() => clearInterval(idle));
    },
    closeAllConnections() {
      http2.destroy();
      app.server.closeAllConnections();
    },
  };
}
