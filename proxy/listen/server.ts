import { METHODS, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import httpProxy from "@fastify/http-proxy";
import Fastify from "fastify";
import type { Address } from "../config/settings.ts";
import { listenError } from "../listen-error.ts";
import { headFault, mayHaveLostBytes, refuseHead } from "./head-faults.ts";
import { Turns } from "./turns.ts";

export interface Listener {
  readonly address: Address;
  /** No new connections or requests; resolves when every exchange on it has ended. */
  close(): Promise<void>;
  /** Ends what `close` still waits for. */
  closeAllConnections(): void;
}

const CLOSE_IDLE_EVERY_MS = 20;
/** Larger request heads are answered 431. Node's own bound is 16 KiB; a primary may have any. */
const MAX_REQUEST_HEAD_BYTES = 256 * 1024;

/** A documented setting of Node's servers which its types do not know. */
interface HalfOpenServer {
  httpAllowHalfOpen: boolean;
}

/** A client's request as it came off the wire; `target` is the request target byte for byte. */
export type Handle = (request: IncomingMessage, response: ServerResponse, target: string) => void;

/**
 * The public listener. Fastify owns the server; @fastify/http-proxy owns the route and hands every request to our handler.
 * Both would refuse requests that an upstream accepts (`%zz`, `..`, `//h`, absolute-form, unusual methods), so Fastify is
 * shown `/` in place of every target; the real one is kept beside it (docs/decisions/0002).
 */
export async function createListener(listen: Address, primaryOrigin: string, handle: Handle): Promise<Listener> {
  const turns = new Turns();
  const app = Fastify({
    logger: false,
    clientErrorHandler: (error, socket) => turns.unreadable(error, socket),
    rewriteUrl: () => "/",
    bodyLimit: Number.MAX_SAFE_INTEGER,
    // Large uploads take as long as they take; slow heads are bounded by Node's headersTimeout (60 s).
    requestTimeout: 0,
    http: {
      maxHeaderSize: MAX_REQUEST_HEAD_BYTES,
      // Whether a request without Host is one is for the primary to say.
      requireHostHeader: false,
    },
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
    upstream: primaryOrigin,
    routes: ["/"],
    httpMethods: METHODS.filter((method) => method !== "CONNECT"),
    handler: (request, reply) => {
      reply.hijack();
      const { originalUrl, raw } = request;
      turns.take(raw, reply.raw, () => {
        const fault = headFault(raw);
        if (fault !== null) {
          refuseHead(reply.raw, fault);
          return;
        }
        if (mayHaveLostBytes(raw)) reply.raw.shouldKeepAlive = false;
        handle(raw, reply.raw, originalUrl);
      });
    },
  });
  // Node drops headers beyond 2,000 without a word; the head's size is the limit.
  app.server.maxHeadersCount = 0;
  // A client may end its side after its request and still read the answer; the forwarder tells the primary.
  (app.server as unknown as HalfOpenServer).httpAllowHalfOpen = true;
  // The primary decides about `Expect: 100-continue`; without this listener Node would say yes in its place.
  const route = (request: IncomingMessage, response: ServerResponse): void => app.routing(request, response);
  app.server.on("checkContinue", route);
  app.server.on("checkExpectation", route);
  try {
    await app.listen({ host: listen.host, port: listen.port });
  } catch (cause) {
    await app.close();
    throw listenError(listen, cause as NodeJS.ErrnoException);
  }
  const bound = app.server.address() as AddressInfo;
  return {
    address: { host: listen.host, port: bound.port },
    async close() {
      // Connections that were busy when closing began go idle later, and Node would keep them for another request.
      const idle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
      await app.close().finally(() => clearInterval(idle));
    },
    closeAllConnections: () => app.server.closeAllConnections(),
  };
}
