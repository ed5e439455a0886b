/** A client's body on its way to the primary. */
import type { IncomingMessage } from "node:http";
import type { RawHeaders } from "../exchange.ts";
import type { StreamedBody } from "../ports.ts";
import type { BodyTaker } from "./capture.ts";
import { NOT_IN_TRAILERS } from "./client-answer.ts";

/** Bytes of the body that a head announces, or -1: in chunks. A message has one exactly if a header says so (RFC 9112, 6.3). */
export function announcedBody(headers: RawHeaders): number {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 14) {
      if (name.toLowerCase() === "content-length") return Number(headers[i + 1]);
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") return -1;
  }
  return 0;
}

/**
 * The whole body where it has already come (as it mostly has for small writes: head and body in one packet), else null.
 * Costs no waiting; saves the stream. Node 24 runs the tick after the head between the body and the message's end, so
 * `complete` alone would never be seen here: all announced bytes are there, which says as much.
 */
export function bodyAtHand(request: IncomingMessage, length: number): Buffer | null {
  if (!request.complete && request.readableLength !== length) return null;
  const bytes = request.read() as Buffer | null;
  // Nobody reads on: the stream is to see its end all the same.
  request.resume();
  return bytes ?? NO_BYTES;
}

const NO_BYTES = Buffer.alloc(0);

/** A client that is silent for so long within its body has gone, or wants to hold a connection of the primary. */
const BODY_SILENCE_MS = 300_000;

/** The client's body as it comes, with a copy for `capture`. */
export function streamedBody(
  request: IncomingMessage,
  capture: BodyTaker | null,
  silenceMs = BODY_SILENCE_MS,
): StreamedBody {
  if (request.httpVersionMajor === 1) {
    boundSilence(request, silenceMs);
    endWithSocket(request);
  }
  // A client that breaks off before the writer listens would otherwise end the process.
  request.on("error", ignore);
  if (capture !== null) request.on("data", (chunk: Buffer) => capture.take(chunk));
  // The copy's listener alone must not set it flowing.
  request.pause();
  return {
    stream: request,
    trailers: () => endToEndTrailers(request.rawTrailers),
    // What the client still sends is read and thrown away, so that it can read its answer.
    abandon: () => void request.resume(),
  };
}

/** The socket's own timer, which each read moves on: it costs a body nothing. */
function boundSilence(request: IncomingMessage, ms: number): void {
  const { socket } = request;
  let heldBack = false;
  socket.setTimeout(ms);
  request.on("timeout", () => {
    // While it is the primary that does not read, nothing is asked of the client; it may have gone on reading just now.
    const holdsBack = request.isPaused() || request.readableLength > 0;
    if (holdsBack || heldBack) socket.setTimeout(ms);
    else socket.destroy();
    heldBack = holdsBack;
  });
  request.once("end", () => {
    // After an early answer the timer is Node's own by now, which ends a connection that stays idle.
    if (socket.timeout === ms) socket.setTimeout(0);
  });
}

/**
 * Once its answer is written, Node (24.21) no longer tells a request that its connection has closed: the rest of an upload
 * that was answered early would be waited for without end, and with it the connection to the primary.
 */
function endWithSocket(request: IncomingMessage): void {
  const { socket } = request;
  const closed = (): void => void request.destroy();
  socket.once("close", closed);
  request.once("close", () => socket.off("close", closed));
}

function endToEndTrailers(raw: RawHeaders): RawHeaders {
  if (raw.length === 0) return raw;
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const lower = (raw[i] as string).toLowerCase();
    if (!NOT_IN_TRAILERS.has(lower) && !lower.startsWith("x-crossfade-"))
      kept.push(raw[i] as string, raw[i + 1] as string);
  }
  return kept;
}

function ignore(): void {}
