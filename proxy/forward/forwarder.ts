import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ByteBudget } from "../byte-budget.ts";
import type { RawHeaders } from "../exchange.ts";
import { answerHeaders } from "../headers.ts";
import type { AnswerSink, Clock, Upstream, UpstreamCall, UpstreamRequest } from "../ports.ts";
import type { CrossfadeError } from "../errors.ts";
import { Capture, type Captured, type CaptureLimits } from "./capture.ts";
import { announcedLength, dropHeader, hintsOf, pairsOf } from "./raw-headers.ts";
import { refuse, refusalFor } from "./refusal.ts";
import { announcesBody, bodyAtHand, RelayedBody } from "./request-body.ts";
import type { Spool } from "./spool.ts";

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

export interface ForwardJob {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstream: Upstream;
  readonly method: string;
  readonly target: string;
  readonly headers: string[];
  readonly timeoutMs: number;
  /** null: nobody needs a copy. */
  readonly capture: CaptureLimits | null;
  /** A complete write whose client leaves is answered to its end all the same, so that it can be settled. */
  readonly settleWrite: boolean;
  /**
   * Called exactly once, synchronously: for an answer before its last byte leaves, so that what the callback does is
   * done before the client can act on the answer.
   */
  readonly ended: (ending: PrimaryEnding) => void;
  /** The client's side is over: the answer is written or the connection gone. */
  readonly closed: (status: number) => void;
}

export interface ForwarderParts {
  readonly budget: ByteBudget;
  readonly spool: Spool;
  readonly clock: Clock;
}

/** How long a primary may go on answering a client that has gone. */
const DRAIN_FOR_GONE_CLIENT_MS = 30_000;

const RETRIED_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * One request on its way to the primary and the answer on its way back, unchanged, with back-pressure both ways.
 * A request is sent once; only a bodiless GET, HEAD, OPTIONS or TRACE whose connection broke before any byte of an
 * answer is sent again, once, on a fresh connection.
 */
class Forwarding implements AnswerSink {
  readonly #job: ForwardJob;
  readonly #clock: Clock;
  readonly #answerCopy: Capture | null;
  readonly #requestCopy: Capture | null;
  #call: UpstreamCall | null = null;
  #sendingAt = 0;
  #sent = false;
  #retried = false;
  #bodiless = false;
  #status = 0;
  #headers: RawHeaders = [];
  #headSent = false;
  #resume: (() => void) | null = null;
  /** Bytes of the answer still to come, where its head says so; the last chunk leaves together with the end. */
  #remaining = -1;
  #lastChunk: Buffer | null = null;
  #bodyBegun = false;
  #chunked = false;
  #unwritable = "";
  #relayed: RelayedBody | null = null;
  #clientGone = false;
  #drainTimer: NodeJS.Timeout | null = null;
  #told = false;

  constructor(job: ForwardJob, parts: ForwarderParts) {
    this.#job = job;
    this.#clock = parts.clock;
    this.#requestCopy = job.capture === null ? null : new Capture(job.capture, parts.budget, parts.spool);
    this.#answerCopy = job.capture === null ? null : new Capture(job.capture, parts.budget, parts.spool);
    job.response.sendDate = false;
    job.response.once("close", () => {
      job.closed(job.response.statusCode);
      if (!job.response.writableFinished) this.#clientLeft();
      else if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    });
  }

