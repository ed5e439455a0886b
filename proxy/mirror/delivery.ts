import { Readable } from "node:stream";
import type { ServiceSettings } from "../config/settings.ts";
import { CrossfadeError, type ErrorCode } from "../errors.ts";
import type { Answer, BodyCopy, RawHeaders } from "../exchange.ts";
import type { AnswerSink, Clock, StreamedBody, Upstream, UpstreamCall } from "../ports.ts";
import { Deadlines, type Limited } from "./deadlines.ts";
import { Pace } from "./pace.ts";
import { NotAttempted, type ShadowGate } from "./shadow-gate.ts";
import type { ShadowRequest } from "./shadow-request.ts";

/** Where the body of the shadow's answer is kept while it comes. The pipeline gives one to each attempt. */
export interface AnswerCopy {
  take(chunk: Buffer): void;
  result():
    | { readonly kind: "kept"; readonly copy: BodyCopy }
    | { readonly kind: "lost"; readonly why: "queue-full" | "spool-full" };
  discard(): void;
}

export type DeliveryEnd =
  | {
      readonly end: "answered";
      readonly answer: Answer;
      readonly attempts: number;
      readonly earlierAttemptUnknown: boolean;
      /** Holds the answer's body: to be discarded when nobody reads it any more. */
      readonly copy: AnswerCopy;
    }
  /** The shadow answered, but there was no room to keep its answer. */
  | {
      readonly end: "uncompared";
      readonly why: "queue-full" | "spool-full";
      readonly status: number;
      readonly attempts: number;
    }
  | { readonly end: "timeout"; readonly attempts: number; readonly why: string }
  | {
      readonly end: "error";
      readonly attempts: number;
      readonly why: string;
      readonly code: ErrorCode;
      readonly bytesSent: boolean;
    }
  | { readonly end: "not-sent"; readonly because: "breaker-open" | "expired" }
  /** The process ends; what was on the wire was cut off. */
  | { readonly end: "shutdown"; readonly attempts: number };

export interface DeliveryJob {
  readonly request: ShadowRequest;
  readonly service: ServiceSettings;
  readonly upstream: Upstream;
  readonly gate: ShadowGate;
  readonly clock: Clock;
  /** Monotonic ms after which no attempt begins. */
  readonly deadline: number;
  readonly newAnswerCopy: () => AnswerCopy;
  /** Length of the primary's answer. */
  readonly primaryBytes: number;
  /** Resolves, where there is something to wait for, once the attempt may be made. */
  readonly onAttempt: (attempt: number) => Promise<void> | undefined;
  /** Attempts of an earlier process that may have reached the service. */
  readonly earlierAttempts: number;
  readonly onFailure: (code: ErrorCode) => void;
}

/** RFC 9110, 9.2.2 */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "PROPFIND",
  "REPORT",
  "SEARCH",
  "QUERY",
]);

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2_000;

/** Of each answer this much is read as fast as it comes, and twice as much as the primary answered. */
const UNPACED_BYTES = 64 * 1024;
/**
 * All of what is larger together: taking, hashing, sealing and spooling gigabytes at full speed would cost clients their
 * turn. (1 MiB of each was read at full speed once: a shadow that poured gigabytes left clients 7 % of their requests.)
 */
const LARGE_ANSWERS = new Pace(32 * 1024 * 1024);

class AttemptFailed extends Error {
  readonly failure: CrossfadeError;
  readonly bytesSent: boolean;

  constructor(failure: CrossfadeError, bytesSent: boolean) {
    super(failure.message);
    this.failure = failure;
    this.bytesSent = bytesSent;
  }
}

/**
 * Delivers one copy to the shadow. An attempt that never reached the service is repeated until the deadline; one that may
 * have reached it is repeated once, and only where a second application does no harm: an idempotent method, or a service
 * that honours the idempotency key. A time-out is final here: the write may still be applied, so its key needs to be
 * verified by state and not by a guess.
 */
export async function deliver(job: DeliveryJob): Promise<DeliveryEnd> {
  let attempts = job.earlierAttempts;
  let backoffMs = FIRST_BACKOFF_MS;
  let unknownAttempt = attempts > 0;
  let last: AttemptFailed | null = null;
  for (;;) {
    let ended: Answered | AttemptFailed | NotAttempted;
    try {
      ended = await job.gate.run(() => {
        attempts++;
        const recorded = job.onAttempt(attempts);
        const freshConnection = last?.bytesSent === true;
        if (recorded === undefined) return attempt(job, freshConnection);
        return recorded.then(() => attempt(job, freshConnection));
      }, job.deadline);
    } catch (thrown) {
      if (!(thrown instanceof AttemptFailed)) throw thrown;
      if (thrown.failure.code === "aborted") return { end: "shutdown", attempts };
      last = thrown;
      job.onFailure(thrown.failure.code);
      const again = thrown.bytesSent ? mayResend(job, thrown, unknownAttempt) : true;
      unknownAttempt ||= thrown.bytesSent;
      if (!again || job.clock.monotonic() + backoffMs >= job.deadline) return failedEnd(thrown, attempts);
      await new Promise((resolve) => setTimeout(resolve, backoffMs));
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      continue;
    }
    if (ended instanceof AttemptFailed) {
      job.onFailure(ended.failure.code);
      return failedEnd(ended, attempts);
    }
    if (ended instanceof NotAttempted) {
      if (ended.because === "shutdown") return { end: "shutdown", attempts };
      return last === null ? { end: "not-sent", because: ended.because } : failedEnd(last, attempts);
    }
    const kept = ended.copy.result();
    if (kept.kind === "lost") {
      ended.copy.discard();
      return { end: "uncompared", why: kept.why, status: ended.status, attempts };
    }
    const answer = { status: ended.status, headers: ended.headers, body: kept.copy, ms: ended.ms };
    return { end: "answered", answer, attempts, earlierAttemptUnknown: unknownAttempt, copy: ended.copy };
  }
}

function mayResend(job: DeliveryJob, failed: AttemptFailed, resentAlready: boolean): boolean {
  if (resentAlready || failed.failure.code !== "connection-lost") return false;
  return isSafeToResend(job.request.method, job.service);
}

/** Whether a second application does no harm. */
export function isSafeToResend(method: string, service: ServiceSettings): boolean {
  return IDEMPOTENT.has(method) || service.idempotency === "honoured";
}

function failedEnd({ failure, bytesSent }: AttemptFailed, attempts: number): DeliveryEnd {
  const late =
    failure.code === "headers-timeout" || failure.code === "body-timeout" || failure.code === "total-timeout";
  if (late) return { end: "timeout", attempts, why: failure.message };
  return { end: "error", attempts, why: failure.message, code: failure.code, bytesSent };
}

/** One bound over all of an attempt: a service that drips a byte a second is never silent for long. */
const LIMITS = new Deadlines(() => performance.now());

/** One request to the shadow, and its answer as it comes. */
class Attempt implements AnswerSink, Limited {
  readonly dueAt: number;
  place = -1;
  readonly #job: DeliveryJob;
  readonly #resolve: (ended: Answered | AttemptFailed) => void;
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
    job: DeliveryJob,
    resolve: (ended: Answered | AttemptFailed) => void,
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
    this.#copy.take(chunk);
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

interface Answered {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly copy: AnswerCopy;
  readonly ms: number;
}

function attempt(job: DeliveryJob, freshConnection: boolean): Promise<Answered | AttemptFailed> {
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
