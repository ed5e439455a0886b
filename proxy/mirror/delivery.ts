/** One copy's way to the shadow: attempts, and what follows on each by the retry table, until there is an end. */
import type { ServiceSettings } from "../config/settings.ts";
import type { ErrorCode } from "../errors.ts";
import { headerOf, type Answer } from "../exchange.ts";
import { attempt, AttemptFailed, type AnswerCopy, type AttemptAnswered, type AttemptJob } from "./attempt.ts";
import { happenedOn, nextStep, waitToldMs, type Happening, type NextStep } from "./retry-table.ts";
import { NotAttempted, type ShadowGate } from "./shadow-gate.ts";
import type { Place, Unsettled } from "./unsettled.ts";

export type DeliveryEnd = { readonly attempts: number; readonly mayLandLate: boolean } & (
  | {
      readonly end: "answered";
      readonly answer: Answer;
      /** Holds the answer's body: to be discarded when nobody reads it any more. */
      readonly copy: AnswerCopy;
    }
  /** The shadow answered, but there was no room to keep its answer. */
  | { readonly end: "uncompared"; readonly why: "queue-full" | "spool-full"; readonly status: number }
  /** The shadow answered, but that says nothing of how it deals with such a write. */
  | { readonly end: "unjudged"; readonly because: "credentials-expired" | "late-attempt"; readonly status: number }
  | { readonly end: "timeout"; readonly why: string }
  | { readonly end: "error"; readonly why: string; readonly code: ErrorCode }
  | { readonly end: "not-sent"; readonly because: "breaker-open" | "expired" }
  /** The process ends; what was on the wire was cut off. */
  | { readonly end: "shutdown" }
);

