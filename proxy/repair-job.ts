/** Runs over the repair list: what is asked, and how far one is. Shapes of API and CLI. */
import type { Difference } from "./evidence/evidence.ts";

/** What became of one entry in a run. */
export const REPAIR_RESULTS = [
  /** Nothing had to be written. */
  "equal",
  "put",
  "posted",
  "deleted",
  /** The sides differ, and nothing was to be written (dry run, verification). */
  "differs",
  "failed",
  /** It failed too often. */
  "parked",
  /** Live writes of the key came in between, or marked it again; or what it names is not at the shadow yet. */
  "busy",
  /** A request of before may still land. */
  "not-before",
  /** Nobody can read the entity: why, is said. */
  "impossible",
] as const;
export type RepairResult = (typeof REPAIR_RESULTS)[number];

/** After these the entry is off the list; in a dry run it would be. */
export const REPAIRED: ReadonlySet<RepairResult> = new Set(["equal", "put", "posted", "deleted"]);

export interface RepairOrder {
  /** null: of all routes. */
  readonly route: string | null;
  /** Reads and compares, and changes nothing. */
  readonly dryRun: boolean;
  /** Keys a second that are begun; null: what each route says. */
  readonly ratePerSecond: number | null;
  /** Why, in words of whoever asks; null: nothing was said. */
  readonly reason: string | null;
  /** Who asks. */
  readonly by: string;
}

/** What was found of one entry; redacted. */
export interface RepairFinding {
  readonly route: string;
  readonly key: string | null;
  readonly result: RepairResult;
  /** What a run that writes would send; null: nothing. */
  readonly would: "PUT" | "POST" | "DELETE" | null;
  readonly why: string | null;
  /** The first ones. */
  readonly differences: readonly Difference[];
}

export const JOB_STATES = ["running", "done", "cancelled", "failed"] as const;

export interface JobRecord {
  readonly id: string;
  readonly kind: "repair";
  readonly state: (typeof JOB_STATES)[number];
  readonly by: string;
  readonly route: string | null;
  readonly dryRun: boolean;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Entries on the list when it began. */
  readonly total: number;
  readonly done: number;
  readonly results: Readonly<Record<RepairResult, number>>;
  /** How long the oldest of those that were repaired had been on the list, in s; null: none was. */
  readonly oldestSeconds: number | null;
  /** Entries that were not repaired; of a dry run, all. The first 100. */
  readonly findings: readonly RepairFinding[];
  /** Why it failed. */
  readonly error: string | null;
}
