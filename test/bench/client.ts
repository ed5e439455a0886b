/** One kept connection of a load generator: one request at a time, opened anew when it breaks. */
import { connect, type Socket } from "node:net";
import { Framing } from "../support/framing.ts";
import { type Kind, readRequest, writeRequest } from "./traffic.ts";

export interface ClientEvents {
  /** Ready for its first request, or for the next one. */
  free(client: Client): void;
  /** `sentAt`: what `send` was given. */
  answered(sentAt: number, isSuccess: boolean): void;
  /** The connection broke; `wasBusy`: with a request under way, which is lost. `free` follows once it is open again. */
  broke(client: Client, wasBusy: boolean): void;
}

/** Between a broken connection and the next try. */
const RECONNECT_MS = 20;

export class Client {
  readonly #port: number;
  readonly #events: ClientEvents;
  #socket: Socket | null = null;
  #sentAt: number | null = null;
  #closed = false;

  constructor(port: number, events: ClientEvents) {
    this.#port = port;
    this.#events = events;
    this.#connect();
  }

  send(request: Buffer, at: number): void {
    this.#sentAt = at;
    this.#socket?.write(request);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    const framing = new Framing((message) => {
      const sentAt = this.#sentAt;
      if (sentAt === null) {
        socket.destroy(new Error("an answer that nothing asked for"));
        return;
      }
      this.#sentAt = null;
      // "HTTP/1.1 2": anything but a success is an error here.
      this.#events.answered(sentAt, message[9] === 0x32);
      this.#events.free(this);
    });
    socket.once("connect", () => {
      this.#socket = socket;
      this.#events.free(this);
    });
    socket.on("data", (chunk) => framing.take(chunk));
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#socket = null;
      if (this.#closed) return;
      const wasBusy = this.#sentAt !== null;
      this.#sentAt = null;
      this.#events.broke(this, wasBusy);
      setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }
}

/** Requests of one kind, made before the load begins, in turn. */
export function requestsOf(port: number, kind: Kind): () => Buffer {
  if (kind === "GET") {
    const read = Buffer.from(readRequest(port));
    return () => read;
  }
  const writes = Array.from({ length: KEYS_IN_TURN }, (_, n) => Buffer.from(writeRequest(port, n)));
  let next = Math.floor(Math.random() * writes.length);
  return () => writes[next++ % writes.length] as Buffer;
}

/** Writes go round these keys, so that they are spread over as many lanes. */
const KEYS_IN_TURN = 10_000;

/** Of latencies in milliseconds. */
export function quantilesOf(latencies: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
