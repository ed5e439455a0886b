import type { RepairReason } from "../evidence/evidence.ts";
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
  /** What the shadow answered, where it did. */
  readonly status: number | null;
  readonly attempts: number;
}

/** What becomes of an exchange whose copy ended without an answer that can be compared. */
export function judgeUnanswered(end: Exclude<DeliveryEnd, { end: "answered" }>): Unanswered {
  const { attempts } = end;
  const found = { failure: null, status: null, attempts };
  switch (end.end) {
    case "timeout":
      return { ...found, outcome: SHADOW_TIMEOUT, repair: "shadow-timeout", error: end.why, failure: "timeout" };
    case "error": {
      const error = `${end.code}: ${end.why}`;
      return { ...found, outcome: SHADOW_ERROR, repair: "shadow-error", error, failure: end.code };
    }
    case "uncompared": {
      const { status } = end;
      const error = `the shadow answered ${status}, but there was no room to keep its answer`;
      return { ...found, outcome: dropped(end.why), repair: "dropped", error, status };
    }
    case "unjudged":
      return { ...found, ...judgeUnjudged(end) };
    case "not-sent": {
      const expired = end.because === "expired";
      const outcome = expired ? skipped("expired") : dropped("breaker-open");
      const error = expired ? "waited in its lane beyond maxAge" : "the breaker stayed open beyond maxAge";
      return { ...found, outcome, repair: "dropped", error };
    }
    case "shutdown":
      return { ...found, outcome: dropped("shutdown"), repair: "dropped", error: "the proxy ended" };
  }
}

function judgeUnjudged({ because, status }: Extract<DeliveryEnd, { end: "unjudged" }>) {
  if (because === "credentials-expired") {
    const error = `the shadow answered ${status}, too late to tell whether the credentials were good in time`;
    return { outcome: skipped("expired"), repair: because, error, status };
  }
  const error = `the shadow answered ${status} to a second attempt; the first, whose connection broke, may have been applied`;
  return { outcome: SHADOW_ERROR, repair: because, error, failure: "connection-lost", status };
}

/** What becomes of a copy with a value that cannot be put into the shadow's own. */
export function judgeUnmapped(why: string): Unanswered {
  const outcome = skipped("unmapped-value");
  return { outcome, repair: "unmapped-value", error: why, failure: null, status: null, attempts: 0 };
}

export type Follower = Pick<Unanswered, "outcome" | "repair" | "error">;

/** What becomes of a write that waited behind one of its key that was lost: it says no more of the shadow than that one. */
export function judgeFollower(lost: Unanswered): Follower {
  const breaker = lost.outcome.kind === "dropped" && lost.outcome.reason === "breaker-open";
  const error = "not replayed: a write of its key that the shadow did not get, or may not have got, was before it";
  return { outcome: breaker ? lost.outcome : skipped("expired"), repair: "dropped", error };
}

/**
 * Whether a write that ended so is missing in the shadow without a verdict on it, or may be: what waited behind it is not to
 * be replayed. One that the shadow refused has its verdict, and so will what follows it.
 */
export function leavesHole({ end }: DeliveryEnd): boolean {
  switch (end) {
    case "timeout":
    case "error":
    case "not-sent":
    case "unjudged":
      return true;
    case "answered":
    case "uncompared":
    case "shutdown":
      return false;
  }
}
