import { Pool } from "undici";
import type { AnswerSink, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import type { RawHeaders } from "../exchange.ts";
import { CrossfadeError } from "../errors.ts";
import { upstreamError } from "./errors.ts";

const SECOND = 1000;
/** Answers with larger heads are refused by undici; Node's own servers stop at 16 KiB unless told otherwise. */
const MAX_ANSWER_HEAD_BYTES = 256 * 1024;
/** Below the 5 s after which Node's servers close an idle connection, so that we rarely write to one just closed. */
const IDLE_CONNECTION_MS = 4 * SECOND;
const CONNECT_TIMEOUT_MS = 10 * SECOND;

function decodeHeaders(raw: readonly (Buffer | string)[]): RawHeaders {
  const headers: string[] = [];
  for (const part of raw) headers.push(typeof part === "string" ? part : part.toString("latin1"));
  return headers;
}

/**
 * One request on undici's `dispatch`. The handler is undici's callback form (onConnect, onHeaders, …), which hands over
 * the raw header list; the newer form parses it into an object and loses order and case.
 */
class DispatchedCall implements UpstreamCall {
  readonly #sink: AnswerSink;
  #abort: ((error?: Error) => void) | null = null;
  #abortedWhy: string | null = null;
  #sent = false;
  #ended = false;
  #status = 0;
  #bodyBegun = false;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  abort(why: string): void {
    if (this.#ended || this.#abortedWhy !== null) return;
    this.#abortedWhy = why;
    this.#abort?.(new CrossfadeError("aborted", why, { source: "proxy" }));
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#abortedWhy !== null) {
      abort(new CrossfadeError("aborted", this.#abortedWhy, { source: "proxy" }));
      return;
    }
    this.#abort = abort;
    this.#sent = true;
    this.#sink.onSending();
  }

  onHeaders(status: number, rawHeaders: (Buffer | string)[], resume: () => void, statusText: string): boolean {
    if (status < 200) {
      this.#sink.onInformation(status, decodeHeaders(rawHeaders));
      return true;
    }
    this.#status = status;
    return this.#sink.onHead(status, statusText, decodeHeaders(rawHeaders), resume);
  }

  onData(chunk: Buffer): boolean {
    this.#bodyBegun = true;
    return this.#sink.onData(chunk);
  }

  onComplete(trailers: (Buffer | string)[] | null): void {
    this.#ended = true;
    this.#sink.onEnd(trailers === null || trailers.length === 0 ? [] : decodeHeaders(trailers));
  }

  onError(error: Error & { code?: string }): void {
    this.#ended = true;
    // A 304 may say the length of what it does not send (RFC 9110, 8.6); undici 7.30 waits for it.
    if (this.#status === 304 && !this.#bodyBegun && error.code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
      this.#sink.onEnd([]);
      return;
    }
    this.#sink.onError(upstreamError(error, this.#sent));
  }
}

/** The common case: HTTP/1.1 over kept-alive connections, no pipelining. */
export function createUndiciWriter(origin: string): Upstream {
  const pool = new Pool(origin, {
    pipelining: 1,
    connections: null,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
    maxHeaderSize: MAX_ANSWER_HEAD_BYTES,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  });
  return {
    send(request: UpstreamRequest, sink: AnswerSink): UpstreamCall {
      const call = new DispatchedCall(sink);
      pool.dispatch(
        {
          origin,
          path: request.target,
          method: request.method as "GET",
          headers: request.headers,
          body: request.body,
          headersTimeout: request.headersTimeoutMs,
          bodyTimeout: request.bodyTimeoutMs,
        },
        call,
      );
      return call;
    },
    async close() {
      await pool.destroy();
    },
  };
}
