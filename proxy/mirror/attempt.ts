/** One request to the shadow, and its answer as it comes. */
import { Readable } from "node:stream";
import { chunks } from "../chunks.ts";
import type { ServiceSettings } from "../config/settings.ts";
import { CrossfadeError } from "../errors.ts";
import type { BodyCopy, RawHeaders } from "../exchange.ts";
import type { AnswerSink, Clock, StreamedBody, Upstream, UpstreamCall } from "../ports.ts";
import { Deadlines, type Limited } from "./deadlines.ts";
import { Pace } from "./pace.ts";
import type { ShadowRequest } from "./shadow-request.ts";

/** Where the body of the shadow's answer is kept while it comes. The pipeline gives one to each attempt. */
export interface AnswerCopy {
  /** Whether it holds the chunk itself from here on. */
  take(chunk: Buffer): boolean;
  result():
    | { readonly kind: "kept"; readonly copy: BodyCopy }
    | { readonly kind: "lost"; readonly why: "queue-full" | "spool-full" };
  discard(): void;
}

export interface AttemptJob {
  readonly request: ShadowRequest;
  readonly service: ServiceSettings;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly newAnswerCopy: () => AnswerCopy;
  /** Length of the primary's answer. */
  readonly primaryBytes: number;
}

/** A whole answer. */
export interface AttemptAnswered {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly copy: AnswerCopy;
  readonly ms: number;
}

/** Of each answer this much is read as fast as it comes, and twice as much as the primary answered. */
const UNPACED_BYTES = 64 * 1024;
/**
 * All of what is larger together: taking, hashing, sealing and spooling gigabytes at full speed would cost clients their
 * turn. (1 MiB of each was read at full speed once: a shadow that poured gigabytes left clients 7 % of their requests.)
 */
const LARGE_ANSWERS = new Pace(32 * 1024 * 1024);

/** No whole answer; rejected with where the service failed, resolved with where we did. */
export class AttemptFailed extends Error {
  readonly failure: CrossfadeError;
  readonly bytesSent: boolean;

  constructor(failure: CrossfadeError, bytesSent: boolean) {
    super(failure.message);
    this.failure = failure;
    this.bytesSent = bytesSent;
  }
}

/** One bound over all of an attempt: a service that drips a byte a second is never silent for long. */
const LIMITS = new Deadlines(() => performance.now());

class Attempt implements AnswerSink, Limited {
  readonly dueAt: number;
  place = -1;
  readonly #job: AttemptJob;
  readonly #resolve: (ended: AttemptAnswered | AttemptFailed) => void;
  readonly #reject: (failed: AttemptFailed) => void;
  readonly #copy: AnswerCopy;
  readonly #begunAt: number;
  #call: UpstreamCall | null = null;
  #sent = false;
  #timedOut = false;
  #status = 0;
  #headers: RawHeaders = [];
  #received = 0;

  constructor(
    job: AttemptJob,
    resolve: (ended: AttemptAnswered | AttemptFailed) => void,
    reject: (failed: AttemptFailed) => void,
  ) {
    this.#job = job;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#copy = job.newAnswerCopy();
    this.#begunAt = job.clock.monotonic();
    this.dueAt = this.#begunAt + job.service.asShadow.timeoutMs;
  }

  send(freshConnection: boolean): void {
    const { request, upstream } = this.#job;
    LIMITS.watch(this);
    this.#call = upstream.send(
      {
        method: request.method,
        target: request.target,
        headers: request.headers,
        body: bodyOf(request.body),
        headersTimeoutMs: 0,
        bodyTimeoutMs: 0,
        totalTimeoutMs: 0,
        freshConnection,
        upgrade: false,
      },
      this,
    );
  }

  expire(): void {
    this.#timedOut = true;
    this.#call?.abort(`no complete answer within ${this.#job.service.asShadow.timeoutMs} ms`);
  }

  onSending(): void {
    this.#sent = true;
  }

  onInformation(): void {}

  onHead(status: number, _statusText: string, headers: RawHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onData(chunk: Buffer): boolean {
    if (!this.#copy.take(chunk)) chunks.release(chunk);
    this.#received += chunk.length;
    if (this.#received < UNPACED_BYTES || this.#received <= 2 * this.#job.primaryBytes) return true;
    const pauseMs = LARGE_ANSWERS.pauseAfter(chunk.length, this.#job.clock.monotonic());
    if (pauseMs > 0) setTimeout(() => this.#call?.resume(), pauseMs);
    return pauseMs === 0;
  }

  onEnd(): void {
    LIMITS.forget(this);
    const ms = this.#job.clock.monotonic() - this.#begunAt;
    this.#resolve({ status: this.#status, headers: this.#headers, copy: this.#copy, ms });
  }

  /** The service's failures reject, so that the breaker counts them; our own say nothing of it, and would come again. */
  onError(error: CrossfadeError): void {
    LIMITS.forget(this);
    this.#copy.discard();
    if (error.code === "internal") this.#resolve(new AttemptFailed(error, this.#sent));
    else this.#reject(new AttemptFailed(this.#timedOut ? timeoutError(error, this.#job.service) : error, this.#sent));
  }
}

/** Rejects, with an `AttemptFailed`, only where the service failed: the breaker counts that. */
export function attempt(job: AttemptJob, freshConnection: boolean): Promise<AttemptAnswered | AttemptFailed> {
  return new Promise((resolve, reject) => new Attempt(job, resolve, reject).send(freshConnection));
}

function timeoutError(cause: CrossfadeError, { asShadow }: ServiceSettings): CrossfadeError {
  const words = `no complete answer within ${asShadow.timeoutMs} ms`;
  return new CrossfadeError("total-timeout", words, { source: "shadow", cause });
}

function bodyOf(body: BodyCopy): Buffer | StreamedBody | null {
  switch (body.kind) {
    case "memory":
      return body.bytes.length === 0 ? null : body.bytes;
    case "spooled": {
      const stream = Readable.from(body.file.read(), { objectMode: false });
      return { stream, trailers: () => [], abandon: () => void stream.destroy() };
    }
    case "digest":
      throw new TypeError("a body of which only the digest is known cannot be sent");
  }
}
