/**
 * Connections of clients that chose HTTP/2: their settings, their bounds, their end. What a stream carries becomes an
 * ordinary request and response in http2-exchange.ts.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { Http2Request, Http2Response, problemOf } from "./http2-exchange.ts";

/** Exchanges that one connection may have open at once; more are refused and tried again by the client (RFC 9113, 5.1.2). */
const MAX_STREAMS = 128;
/** What a client may send ahead of what the primary takes: for one stream, and for a connection. Node's are 64 KiB. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
/** As with HTTP/1.1. nghttp2 takes no more than eight CONTINUATION frames, which is 144 KiB at the usual frame size. */
const MAX_REQUEST_HEAD_BYTES = 256 * 1024;
/** Node's is 128; here the head's size is the limit. */
const MAX_HEADER_LINES = 65_536;
/** Answers with heads up to this size pass, as with HTTP/1.1; a client may announce that it takes less. */
const MAX_ANSWER_HEAD_BYTES = 256 * 1024;
/** As long as HTTP/1.1 connections are kept for a next request (Fastify's default). */
const IDLE_MS = 72_000;
/** Resets of a client's own streams that are borne: at once, and a second (CVE-2023-44487). Node's defaults, kept in sight. */
const RESET_BURST = 1000;
const RESETS_PER_SECOND = 33;

const OPTIONS = {
  settings: {
    maxConcurrentStreams: MAX_STREAMS,
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxHeaderListSize: MAX_REQUEST_HEAD_BYTES,
    // WebSocket over HTTP/2 (RFC 8441) is not offered: its CONNECT has no place in an exchange.
    enableConnectProtocol: false,
    enablePush: false,
  },
  maxHeaderListPairs: MAX_HEADER_LINES,
  maxSendHeaderBlockLength: MAX_ANSWER_HEAD_BYTES,
  streamResetBurst: RESET_BURST,
  streamResetRate: RESETS_PER_SECOND,
  // A primary may repeat what HTTP says stands once, and its client shall see it.
  strictSingleValueFields: false,
};

export interface Http2Sessions {
  accept(socket: TLSSocket): void;
  /** Tells every client to begin nothing more (GOAWAY); what is under way goes on. */
  close(): void;
  /** Ends everything at once. */
  destroy(): void;
}

/** `idleMs`: after so long without a stream a connection is closed. */
export function createHttp2Sessions(
  handle: (request: Http2Request, response: Http2Response) => void,
  idleMs = IDLE_MS,
): Http2Sessions {
  const sessions = new Set<ServerHttp2Session>();
  let closing = false;
  return {
    accept(socket) {
      const session = performServerHandshake(socket, OPTIONS);
      sessions.add(session);
      // What ends a session ends its streams, each of which tells its own exchange.
      session.on("error", () => {});
      session.once("close", () => sessions.delete(session));
      session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      const streams = new OpenStreams(session, idleMs);
      session.on("stream", (stream, _headers, _flags, rawHeaders: string[]) => {
        streams.add(stream);
        stream.on("error", () => {});
        const problem = problemOf(rawHeaders);
        if (problem !== null) refuse(stream, problem);
        else {
          const request = new Http2Request(stream, rawHeaders, socket);
          handle(request, new Http2Response(stream));
        }
      });
      if (closing) session.close();
    },
    close() {
      closing = true;
      for (const session of sessions) session.close();
    },
    destroy() {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Closes a session that has had no stream for a while, also one whose first never comes. */
class OpenStreams {
  readonly #session: ServerHttp2Session;
  readonly #idleMs: number;
  #count = 0;
  #idle: NodeJS.Timeout;

  constructor(session: ServerHttp2Session, idleMs: number) {
    this.#session = session;
    this.#idleMs = idleMs;
    this.#idle = this.#wait();
    session.once("close", () => clearTimeout(this.#idle));
  }

  add(stream: ServerHttp2Stream): void {
    this.#count += 1;
    clearTimeout(this.#idle);
    stream.once("close", () => {
      this.#count -= 1;
      if (this.#count === 0 && !this.#session.closed) this.#idle = this.#wait();
    });
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => this.#session.close(), this.#idleMs).unref();
  }
}

function refuse(stream: ServerHttp2Stream, status: 400 | 405): void {
  if (stream.destroyed) return;
  stream.respond({ [constants.HTTP2_HEADER_STATUS]: status }, { endStream: true });
  stream.resume();
}
