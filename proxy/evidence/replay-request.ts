/** A recorded request that is sent once more: what is asked, and what became of it. */
import type { Difference, LegRecord } from "./evidence.ts";
import type { RequestClass } from "../exchange.ts";
import type { OutcomeKind } from "../outcome.ts";

export interface ReplayRequest {
  /** Of the divergence. */
  readonly id: string;
  /** A write is sent again although it may be applied twice. */
  readonly force: boolean;
  /** Why; kept in the log of the process. */
  readonly reason: string | null;
  /** Who asks. */
  readonly by: string;
}

export const REPLAY_REFUSALS = [
  "not-kept",
  "redacted",
  "route-gone",
  "not-mirrored",
  "needs-force",
  "shadow-down",
  "busy",
] as const;
export type ReplayRefusal = (typeof REPLAY_REFUSALS)[number];

export const REPLAY_VERDICTS = ["same", "gone", "other", "undecided", "unanswered"] as const;
/**
 * Beside what was recorded: the same differences; none; others. `undecided`: it differs only where a value is redacted and
 * a newer rule looks at values. `unanswered`: a service gave no complete answer, or the two could not be compared.
 */
export type ReplayVerdict = (typeof REPLAY_VERDICTS)[number];

export interface ReplayResult {
  readonly id: string;
  readonly route: string;
  readonly method: string;
  readonly target: string;
  readonly requestClass: RequestClass;
  /** Names of the services that were asked: of a write the shadow alone. */
  readonly sentTo: readonly string[];
  readonly verdict: ReplayVerdict;
  readonly outcome: OutcomeKind;
  /** As recorded. */
  readonly before: readonly Difference[];
  /** Redacted, as all evidence. */
  readonly differences: readonly Difference[];
  readonly moreDifferences: number;
  /** Of a write the recorded answer, whose time is not known. */
  readonly primary: LegRecord;
  readonly shadow: LegRecord;
  /** In words. */
  readonly error: string | null;
}

export type ReplayEnd =
  | { readonly end: "replayed"; readonly result: ReplayResult }
  | { readonly end: "refused"; readonly why: ReplayRefusal; readonly detail: string }
  /** Nothing is known of that id. */
  | { readonly end: "unknown" };
