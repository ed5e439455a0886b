/**
 * What became of one eligible exchange. Closed lists: docs, metrics, log and API name these and no others,
 * and every eligible exchange ends in exactly one of them (guarantee G4).
 */

/** Why a copy that should have been sent was given up. */
export const DROP_REASONS = ["queue-full", "breaker-open", "compare-overload", "spool-full", "shutdown"] as const;
/** Why a copy was deliberately not sent, or not judged. */
export const SKIP_REASONS = [
  "not-accepted",
  "sampled-out",
  "body-too-large",
  "unmapped-value",
  "not-copied",
  "loop",
  "key-written-meanwhile",
  "expired",
] as const;
export const OUTCOME_KINDS = [
  "match",
  "ignored",
  "divergent",
  "shadow-error",
  "shadow-timeout",
  "dropped",
  "skipped",
  "unknown",
] as const;

export type DropReason = (typeof DROP_REASONS)[number];
export type SkipReason = (typeof SKIP_REASONS)[number];
export type OutcomeReason = DropReason | SkipReason;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

export type Outcome =
  | { readonly kind: "match" | "ignored" | "divergent" | "shadow-error" | "shadow-timeout" | "unknown" }
  | { readonly kind: "dropped"; readonly reason: DropReason }
  | { readonly kind: "skipped"; readonly reason: SkipReason };

export const MATCH: Outcome = { kind: "match" };
export const IGNORED: Outcome = { kind: "ignored" };
export const DIVERGENT: Outcome = { kind: "divergent" };
export const SHADOW_ERROR: Outcome = { kind: "shadow-error" };
export const SHADOW_TIMEOUT: Outcome = { kind: "shadow-timeout" };
export const UNKNOWN: Outcome = { kind: "unknown" };

export function dropped(reason: DropReason): Outcome {
  return { kind: "dropped", reason };
}

export function skipped(reason: SkipReason): Outcome {
  return { kind: "skipped", reason };
}

export function reasonOf(outcome: Outcome): OutcomeReason | null {
  return outcome.kind === "dropped" || outcome.kind === "skipped" ? outcome.reason : null;
}
