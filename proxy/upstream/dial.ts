import net from "node:net";
import tls from "node:tls";
import type { ServiceTarget } from "../config/settings.ts";
import { endpointOf } from "../endpoint.ts";

/**
 * Opens one more connection to a service. The socket is connecting when it is handed over: nobody waits here, no time
 * limit runs, and what goes wrong is the socket's `error`. `readyEvent` is what it emits once it can be written to.
 * Its own side stays open when the service ends its: that is for whoever reads the answer to judge.
 */
export interface Dial {
  (options: { readonly onread: net.OnReadOpts }): {
    readonly socket: net.Socket;
    readonly readyEvent: "connect" | "secureConnect";
  };
}

/** Finds that a peer has gone without a word, where an answer may rightly be silent for hours. */
const KEEP_ALIVE_AFTER_MS = 60_000;

/**
 * Sockets stay half open: what the service's end means is for who reads its answer to say, and a tunnel goes on.
 * Every connection asks for the service's addresses anew, so that DNS answers that change are followed, and tries them in
 * turn, IPv6 and IPv4 (Node's autoSelectFamily). `lookup` stands in for `dns.lookup`.
 * @throws where the service's certificates cannot be used, which loading the config has ruled out
 */
export function createDial(target: ServiceTarget, lookup?: net.LookupFunction): Dial {
  const endpoint = endpointOf(target.origin);
  if ("path" in endpoint) {
    return ({ onread }) => ({
      socket: net.connect({ path: endpoint.path, onread, allowHalfOpen: true }),
      readyEvent: "connect",
    });
  }
  const where = { ...endpoint, allowHalfOpen: true, ...(lookup === undefined ? {} : { lookup }) };
  if (target.origin.startsWith("https:")) return secureDial(where, target);
  return ({ onread }) => ({
    socket: lively(net.connect({ ...where, onread, allowHalfOpen: true })),
    readyEvent: "connect",
  });
}

interface Where {
  readonly allowHalfOpen: boolean;
  readonly host: string;
  readonly port: number;
  readonly lookup?: net.LookupFunction;
}

function secureDial(where: Where, { tls: { ca, client, serverName, verify } }: ServiceTarget): Dial {
  const secureContext = tls.createSecureContext({ ...(ca === null ? {} : { ca }), ...client });
  // Never the Host header: what a client writes must not choose which certificate is asked for. SNI takes no addresses
  // (RFC 6066, 3); Node compares those with the certificate by `host`.
  const servername = serverName ?? (net.isIP(where.host) === 0 ? where.host : null);
  // Two options of the socket beneath are passed on (Node since 12.10), which the types do not say.
  const options: tls.ConnectionOptions & { readonly allowHalfOpen: boolean } = {
    ...where,
    ...(servername === null ? {} : { servername }),
    secureContext,
    rejectUnauthorized: verify,
    ALPNProtocols: ["http/1.1"],
    allowHalfOpen: true,
  };
  /** Makes the next handshake shorter; of the last connection whose certificate was found good. */
  let session: Buffer | null = null;
  return ({ onread }) => {
    const withBuffer: typeof options & { readonly onread: net.OnReadOpts } = { ...options, onread };
    const socket = tls.connect(session === null ? withBuffer : { ...withBuffer, session });
    let trusted = false;
    socket.once("secureConnect", () => {
      trusted = true;
      // TLS 1.3 hands out sessions later, in messages of their own; before, the handshake itself makes one.
      if (socket.getProtocol() !== "TLSv1.3") session = socket.getSession() ?? null;
    });
    socket.on("session", (made: Buffer) => {
      if (trusted) session = made;
    });
    // A session that the service no longer knows must not spoil the connection after this one too.
    socket.once("error", () => {
      if (!trusted) session = null;
    });
    return { socket: lively(socket), readyEvent: "secureConnect" };
  };
}

/** Small writes leave at once, and a peer that is gone is noticed. */
function lively<S extends net.Socket>(socket: S): S {
  // Of the handle that is connected in the end: each address that is tried has one of its own.
  socket.once("connect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
  });
  return socket;
}
