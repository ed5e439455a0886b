import type { Readable } from "node:stream";
import type { Socket } from "node:net";
import { CrossfadeError } from "../errors.ts";
import type { StreamedBody } from "../ports.ts";
import type { Framing } from "./request-head.ts";

interface UploadWatch {
  done(): void;
  broken(error: CrossfadeError): void;
}

const CRLF = Buffer.from("\r\n");

/** A request's body on its way from a stream to the socket, in the framing of its head, with back-pressure. */
export class Upload {
  /** The socket's side ends after the last byte. */
  thenEnd = false;
  readonly #body: StreamedBody;
  readonly #chunked: boolean;
  readonly #watch: UploadWatch;
  #remaining: number;
  #socket: Socket | null = null;
  #over = false;
  #whole = false;

  constructor(body: StreamedBody, framing: Framing, watch: UploadWatch) {
    this.#body = body;
    this.#chunked = framing.chunked;
    this.#remaining = framing.length;
    this.#watch = watch;
  }

  get isDone(): boolean {
    return this.#over;
  }

  begin(socket: Socket): void {
    this.#socket = socket;
    const { stream } = this.#body;
    if (stream.readableEnded) {
      this.#end();
      return;
    }
    stream.on("data", this.#take);
    stream.once("end", this.#end);
    stream.once("error", this.#broken);
    stream.once("close", this.#broken);
    if (stream.destroyed) this.#broken();
    else stream.resume();
  }

  /** The socket takes more. */
  resume(): void {
    if (!this.#over) this.#body.stream.resume();
  }

  /** Lets go of a stream of which not all was read. */
  abandon(): void {
    if (this.#over) return;
    this.#letGo();
    if (!this.#whole) this.#body.abandon();
  }

  readonly #take = (chunk: Buffer): void => {
    const socket = this.#socket as Socket;
    let more: boolean;
    if (this.#chunked) {
      if (chunk.length === 0) return;
      socket.cork();
      socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
      socket.write(chunk);
      more = socket.write(CRLF);
      socket.uncork();
    } else {
      if (this.#remaining !== -1) {
        this.#remaining -= chunk.length;
        if (this.#remaining < 0) {
          this.#stop(new CrossfadeError("internal", "the body is longer than its Content-Length", { source: "proxy" }));
          return;
        }
      }
      more = socket.write(chunk);
    }
    if (!more) this.#body.stream.pause();
  };

  readonly #end = (): void => {
    if (this.#over) return;
    if (this.#remaining > 0) {
      this.#stop(new CrossfadeError("internal", "the body is shorter than its Content-Length", { source: "proxy" }));
      return;
    }
    this.#whole = true;
    this.#letGo();
    if (this.#chunked) (this.#socket as Socket).write(lastChunk(this.#body.trailers()), "latin1");
    this.#watch.done();
  };

  readonly #broken = (cause?: Error): void => {
    const words = "the body broke off before its end";
    this.#stop(new CrossfadeError("aborted", words, { source: "client", cause }));
  };

  #stop(error: CrossfadeError): void {
    if (this.#over) return;
    this.abandon();
    this.#watch.broken(error);
  }

  #letGo(): void {
    this.#over = true;
    const { stream } = this.#body;
    stream.off("data", this.#take);
    stream.off("end", this.#end);
    stream.off("error", this.#broken);
    stream.off("close", this.#broken);
    // What breaks from now on is nobody's business any more, and must not end the process.
    stream.on("error", ignore);
  }
}

function lastChunk(trailers: readonly string[]): string {
  let text = "0\r\n";
  for (let i = 0; i + 1 < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return `${text}\r\n`;
}

function ignore(): void {}

/** The client's half of a tunnel: bytes as they come, then the end. */
export function tunnelUpload(stream: Readable, watch: UploadWatch): Upload {
  const upload = new Upload({ stream, trailers: () => [], abandon: () => {} }, { chunked: false, length: -1 }, watch);
  upload.thenEnd = true;
  return upload;
}
