import type { Duplex } from "node:stream";
import { encodeFrame, FrameReader } from "./frames.ts";

/**
 * One end of the socket between the parent and a worker. What is sent within a turn of the event loop leaves in one write.
 */
export class Link<Sent extends object, Received> {
  readonly #socket: Duplex;
  #isCorked = false;

  /**
   * `take` gets each message in the order in which they were sent; its bytes are a view, and whoever keeps them copies them.
   * `lost`: the other side is gone. Neither may throw.
   */
  constructor(socket: Duplex, take: (message: Received, bytes: Buffer) => void, lost: () => void) {
    this.#socket = socket;
    const reader = new FrameReader((message, bytes) => take(message as Received, bytes));
    socket.on("data", (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        // What follows cannot be read either.
        socket.destroy();
      }
    });
    // Its end follows, and says all there is to say.
    socket.on("error", () => undefined);
    socket.once("close", lost);
  }

  /** Bytes that the other side has not read yet. */
  get behindBytes(): number {
    return this.#socket.writableLength;
  }

  /** `written`: nobody here reads the bytes any more. Also called where the other side is gone. */
  send(message: Sent, bytes: readonly Buffer[] = [], written?: () => void): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    const pieces = encodeFrame(message, bytes);
    for (const [n, piece] of pieces.entries()) {
      if (n === pieces.length - 1 && written !== undefined) this.#socket.write(piece, written);
      else this.#socket.write(piece);
    }
  }

  /** Once everything has been written. */
  end(): void {
    this.#socket.end();
  }
}
