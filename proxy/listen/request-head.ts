import type { IncomingMessage } from "node:http";
import type { RequestHead } from "../exchange.ts";

export function readRequestHead(request: IncomingMessage, target: string): RequestHead {
  const mark = target.indexOf("?");
  return {
    method: request.method ?? "GET",
    target,
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark + 1),
    headers: request.rawHeaders,
    remoteAddress: request.socket.remoteAddress ?? "unknown",
    scheme: "encrypted" in request.socket ? "https" : "http",
  };
}
