/** Whether legacy can be switched off for a route, and Crossfade taken out: shapes that phase, API and CLI share. Pure. */
import type { Phase } from "../config/settings.ts";
import type { CONDITION_STATES } from "./gate-evidence.ts";

export const RETIRE_CONDITIONS = [
  "phase",
  "fallbacks",
  "unmatched",
  "direct-writes",
  "repairs",
  "gaps",
  "translations",
] as const;

/** Who could not go while it is missing. Where legacy cannot, Crossfade cannot either: it is what asks legacy. */
export const LEANS_ON = ["legacy", "crossfade"] as const;

export interface RetireCondition {
  readonly name: (typeof RETIRE_CONDITIONS)[number];
  readonly state: (typeof CONDITION_STATES)[number];
  readonly leansOn: (typeof LEANS_ON)[number];
  readonly text: string;
  /** How often it happened over the store's life; of `gaps` how many there are; null: it is not counted. */
  readonly figure: number | null;
  /** ISO 8601, UTC: since when it is as it has to be; null: it is not, or nobody knows. */
  readonly since: string | null;
}

/** What `GET /api/v1/routes/:name/retire` answers. */
export interface RetireAnswer {
  readonly route: string;
  readonly phase: Phase;
  /** Nothing leans on legacy or on Crossfade. */
  readonly clean: boolean;
  /** Nothing leans on legacy: the way to next-only asks for this. */
  readonly legacyCanGo: boolean;
  /** The sentence that matters. */
  readonly sentence: string;
  /** How long each of them has to be quiet, ms. */
  readonly quietMs: number;
  readonly conditions: readonly RetireCondition[];
  /** Until nothing is missing, if nothing more happens; null: something has to be done. */
  readonly etaMs: number | null;
}
