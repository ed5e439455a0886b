/** A collection as status, dashboard and CLI show it. Pure. */
import type { EndedOf } from "../rows/row-jobs.ts";
import type { CollectionState } from "./parts.ts";

export interface CollectionStatus {
  readonly name: string;
  readonly route: string;
  /** Comparisons that the proxy begins by itself; null: none. */
  readonly schedule: {
    readonly everyMs: number;
    /** Rows that are drawn from either side; null: all are compared. */
    readonly sample: number | null;
    /** ISO 8601, UTC, as all times here: this member begins the next one then, unless another one has. null: it runs, or is looked up. */
    readonly nextAt: string | null;
    /** null: this member does not run it now. */
    readonly runningSince: string | null;
    /** Why this member's last run came to nothing; null: it did not. */
    readonly problem: string | null;
  } | null;
  /** The last comparison of all rows; null: there was none of these tables. */
  readonly reconcile: Found<"reconcile"> | null;
  /** The last sample. */
  readonly sample: Found<"sample"> | null;
  /** When the last comparison of all rows began that found both sides the same; null: none did. */
  readonly cleanAt: string | null;
}

type Found<Job extends "reconcile" | "sample"> = Omit<EndedOf<Job>, "job" | "collection" | "tables" | "cleanAt">;

export function viewCollection({ name, route, schedule, reconcile, sample }: CollectionState): CollectionStatus {
  return {
    name,
    route,
    schedule:
      schedule === null
        ? null
        : {
            ...schedule,
            nextAt: schedule.runningSince === null ? timeOf(schedule.nextAt) : null,
            runningSince: timeOf(schedule.runningSince),
          },
    reconcile: reconcile === null ? null : foundIn(reconcile),
    sample: sample === null ? null : foundIn(sample),
    cleanAt: reconcile?.cleanAt ?? null,
  };
}

function foundIn<End extends EndedOf<"reconcile" | "sample">>(
  end: End,
): Omit<End, "job" | "collection" | "tables" | "cleanAt"> {
  const { job: _, collection: __, tables: ___, cleanAt: ____, ...found } = end;
  return found;
}

function timeOf(epochMs: number | null): string | null {
  return epochMs === null ? null : new Date(epochMs).toISOString();
}
