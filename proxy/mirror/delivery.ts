import { Readable } from "node:stream";
import type { ServiceSettings } from "../config/settings.ts";
import { CrossfadeError, type ErrorCode } from "../errors.ts";
import type { Answer, BodyCopy, RawHeaders } from "../exchange.ts";
import type { AnswerSink, Clock, StreamedBody, Upstream, UpstreamCall } from "../ports.ts";
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
      readonly release: () => void;
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
  readonly onAttempt: (attempt: number) => void;
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

/** Of each answer this much is read as fast as it comes. */
const UNPACED_BYTES = 1024 * 1024;
/** All of what is larger together: hashing, sealing and spooling a gigabyte at full speed would cost clients their turn. */
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
  let attempts = 0;
  let backoffMs = FIRST_BACKOFF_MS;
  let unknownAttempt = false;
  let last: AttemptFailed | null = null;
  for (;;) {
    let ended: Attempted | AttemptFailed | NotAttempted;
    try {
      ended = await job.gate.run(() => {
        attempts++;
        job.onAttempt(attempts);
        return attempt(job, last?.bytesSent === true);
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
    if (ended.copy.kind === "lost") {
      ended.release();
      return { end: "uncompared", why: ended.copy.why, status: ended.status, attempts };
    }
    const answer = { status: ended.status, headers: ended.headers, body: ended.copy.copy, ms: ended.ms };
    return { end: "answered", answer, attempts, earlierAttemptUnknown: unknownAttempt, release: ended.release };
  }
}

function mayResend(job: DeliveryJob, failed: AttemptFailed, resentAlready: boolean): boolean {
  if (resentAlready || failed.failure.code !== "connection-lost") return false;
  return IDEMPOTENT.has(job.request.method) || job.service.idempotency === "honoured";
}

function failedEnd({ failure, bytesSent }: AttemptFailed, attempts: number): DeliveryEnd {
  const late =
    failure.code === "headers-timeout" || failure.code === "body-timeout" || failure.code === "total-timeout";
  if (late) return { end: "timeout", attempts, why: failure.message };
  return { end: "error", attempts, why: failure.message, code: failure.code, bytesSent };
}

interface Attempted {
  readonly status: number;
  readonly headers: RawHeaders;
  readonly copy: ReturnType<AnswerCopy["result"]>;
  readonly ms: number;
  readonly release: () => void;
}

/**
 * Rejects where the service failed, so that the breaker counts it; resolves to a failure that is our own, which says
 * nothing of the service and would be the same again.
 */
function attempt(job: DeliveryJob, freshConnection: boolean): Promise<Attempted | AttemptFailed> {
  return new Promise((resolve, reject) => {
    const { request, service, clock } = job;
    const copy = job.newAnswerCopy();
    const begunAt = clock.monotonic();
    let sent = false;
    let timedOut = false;
    let status = 0;
    let received = 0;
    let headers: RawHeaders = [];
    const sink: AnswerSink = {
      onSending() {
        sent = true;
      },
      onInformation() {},
      onHead(answerStatus, _statusText, answerHeaders) {
        status = answerStatus;
        headers = answerHeaders;
      },
      onData(chunk) {
        copy.take(chunk);
        received += chunk.length;
        if (received <= UNPACED_BYTES) return true;
        const pauseMs = LARGE_ANSWERS.pauseAfter(chunk.length, clock.monotonic());
        if (pauseMs > 0) setTimeout(() => call?.resume(), pauseMs);
        return pauseMs === 0;
      },
      onEnd() {
        clearTimeout(timer);
        resolve({
          status,
          headers,
          copy: copy.result(),
          ms: clock.monotonic() - begunAt,
          release: () => copy.discard(),
        });
      },
      onError(error) {
        clearTimeout(timer);
        copy.discard();
        if (error.code === "internal") resolve(new AttemptFailed(error, sent));
        else reject(new AttemptFailed(timedOut ? timeoutError(error, service.asShadow.timeoutMs) : error, sent));
      },
    };
    const timeoutMs = service.asShadow.timeoutMs;
    let call: UpstreamCall | null = null;
    // One bound over all: a service that drips a byte a second is never silent for long.
    const timer = setTimeout(() => {
      timedOut = true;
      call?.abort(`no complete answer within ${timeoutMs} ms`);
    }, timeoutMs);
    call = job.upstream.send(
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
      sink,
    );
  });
}

function timeoutError(cause: CrossfadeError, timeoutMs: number): CrossfadeError {
  const words = `no complete answer within ${timeoutMs} ms`;
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
