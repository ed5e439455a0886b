/**
 * TLS for clients. HTTP/1.1 over it is served by the same server as without TLS, so that one behaves like the other; a
 * connection that chose HTTP/2 in its handshake (ALPN) is handed to `serveHttp2`.
 */
import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import type { ListenTlsSettings } from "../config/settings.ts";

/** A client that takes longer than this for its handshake is cut off (Node would wait 120 s). */
const HANDSHAKE_WITHIN_MS = 30_000;

export function createSecureServer(
  { cert, key, http2 }: ListenTlsSettings,
  http1: ServerOptions,
  handler: RequestListener,
  serveHttp2: (socket: TLSSocket) => void,
): Server {
  const server = createServer(
    {
      ...http1,
      cert,
      key,
      ALPNProtocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"],
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
    },
    handler,
  );
  const serveHttp1 = server.listeners("secureConnection") as ((socket: TLSSocket) => void)[];
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket) => {
    if (socket.alpnProtocol === "h2") serveHttp2(socket);
    else for (const serve of serveHttp1) serve.call(server, socket);
  });
  return server;
}

/**
 * From now on connections that begin get this certificate; open ones keep theirs.
 * @throws where OpenSSL refuses the pair; the one before stays in use
 */
export function useCertificate(server: Server, { cert, key }: ListenTlsSettings): void {
  server.setSecureContext({ cert, key });
}
