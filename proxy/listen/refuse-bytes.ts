import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** What Node's parser and its timers call their errors; everything else is 400. */
const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** How long a client may take to read our answer and close; a reset at once could destroy the answer on its way. */
const LINGER_MS = 1_000;

/** Answers bytes that are no request, and ends the connection. */
export function refuseBytes(socket: Duplex, error: NodeJS.ErrnoException): void {
  if (socket.destroyed || !socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  socket.once("end", () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  // Bytes behind a message that ends the connection are nobody's (RFC 9112, 9.6).
  if (error.code === "HPE_CLOSED_CONNECTION") {
    socket.end();
    return;
  }
  const status = STATUSES[error.code ?? ""] ?? 400;
  const body = JSON.stringify({ type: "about:blank", status, title: STATUS_CODES[status] });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
