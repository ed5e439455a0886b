/** Backfills and comparisons of rows, as they tell of themselves: each is a process of its own. Shapes of API, CLI and dashboard. */

export const RUNNING_JOB_KINDS = ["backfill", "reconcile"] as const;
export type RunningJobKind = (typeof RUNNING_JOB_KINDS)[number];

export const RUNNING_JOB_ENDS = ["done", "stopped", "failed"] as const;
export type RunningJobEnd = (typeof RUNNING_JOB_ENDS)[number];

/** silent: nothing was heard of it for a minute, and it said no goodbye. */
export const RUNNING_JOB_STATES = ["running", "paused", "silent", ...RUNNING_JOB_ENDS] as const;
export type RunningJobState = (typeof RUNNING_JOB_STATES)[number];

export interface RunningJobOrder {
  readonly kind: RunningJobKind;
  readonly collection: string;
  /** It writes nothing. */
  readonly dryRun: boolean;
}

/** How far it is. Counts are of the whole job, also of what an earlier process did of it. */
export interface RunningJobProgress {
  /** Of the source, read. */
  readonly rows: number;
  /** About how many there are; null: nobody knows. */
  readonly estimate: number | null;
  /** Of this process. */
  readonly rowsPerSecond: number;
  readonly written: number;
  /** Could not be made or written, or are in conflict. */
  readonly setAside: number;
  /** Told by a comparison. */
  readonly differing: number;
  /** What it waits for, in words; null: it goes on. */
  readonly waiting: string | null;
}

export interface RunningJobReport extends RunningJobProgress {
  /** null: it goes on. */
  readonly end: RunningJobEnd | null;
  /** Why it failed. */
  readonly error: string | null;
}

export interface RunningJobRecord extends RunningJobOrder, RunningJobReport {
  readonly id: string;
  readonly route: string;
  readonly state: RunningJobState;
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly heardAt: string;
  readonly endedAt: string | null;
  /** Who wants it to pause or to stop; null: nobody. */
  readonly wanted: RunningJobWanted;
}

export type RunningJobWanted = { readonly state: "paused" | "stopped"; readonly by: string } | null;

/** What the job is told each time it reports. */
export interface RunningJobAnswer {
  readonly id: string;
  readonly wanted: RunningJobWanted;
  /** How far behind the copies of its route are at this member, in ms; null: it has no shadow. */
  readonly lagMs: number | null;
}

export const NO_PROGRESS: RunningJobProgress = {
  rows: 0,
  estimate: null,
  rowsPerSecond: 0,
  written: 0,
  setAside: 0,
  differing: 0,
  waiting: null,
};

/** `1,204 of about 18,204 rows, 5,000 rows/s, about 3 s to go, 2 set aside`. Pure. */
export function progressText(kind: RunningJobKind, progress: RunningJobProgress): string {
  const { rows, estimate, rowsPerSecond, setAside, differing } = progress;
  const spell = (count: number): string => Math.round(count).toLocaleString("en");
  const isKnown = estimate !== null && estimate >= rows;
  const of = isKnown ? ` of about ${spell(estimate)}` : "";
  const done = kind === "reconcile" ? " compared" : "";
  const parts = [
    `${spell(rows)}${of} rows${done}`,
    `${spell(rowsPerSecond)} rows/s`,
    ...(isKnown && rowsPerSecond > 0 ? [`about ${spellLeft((estimate - rows) / rowsPerSecond)} to go`] : []),
    ...(setAside === 0 ? [] : [`${spell(setAside)} set aside`]),
    ...(differing === 0 ? [] : [`${spell(differing)} differ`]),
  ];
  return parts.join(", ");
}

/** `3 s`, `12 min`. Pure. */
export function spellLeft(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