export interface DeliveryJob extends AttemptJob {
  readonly gate: ShadowGate;
  /** Monotonic ms: when the primary had answered. */
  readonly answeredAt: number;
  /** Monotonic ms after which no attempt begins. */
  readonly deadline: number;
  readonly primaryAccepted: boolean;
  /** Whether a refusal with this status is what was to be expected, so that nothing earlier need have come first. */
  readonly isExpected?: (status: number) => boolean;
  /** Among what was answered and has not settled; null for a read, which changes nothing and waits for nothing. */
  readonly place: Place | null;
  readonly unsettled: Unsettled;
  /**
   * Where other members send to the service too: resolves when what they had answered earlier is done with, or after `forMs`: to
   * whether there was any when the attempt began (`since`, monotonic ms).
   */
  readonly elsewhere?: ((since: number, forMs: number) => Promise<boolean>) | null;
  /** Resolves, where there is something to wait for, once the attempt may be made. */
  readonly onAttempt: (attempt: number) => Promise<void> | undefined;
  /** Whether the first attempt of this process may be made now. */
  readonly mayBegin?: () => boolean;
  /** The first attempt of this process has to wait for the gate. */
  readonly onHeldUp?: () => void;
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

/** Whether a second application does no harm. */
export function isSafeToResend(method: string, { idempotency }: Pick<ServiceSettings, "idempotency">): boolean {
  return IDEMPOTENT.has(method) || idempotency === "honoured";
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2_000;

/** Resolves, whatever the service does, once nothing more is to be sent. */
export function deliver(job: DeliveryJob): Promise<DeliveryEnd> {
  return new Delivery(job).run();
}

class Delivery {
  readonly #job: DeliveryJob;
  readonly #harmless: boolean;
  #attempts = 0;
  #backoffMs = FIRST_BACKOFF_MS;
  /** An attempt ended without an answer after bytes were sent. */
  #unknown = false;
  /** The connection of the attempt before was cut: the next takes a fresh one. */
  #wasCut = false;
  /** Of the last attempt: monotonic ms. */
  #begunAt = 0;
  #earlierUnsettled = false;
  #waitedForEarlier = false;
  /** How the last attempt ended, where another one is to follow: it counts if that one is never made. */
  #last: AttemptAnswered | AttemptFailed | null = null;

  constructor(job: DeliveryJob) {
    this.#job = job;
    this.#harmless = isSafeToResend(job.request.method, job.service);
    this.#attempts = job.earlierAttempts;
    this.#unknown = job.earlierAttempts > 0;
  }

  async run(): Promise<DeliveryEnd> {
    for (;;) {
      const ended = await this.#attempt();
      if (ended instanceof NotAttempted) return this.#neverAgain(ended);
      this.#forgetLast();
      if (ended instanceof AttemptFailed && ended.failure.code === "aborted") {
        this.#unknown ||= ended.bytesSent;
        return this.#end({ end: "shutdown" });
      }
      const step = this.#stepAfter(ended);
      if (step.step === "verdict") return this.#answered(ended as AttemptAnswered);
      if (step.step === "repair") return this.#givenUp(ended, step);
      this.#last = ended;
      if (!(await this.#pause(step, ended))) return this.#endOfLast();
    }
  }

  async #attempt(): Promise<AttemptAnswered | AttemptFailed | NotAttempted> {
    const { gate, deadline, earlierAttempts, onHeldUp, mayBegin } = this.#job;
    const first = this.#attempts === earlierAttempts;
    try {
      return await gate.run(
        () => {
          const recorded = this.#job.onAttempt(++this.#attempts);
          return recorded === undefined ? this.#send() : recorded.then(() => this.#send());
        },
        deadline,
        ...(first ? [onHeldUp, mayBegin] : []),
      );
    } catch (thrown) {
      if (thrown instanceof AttemptFailed) return thrown;
      this.#forgetLast();
      throw thrown;
    }
  }

  #send(): Promise<AttemptAnswered | AttemptFailed> {
    this.#begunAt = this.#job.clock.monotonic();
    this.#earlierUnsettled = this.#hasEarlier();
    return attempt(this.#job, this.#wasCut);
  }

  #stepAfter(ended: AttemptAnswered | AttemptFailed): NextStep {
    const happened = ended instanceof AttemptFailed ? happenedAt(ended) : this.#happenedOn(ended);
    const step = nextStep({
      happened,
      harmless: this.#harmless,
      earlierUnknown: this.#unknown,
      // Of what other members do nobody knows yet.
      earlierUnsettled: (this.#earlierUnsettled || this.#hasElsewhere()) && !this.#waitedForEarlier,
    });
    if (ended instanceof AttemptFailed) {
      this.#job.onFailure(ended.failure.code);
      this.#unknown ||= ended.bytesSent;
      // A second connection that is closed at once is no chance any more.
      if (step.step === "retry-at-once" && this.#wasCut) return { step: "retry-with-back-off" };
    }
    this.#wasCut = happened === "cut-before-sent" || happened === "cut-after-sent";
    return step;
  }

  #happenedOn({ status, headers }: AttemptAnswered): Happening {
    const job = this.#job;
    if (status === 429 || status === 503) job.gate.slowDown();
    const age = this.#begunAt - job.answeredAt;
    const { credentials, expiresAfterMs } = job.service.asShadow;
    const happened = happenedOn({
      status,
      retryAfter: headerOf(headers, "retry-after"),
      primaryAccepted: job.primaryAccepted,
      // Our own headers do not run out.
      late: credentials === "forward" && (age > expiresAfterMs || this.#unknown),
    });
    // A read is answered by what is there when it comes, and by nothing that was sent before.
    const explained = job.place === null || job.isExpected?.(status) === true;
    return happened === "refused" && explained ? "answered" : happened;
  }

  #hasEarlier(): boolean {
    const { place, unsettled } = this.#job;
    return place !== null && !unsettled.isFirst(place);
  }

  #hasElsewhere(): boolean {
    const { place, elsewhere } = this.#job;
    return place !== null && (elsewhere ?? null) !== null;
  }

  /** Whether it was refused while something earlier was under way; it has ended since. */
  async #afterEarlier(): Promise<boolean> {
    const { clock, deadline, elsewhere, place, unsettled } = this.#job;
    this.#waitedForEarlier = true;
    if (place === null) return false;
    const had = this.#earlierUnsettled;
    if (had && !(await unsettled.whenFirst(place, deadline - clock.monotonic()))) return false;
    const left = deadline - clock.monotonic();
    const hadElsewhere = left > 0 && (await elsewhere?.(this.#begunAt, left)) === true;
    return (had || hadElsewhere) && deadline > clock.monotonic();
  }

  /** Whether another attempt may follow; if not, the wait would outlast the deadline, or there is nothing to wait for. */
  async #pause({ step }: NextStep, ended: AttemptAnswered | AttemptFailed): Promise<boolean> {
    const { clock, deadline, gate } = this.#job;
    const left = deadline - clock.monotonic();
    if (step === "retry-at-once") return left > 0;
    if (step === "retry-after-earlier") return await this.#afterEarlier();
    let waitMs = this.#backoffMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, LONGEST_BACKOFF_MS);
    if (step === "retry-as-told" && !(ended instanceof AttemptFailed)) {
      waitMs = waitToldMs(headerOf(ended.headers, "retry-after"), clock.now(), waitMs);
    }
    if (waitMs >= left) return false;
    await gate.restUntil(clock.monotonic() + waitMs);
    return true;
  }

  #neverAgain({ because }: NotAttempted): DeliveryEnd {
    if (this.#last !== null && (because !== "shutdown" || !(this.#last instanceof AttemptFailed))) {
      return this.#endOfLast();
    }
    return because === "shutdown" ? this.#end({ end: "shutdown" }) : this.#end({ end: "not-sent", because });
  }

  #endOfLast(): DeliveryEnd {
    const last = this.#last as AttemptAnswered | AttemptFailed;
    return last instanceof AttemptFailed ? this.#failed(last) : this.#answered(last);
  }

