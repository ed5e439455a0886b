import type { RepairReason } from "../evidence.ts";
import type { Outcome } from "../outcome.ts";
import { dropped, SHADOW_ERROR, SHADOW_TIMEOUT, skipped } from "../outcome.ts";
import type { DeliveryEnd } from "./delivery.ts";

/**
 * Whether the primary applied a write, as far as its answer tells: 2xx, 302 and 303 (the redirect after a form was
 * taken). Everything else did not apply it, and must not reach the shadow.
 */
export function isAccepted(status: number): boolean {
  return (status >= 200 && status < 300) || status === 302 || status === 303;
}

export interface Unanswered {
  readonly outcome: Outcome;
  readonly repair: RepairReason;
  /** In words, for the log line. */
  readonly error: string;
  /** Its code, where the shadow was asked and failed. */
  readonly failure: string | null;
  readonly attempts: number;
}

/** What becomes of an exchange whose copy ended without an answer that can be compared. */
export function judgeUnanswered(end: Exclude<DeliveryEnd, { end: "answered" }>): Unanswered {
  switch (end.end) {
    case "timeout":
      return {
        outcome: SHADOW_TIMEOUT,
        repair: "shadow-timeout",
        error: end.why,
        failure: "timeout",
        attempts: end.attempts,
      };
    case "error":
      return {
        outcome: SHADOW_ERROR,
        repair: "shadow-error",
        error: `${end.code}: ${end.why}`,
        failure: end.code,
        attempts: end.attempts,
      };
    case "uncompared": {
      const error = `the shadow answered ${end.status}, but there was no room to keep its answer`;
      return { outcome: dropped(end.why), repair: "dropped", error, failure: null, attempts: end.attempts };
    }
    case "not-sent": {
      const expired = end.because === "expired";
      const outcome = expired ? skipped("expired") : dropped("breaker-open");
      const error = expired ? "waited in its lane beyond maxAge" : "the breaker stayed open beyond maxAge";
      return { outcome, repair: "dropped", error, failure: null, attempts: 0 };
    }
    case "shutdown":
      return {
        outcome: dropped("shutdown"),
        repair: "dropped",
        error: "the proxy ended",
        failure: null,
        attempts: end.attempts,
      };
  }
}
