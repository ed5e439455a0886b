/**
 * Both services of the scale run, each a process of its own, told by its parent what to do:
 * GET /small?… answers its target · GET /events is a stream that gets an event whenever the parent says so ·
 * GET /download?BYTES, and PUT /grown/…?BYTES (their last byte is another one once the parent has said so) · PUT /upload/… says how many bytes came and whether they were the right ones · PUT /held/… does
 * too, but reads nothing before the parent has said so · an Upgrade to websocket becomes a tunnel that echoes.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { PatternCheck, pieceAt } from "./pattern.ts";

const streams = new Set<ServerResponse>();
/** null once nothing is held any more. */
let held: (() => void)[] | null = [];
let spoilsLastByte = false;

const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (request, response) => {
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  if (path === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.flushHeaders();
    streams.add(response);
    response.once("close", () => streams.delete(response));
  } else if (path === "/download" || path.startsWith("/grown/")) {
    sendPattern(response, Number(query));
  } else if (path.startsWith("/upload/")) {
    takePattern(request, response);
  } else if (path.startsWith("/held/")) {
    const take = (): void => takePattern(request, response);
    if (held === null) take();
    else held.push(take);
  } else {
    response.end(`<${request.url}>`);
  }
});

function sendPattern(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": bytes });
  let sent = 0;
  const send = (): void => {
    while (sent < bytes && !response.destroyed) {
      let piece = pieceAt(sent, Math.min(256 * 1024, bytes - sent));
      sent += piece.length;
      if (spoilsLastByte && sent === bytes) piece = withOtherEnd(piece);
      if (!response.write(piece)) {
        response.once("drain", send);
        return;
      }
    }
    response.end();
  };
  send();
}

function withOtherEnd(piece: Buffer): Buffer {
  const other = Buffer.from(piece);
  other[other.length - 1] = (other[other.length - 1] as number) ^ 1;
  return other;
}

function takePattern(request: IncomingMessage, response: ServerResponse): void {
  const check = new PatternCheck();
  request.on("data", (chunk: Buffer) => check.take(chunk));
  request.once("end", () => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ bytes: check.length, intact: check.isIntact }));
  });
}

server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.on("error", () => socket.destroy());
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  if (head.length > 0) socket.write(head);
  socket.pipe(socket);
});

process.on("message", (message: { readonly event?: number; readonly release?: true; readonly spoil?: true }) => {
  if (message.spoil) spoilsLastByte = true;
  if (message.event !== undefined) for (const stream of streams) stream.write(`data: ${message.event}\n\n`);
  if (message.release) {
    for (const take of held ?? []) take();
    held = null;
  }
});
process.once("disconnect", () => process.exit());

server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
