import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Capture } from "./capture.ts";

/**
 * The client's body as a stream of its own. undici destroys the stream that it was given when the upstream fails, and a
 * destroyed IncomingMessage takes the client's socket with it: then there would be nobody left to tell 502.
 */
export class RelayedBody extends Readable {
  readonly #from: IncomingMessage;
  #whole = false;

  constructor(from: IncomingMessage, capture: Capture | null) {
    super({ highWaterMark: 64 * 1024 });
    this.#from = from;
    // A client that breaks off before any writer listens here would otherwise end the process.
    this.on("error", () => {});
    from.on("data", (chunk: Buffer) => {
      capture?.take(chunk);
      if (!this.destroyed && !this.push(chunk)) from.pause();
    });
    from.once("end", () => {
      this.#whole = true;
      if (!this.destroyed) this.push(null);
    });
    from.once("close", () => {
      if (!from.complete) this.destroy(new Error("the client went away before its body was complete"));
    });
  }

  /** Whether the client has sent all of it. */
  get isWhole(): boolean {
    return this.#whole;
  }

  override _read(): void {
    this.#from.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // What the client still sends is read and thrown away, so that it can read its answer.
    this.#from.resume();
    done(error);
  }
}

/** A message has a body exactly if one of these headers says so (RFC 9112, 6.3). */
export function announcesBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined) return true;
  const length = headers["content-length"];
  return length !== undefined && length !== "0";
}

/**
 * The whole body where it has already come (as it mostly has for small writes: head and body in one packet), else null.
 * Costs no waiting; saves the streams. Node 24 runs the tick after the head between the body and the message's end, so
 * `complete` alone would never be seen here: all announced bytes are there, which says as much.
 */
export function bodyAtHand(request: IncomingMessage): Buffer | null {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined) return null;
  if (!request.complete && request.readableLength !== Number(headers["content-length"])) return null;
  const bytes = request.read() as Buffer | null;
  // Nobody reads on: the stream is to see its end all the same.
  request.resume();
  return bytes ?? Buffer.alloc(0);
}