  start(): void {
    const { request, response } = this.#job;
    if (response.destroyed) {
      this.#clientLeft();
      return;
    }
    if (!announcesBody(request)) {
      this.#bodiless = true;
      this.#send(null, false);
      return;
    }
    // Node's parser hands over the head before it has read the body that came in the same packet; a tick later it has.
    process.nextTick(() => {
      if (this.#clientGone) return;
      const bytes = bodyAtHand(request);
      if (bytes === null) {
        this.#relayed = new RelayedBody(request, this.#requestCopy);
        this.#send(this.#relayed, false);
      } else {
        this.#requestCopy?.take(bytes);
        this.#send(bytes, false);
      }
    });
  }

  onSending(): void {
    this.#sent = true;
    this.#sendingAt = this.#clock.monotonic();
  }

  onInformation(status: number, headers: RawHeaders): void {
    const { request, response } = this.#job;
    // An HTTP/1.0 client does not know of interim answers (RFC 9110, 15.2).
    if (this.#clientGone || request.httpVersion === "1.0") return;
    try {
      if (status === 100) response.writeContinue();
      else if (status === 103) response.writeEarlyHints(hintsOf(headers));
      else if (status === 102) response.writeProcessing();
    } catch {
      // Node refuses some links that others write; a hint that is not passed on costs the client nothing.
    }
  }

  onHead(status: number, statusText: string, headers: RawHeaders, resume: () => void): boolean {
    this.#status = status;
    this.#headers = headers;
    this.#resume = resume;
    const { request } = this.#job;
    if (this.#clientGone) return true;
    const bodyless = request.method === "HEAD" || status === 204 || status === 304;
    this.#remaining = bodyless ? 0 : announcedLength(headers);
    this.#chunked = this.#remaining === -1 && request.httpVersion !== "1.0";
    const outgoing = answerHeaders(headers);
    // Node insists: trailers only where the message is chunked.
    if (!this.#chunked) dropHeader(outgoing, "trailer");
    if (!this.#writeHead(status, statusText, outgoing)) return true;
    // The head leaves in one packet with the first chunk, unless that chunk did not come with it.
    if (this.#remaining !== 0) process.nextTick(flushHead, this);
    return true;
  }

  /** Node refuses to write some of what it reads: a reason phrase beyond latin-1 becomes the usual one. */
  #writeHead(status: number, statusText: string, headers: string[]): boolean {
    const { response } = this.#job;
    for (const phrase of [statusText, STATUS_CODES[status] ?? ""]) {
      try {
        response.writeHead(status, phrase, headers);
        this.#headSent = true;
        return true;
      } catch (error) {
        this.#unwritable = (error as Error).message;
      }
    }
    this.#call?.abort(`the primary's head cannot be written: ${this.#unwritable}`);
    return false;
  }

  onData(chunk: Buffer): boolean {
    this.#answerCopy?.take(chunk);
    this.#bodyBegun = true;
    if (this.#clientGone) return true;
    if (this.#remaining > 0) {
      this.#remaining -= chunk.length;
      if (this.#remaining === 0) {
        this.#lastChunk = chunk;
        return true;
      }
    }
    const { response } = this.#job;
    if (response.write(chunk)) return true;
    if (this.#resume !== null) response.once("drain", this.#resume);
    return false;
  }

  /** Called a tick after the head came. */
  flushHead(): void {
    if (!this.#bodyBegun && !this.#told && !this.#clientGone) this.#job.response.flushHeaders();
  }

  onEnd(trailers: RawHeaders): void {
    this.#tell({
      end: "answered",
      status: this.#status,
      headers: this.#headers,
      body: this.#answerCopy?.result() ?? NOT_CAPTURED,
      requestBody: this.#requestCopy?.result() ?? NOT_CAPTURED,
      requestComplete: this.#relayed === null || this.#relayed.isWhole,
      ms: this.#clock.monotonic() - this.#sendingAt,
      release: releaseOf(this.#requestCopy, this.#answerCopy),
    });
    if (this.#clientGone) return;
    const { response } = this.#job;
    if (trailers.length > 0 && this.#chunked) response.addTrailers(pairsOf(trailers));
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

  #send(body: UpstreamRequest["body"], freshConnection: boolean): void {
    const job = this.#job;
    const chunked = job.request.headers["transfer-encoding"] !== undefined;
    const announced = job.request.headers.trailer !== undefined && chunked && this.#relayed !== null;
    if (job.request.headers.trailer !== undefined && !announced) dropHeader(job.headers, "trailer");
    this.#call = job.upstream.send(
      {
        method: job.method,
        target: job.target,
        headers: job.headers,
        body,
        trailers: announced ? () => job.request.rawTrailers : null,
        headersTimeoutMs: job.timeoutMs,
        bodyTimeoutMs: job.timeoutMs,
        freshConnection,
      },
      this,
    );
  }

  #mayRetry(error: CrossfadeError): boolean {
    return (
      !this.#retried &&
      this.#bodiless &&
      !this.#clientGone &&
      this.#status === 0 &&
      error.code === "connection-lost" &&
      RETRIED_METHODS.has(this.#job.method)
    );
  }

  #fail(error: CrossfadeError): void {
    const ms = this.#sent ? this.#clock.monotonic() - this.#sendingAt : 0;
    if (this.#sent)
      this.#tell({ end: "unknown", status: this.#status === 0 ? null : this.#status, why: error.message, ms });
    else this.#tell({ end: "unreached", why: error.message });
    this.#requestCopy?.discard();
    this.#answerCopy?.discard();
    const { request, response } = this.#job;
    if (this.#clientGone) return;
    // Cut off, as the primary cut us off: a client must never take half an answer for a whole one.
    if (this.#headSent) response.destroy();
    else refuse(response, refusalFor(error), request.complete);
  }

  #clientLeft(): void {
    this.#clientGone = true;
    const { request } = this.#job;
    if (this.#told) return;
    if (this.#call === null) {
      this.#tell({ end: "unreached", why: "the client left before its request was sent" });
      return;
    }
    const writeToSettle = this.#job.settleWrite && request.complete;
    if (!writeToSettle) {
      this.#call.abort("the client left");
      return;
    }
    this.#resume?.();
    const call = this.#call;
    this.#drainTimer = setTimeout(
      () => call.abort("the client left and the primary did not finish"),
      DRAIN_FOR_GONE_CLIENT_MS,
    );
    this.#drainTimer.unref();
  }

  #tell(ending: PrimaryEnding): void {
    if (this.#told) return;
    this.#told = true;
    if (this.#drainTimer !== null) clearTimeout(this.#drainTimer);
    this.#job.ended(ending);
  }
}

const NOT_CAPTURED: Captured = { kind: "kept", copy: { kind: "memory", bytes: Buffer.alloc(0) }, length: 0 };

/** A string this short is written together with the head from one buffer; a Buffer beside it takes a gathering write. */
const ENDED_AS_TEXT_MAX_BYTES = 8 * 1024;

/**
 * Latin-1 keeps every byte. A bare node:http server with 1 KB answers took 3 to 26 % less CPU this way in each of six
 * interleaved pairs (Node 24.21, c=32); the whole proxy's bench is too noisy to show it.
 */
function endWith(response: ServerResponse, chunk: Buffer): void {
  if (chunk.length <= ENDED_AS_TEXT_MAX_BYTES) response.end(chunk.toString("latin1"), "latin1");
  else response.end(chunk);
}

/** Holds on to the copies alone: what waits in a lane must not keep the client's request alive. */
function releaseOf(requestCopy: Capture | null, answerCopy: Capture | null): () => void {
  return () => {
    requestCopy?.discard();
    answerCopy?.discard();
  };
}

function flushHead(forwarding: Forwarding): void {
  forwarding.flushHead();
}

export function forward(job: ForwardJob, parts: ForwarderParts): void {
  new Forwarding(job, parts).start();
}
