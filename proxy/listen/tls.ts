/**
 * TLS for clients. HTTP/1.1 over it is served by the same server as without TLS, so that one behaves like the other; a
 * connection that chose HTTP/2 in its handshake (ALPN) is handed to `serveHttp2`.
 */
import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ListenTlsSettings } from "../config/settings.ts";

/** A client that takes longer than this for its handshake is cut off (Node would wait 120 s). */
const HANDSHAKE_WITHIN_MS = 30_000;

export interface SecureServer {
  readonly server: Server;
  /**
   * From now on connections that begin get this certificate; open ones keep theirs.
   * @throws where OpenSSL refuses the pair; the one before stays in use
   */
  useCertificate(tls: ListenTlsSettings): void;
  /** Ends connections whose handshake is not over: nothing was asked on them, and they would hold up the end. */
  endHandshakes(): void;
}

export function createSecureServer(
  { cert, key, http2 }: ListenTlsSettings,
  http1: ServerOptions,
  handler: RequestListener,
  serveHttp2: (socket: TLSSocket) => void,
): SecureServer {
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
  const handshakes = new Map<string, Socket>();
  server.on("connection", (stream) => {
    const socket = stream as Socket;
    const peer = peerOf(socket);
    handshakes.set(peer, socket);
    socket.once("close", () => handshakes.delete(peer));
  });
  const serveHttp1 = server.listeners("secureConnection") as ((socket: TLSSocket) => void)[];
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket) => {
    handshakes.delete(peerOf(socket));
    if (socket.alpnProtocol === "h2") {
      serveHttp2(socket);
      return;
    }
    // As without TLS: who ends its side may still read its answer. Not as an option of the server: then a client that
    // leaves within its handshake is not noticed until the handshake's time is over (Node 24.21).
    socket.allowHalfOpen = true;
    for (const serve of serveHttp1) serve.call(server, socket);
  });
  return {
    server,
    useCertificate: (tls) => server.setSecureContext({ cert: tls.cert, key: tls.key }),
    endHandshakes() {
      for (const socket of handshakes.values()) socket.destroy();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
