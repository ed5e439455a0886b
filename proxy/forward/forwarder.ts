import type { IncomingMessage, ServerResponse } from "node:http";
import { chunks } from "../chunks.ts";
import type { CrossfadeError } from "../errors.ts";
import type { RawHeaders } from "../exchange.ts";
import type { AnswerSink, Clock, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import { type BodyTaker, type BodyTakers, type Captured, capturedInMemory } from "./capture.ts";
import {
  type AnswerFraming,
  cutOff,
  endWith,
  writeAnswerHead,
  writeInformation,
  writeTrailers,
} from "./client-answer.ts";
import { type EndsWithClient, followClient, unfollowClient } from "./client-side.ts";
import { refuse, refusalFor } from "./refusal.ts";
import { announcedBody, bodyAtHand, streamedBody } from "./request-body.ts";

/** The primary's complete answer, told before its last byte leaves for the client. */
export interface PrimaryAnswered {
  readonly end: "answered";
  readonly status: number;
  readonly headers: RawHeaders;
  readonly body: Captured;
  readonly requestBody: Captured;
  /** false: the answer came before the client had sent all of its body. */
  readonly requestComplete: boolean;
  readonly ms: number;
  /** Another service answered in its place (reads.fallback). */
  readonly isAnothers?: true;
  /** Gives back the memory and disk that both copies hold; call it once, when nobody reads them any more. */
  readonly release: () => void;
}

/** The primary may or may not have applied the request; nobody can tell from here. */
export interface PrimaryUnknown {
  readonly end: "unknown";
  readonly status: number | null;
  readonly why: string;
  readonly ms: number;
}

/** Nothing was sent: the primary could not be reached, so it applied nothing. */
export interface PrimaryUnreached {
  readonly end: "unreached";
  readonly why: string;
}

export type PrimaryEnding = PrimaryAnswered | PrimaryUnknown | PrimaryUnreached;

/** Time limits towards the primary, in ms; 0: none. */
export interface ForwardLimits {
  readonly headMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

export interface ForwardJob {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstream: Upstream;
  readonly method: string;
  readonly target: string;
  readonly headers: RawHeaders;
  readonly limits: ForwardLimits;
  /** null: nobody needs a copy. */
  readonly takers: BodyTakers | null;
  /** A complete write whose client leaves is answered to its end all the same, so that it can be settled. */
  readonly settleWrite: boolean;
  /** The answer's head is on its way to the client. Must not throw. */
  readonly begun?: (status: number, headers: RawHeaders) => void;
  /**
   * Called exactly once, synchronously: for an answer before its last byte leaves, so that what the callback does is
   * done before the client can act on the answer. What it returns is waited for too; it must not reject, nor take long.
   */
  readonly ended: (ending: PrimaryEnding) => Promise<void> | null;
  /** The client's side is over: the answer is written or the connection gone. */
  readonly closed: (status: number) => void;
}

/** How long a primary may go on answering a client that has gone. */
const DRAIN_FOR_GONE_CLIENT_MS = 30_000;

const RETRIED_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * One request on its way to the primary and the answer on its way back, unchanged, with back-pressure both ways.
 * A request is sent once; only a bodiless GET, HEAD, OPTIONS or TRACE whose connection broke before any byte of an
 * answer is sent again, once, on a fresh connection.
 */
class Forwarding implements AnswerSink, EndsWithClient {
  readonly #job: ForwardJob;
  readonly #clock: Clock;
  readonly #answerCopy: BodyTaker | null;
  readonly #requestCopy: BodyTaker | null;
  #call: UpstreamCall | null = null;
  #sendingAt = 0;
  #sent = false;
  #retried = false;
  #bodiless = false;
  #streamed = false;
  #status = 0;
  #headers: RawHeaders = [];
  /** null: no head has been given to Node. */
  #framing: AnswerFraming | null = null;
  /** Bytes of the answer still to come, where its head says so; the last chunk leaves together with the end. */
  #remaining = -1;
  #lastChunk: Buffer | null = null;
  #bodyBegun = false;
  #clientGone = false;
  #clientEnded = false;
  #drainTimer: NodeJS.Timeout | null = null;
  #told = false;

  constructor(job: ForwardJob, clock: Clock) {
    this.#job = job;
    this.#clock = clock;
    this.#requestCopy = job.takers?.request ?? null;
    this.#answerCopy = job.takers?.answer ?? null;
    const { request, response } = job;
    // A connection of HTTP/2 is no single exchange's.
    const socket = request.httpVersion === "2.0" ? null : request.socket;
    response.sendDate = false;
    if (socket !== null) followClient(socket, this);
    response.once("close", () => {
      if (socket !== null) unfollowClient(socket, this);
      job.closed(response.statusCode);
      if (!response.writableFinished) this.#clientLeft();
      else if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    });
  }

  start(): void {
    const { request, response, headers } = this.#job;
    if (response.destroyed) {
      this.#clientLeft();
      return;
    }
    const announced = announcedBody(headers);
    if (announced === 0) {
      this.#bodiless = true;
      this.#send(null, false);
    } else if (announced === -1) {
      this.#stream();
    } else {
      // Node's parser hands over the head before it has read the body that came in the same packet; a tick later it has.
      process.nextTick(() => {
        if (this.#clientGone) return;
        const bytes = bodyAtHand(request, announced);
        if (bytes === null) {
          this.#stream();
        } else {
          this.#requestCopy?.take(bytes);
          this.#send(bytes, false);
        }
      });
    }
  }

  onSending(): void {
    this.#sent = true;
    this.#sendingAt = this.#clock.monotonic();
  }

  onInformation(status: number, statusText: string, headers: RawHeaders): void {
    const { request, response } = this.#job;
    if (!this.#clientGone) writeInformation(request, response, status, statusText, headers);
  }

  onHead(status: number, statusText: string, headers: RawHeaders): void {
    this.#status = status;
    this.#headers = headers;
    if (this.#clientGone) return;
    const { request, response } = this.#job;
    const { framing, problem } = writeAnswerHead(request, response, status, statusText, headers);
    if (problem !== null) {
      this.#call?.abort(`the primary's head cannot be written: ${problem}`);
      return;
    }
    this.#framing = framing;
    this.#job.begun?.(status, headers);
    this.#remaining = framing.kind === "length" ? framing.bytes : -1;
    // The head leaves in one packet with the first chunk, unless that chunk did not come with it.
    if (this.#remaining !== 0) process.nextTick(flushHead, this);
  }

  onData(chunk: Buffer): boolean {
    const isHeld = this.#answerCopy?.take(chunk) ?? false;
    this.#bodyBegun = true;
    if (this.#clientGone) {
      if (!isHeld) chunks.release(chunk);
      return true;
    }
    if (this.#remaining > 0) {
      this.#remaining -= chunk.length;
      if (this.#remaining === 0) {
        this.#lastChunk = chunk;
        return true;
      }
    }
    const { response } = this.#job;
    if (isHeld ? response.write(chunk) : response.write(chunk, (error) => error ?? chunks.release(chunk))) return true;
    const call = this.#call;
    if (call !== null) response.once("drain", () => call.resume());
    return false;
  }

  /** Called a tick after the head came. */
  flushHead(): void {
    if (!this.#bodyBegun && !this.#told && !this.#clientGone) this.#job.response.flushHeaders();
  }

  onEnd(trailers: RawHeaders): void {
    const held = this.#tell({
      end: "answered",
      status: this.#status,
      headers: this.#headers,
      body: this.#answerCopy?.result() ?? NOT_CAPTURED,
      requestBody: this.#requestCopy?.result() ?? NOT_CAPTURED,
      requestComplete: this.#requestTaken(),
      ms: this.#clock.monotonic() - this.#sendingAt,
      release: releaseOf(this.#requestCopy, this.#answerCopy),
    });
    if (held === null) this.#finish(trailers);
    else void held.then(() => this.#finish(trailers));
  }

  /** The answer's last byte leaves. */
  #finish(trailers: RawHeaders): void {
    if (this.#clientGone) return;
    const { response } = this.#job;
    if (trailers.length > 0 && this.#framing?.kind === "chunked") writeTrailers(response, trailers);
    if (this.#lastChunk === null) response.end();
    else endWith(response, this.#lastChunk);
  }

  onError(error: CrossfadeError): void {
    if (this.#mayRetry(error)) {
      this.#retried = true;
      this.#send(null, true);
      return;
    }
    this.#fail(error);
  }

  /**
   * The client has ended its side. The primary is told, as it would be without us, and may go on or not. A complete
   * write that is to be settled is not risked: its answer is awaited.
   */
  clientEnded(): void {
    if (this.#told || (this.#job.settleWrite && this.#job.request.complete)) return;
    this.#clientEnded = true;
    this.#call?.endSide();
  }

  /** What has come but was not read yet is in no copy. */
  #requestTaken(): boolean {
    const { request } = this.#job;
    return !this.#streamed || (request.complete && request.readableLength === 0);
  }

  #stream(): void {
    this.#streamed = true;
    this.#send(streamedBody(this.#job.request, this.#requestCopy), false);
  }

  #send(body: UpstreamRequest["body"], freshConnection: boolean): void {
    const { upstream, method, target, headers, limits } = this.#job;
    const request: UpstreamRequest = {
      method,
      target,
      headers,
      body,
      headersTimeoutMs: limits.headMs,
      bodyTimeoutMs: limits.idleMs,
      totalTimeoutMs: limits.totalMs,
      freshConnection,
      upgrade: false,
    };
    this.#call = upstream.send(request, this);
  }

  #mayRetry(error: CrossfadeError): boolean {
    return (
      !this.#retried &&
      this.#bodiless &&
      !this.#clientGone &&
      !this.#clientEnded &&
      error.code === "connection-lost" &&
      // No byte of an answer had come.
      error.retryable &&
      RETRIED_METHODS.has(this.#job.method)
    );
  }

  #fail(error: CrossfadeError): void {
    const ms = this.#sent ? this.#clock.monotonic() - this.#sendingAt : 0;
    if (this.#sent)
      void this.#tell({ end: "unknown", status: this.#status === 0 ? null : this.#status, why: error.message, ms });
    else void this.#tell({ end: "unreached", why: error.message });
    this.#requestCopy?.discard();
    this.#answerCopy?.discard();
    const { request, response } = this.#job;
    if (this.#clientGone) return;
    // Cut off, as the primary cut us off: a client must never take half an answer for a whole one.
    if (this.#framing !== null) cutOff(response, this.#framing);
    // It ended its side, and the primary took that for a farewell.
    else if (this.#clientEnded) response.destroy();
    else refuse(response, refusalFor(error), request.complete);
  }

  #clientLeft(): void {
    this.#clientGone = true;
    const { request } = this.#job;
    if (this.#told) return;
    if (this.#call === null) {
      void this.#tell({ end: "unreached", why: "the client left before its request was sent" });
      return;
    }
    const writeToSettle = this.#job.settleWrite && request.complete;
    if (!writeToSettle) {
      this.#call.abort("the client left");
      return;
    }
    this.#call.resume();
    const call = this.#call;
    this.#drainTimer = setTimeout(
      () => call.abort("the client left and the primary did not finish"),
      DRAIN_FOR_GONE_CLIENT_MS,
    );
    this.#drainTimer.unref();
  }

  #tell(ending: PrimaryEnding): Promise<void> | null {
    if (this.#told) return null;
    this.#told = true;
    if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    return this.#job.ended(ending);
  }
}

const NOT_CAPTURED = capturedInMemory(Buffer.alloc(0));

/** Holds on to the copies alone: what waits in a lane must not keep the client's request alive. */
function releaseOf(requestCopy: BodyTaker | null, answerCopy: BodyTaker | null): () => void {
  return () => {
    requestCopy?.discard();
    answerCopy?.discard();
  };
}

function flushHead(forwarding: Forwarding): void {
  forwarding.flushHead();
}

export function forward(job: ForwardJob, clock: Clock): void {
  new Forwarding(job, clock).start();
}