  #forgetLast(): void {
    if (this.#last !== null && !(this.#last instanceof AttemptFailed)) this.#last.copy.discard();
    this.#last = null;
  }

  #answered({ status, headers, ms, copy }: AttemptAnswered): DeliveryEnd {
    const kept = copy.result();
    if (kept.kind === "lost") {
      copy.discard();
      return this.#end({ end: "uncompared", why: kept.why, status });
    }
    return this.#end({ end: "answered", answer: { status, headers, body: kept.copy, ms }, copy });
  }

  #givenUp(ended: AttemptAnswered | AttemptFailed, { reason }: Extract<NextStep, { step: "repair" }>): DeliveryEnd {
    if (ended instanceof AttemptFailed) return this.#failed(ended);
    ended.copy.discard();
    const because = reason === "credentials-expired" ? reason : "late-attempt";
    return this.#end({ end: "unjudged", because, status: ended.status });
  }

  #failed({ failure }: AttemptFailed): DeliveryEnd {
    if (isTimeout(failure.code)) return this.#end({ end: "timeout", why: failure.message });
    return this.#end({ end: "error", why: failure.message, code: failure.code });
  }

  #end<E>(end: E): E & { readonly attempts: number; readonly mayLandLate: boolean } {
    return { ...end, attempts: this.#attempts, mayLandLate: this.#unknown };
  }
}

function happenedAt({ failure, bytesSent }: AttemptFailed): Happening {
  const { code } = failure;
  if (isTimeout(code)) return bytesSent ? "timeout" : "timeout-before-sent";
  switch (code) {
    case "connect-failed":
    case "connect-timeout":
      return "not-connected";
    case "connection-lost":
      return bytesSent ? "cut-after-sent" : "cut-before-sent";
    case "invalid-answer":
      return "nonsense";
    default:
      return "own-failure";
  }
}

function isTimeout(code: ErrorCode): boolean {
  return code === "headers-timeout" || code === "body-timeout" || code === "total-timeout";
}
