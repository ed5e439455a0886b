import type { IncomingMessage } from "node:http";
import type { RequestHead } from "../exchange.ts";

export function readRequestHead(request: IncomingMessage, target: string): RequestHead {
  const mark = target.indexOf("?");
  return {
    method: request.method ?? "GET",
    target,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark + 1),
    headers: request.httpVersion === "1.0" ? withHost(request) : request.rawHeaders,
    remoteAddress: request.socket.remoteAddress ?? "unknown",
    scheme: "encrypted" in request.socket ? "https" : "http",
  };
}

/**
 * HTTP/1.0 knows requests without Host, HTTP/1.1, in which we pass them on, does not (RFC 9112, 3.2): then it is the
 * address that the client connected to.
 */
function withHost({ rawHeaders, socket }: IncomingMessage): readonly string[] {
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === "host") return rawHeaders;
  const { localAddress = "localhost", localPort } = socket;
  const host = localAddress.includes(":") ? `[${localAddress}]` : localAddress;
  return ["Host", localPort === undefined ? host : `${host}:${localPort}`, ...rawHeaders];
}
