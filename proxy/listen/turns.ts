import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refuseBytes } from "./refuse-bytes.ts";

/**
 * The requests of one connection, one after another. Node's server hands over everything that came in a packet at once:
 * without turns a pipelined write would overtake the one before it at the primary, a thousand requests in one packet
 * would be a thousand connections upstream, and a request behind an answer that says `Connection: close` would be
 * carried out although nobody will ever get its answer (RFC 9112, 9.3.2 and 9.6).
 */
export class Turns {
  /** Of each connection, the answer to the request that came last. */
  readonly #latest = new WeakMap<Duplex, ServerResponse>();
  readonly #broken = new WeakMap<Duplex, NodeJS.ErrnoException>();

  /** Calls `go` once every answer before this one has left; never, where one of them ends the connection. */
  take(request: IncomingMessage, response: ServerResponse, go: () => void): void {
    const { socket } = request;
    const ahead = this.#latest.get(socket);
    this.#latest.set(socket, response);
    // Node gives an answer its socket when its turn has come.
    if (response.socket !== null || ahead === undefined) {
      go();
      return;
    }
    ahead.once("close", () => {
      if (response.socket === null) return;
      const error = this.#broken.get(socket);
      if (error !== undefined && !request.complete) refuseBytes(socket, error);
      else go();
    });
  }

  /** Calls `go` once every answer on this connection has left; never, where one of them ends it. */
  whenFree(socket: Duplex, go: () => void): void {
    const ahead = this.#latest.get(socket);
    if (ahead === undefined || ahead.closed) go();
    else ahead.once("close", go);
  }

  /**
   * The parser met bytes that are no request. Those before them were requests and may have been carried out: their
   * answers go first, or the client would take our refusal for the answer to one of them.
   */
  unreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (socket.destroyed || this.#broken.has(socket)) return;
    this.#broken.set(socket, error);
    const last = this.#latest.get(socket);
    if (last === undefined || last.closed) {
      refuseBytes(socket, error);
      return;
    }
    if (last.req.complete) {
      last.once("close", () => refuseBytes(socket, error));
      return;
    }
    // It is the body of the last request that cannot be read; where it waits for its turn, `take` refuses it.
    if (last.socket === null) return;
    if (last.headersSent) socket.destroy();
    else refuseBytes(socket, error);
  }
}
