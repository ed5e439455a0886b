/** The row jobs that have told this process of themselves, since it began. They go on whether it knows of them or not. */
import type { AuditedChange } from "../evidence/audit.ts";
import type { CollectionSettings } from "../config/collection-settings.ts";
import { makeUlid } from "../identity.ts";
import type { Clock } from "../ports.ts";
import {
  NO_PROGRESS,
  type RunningJobAnswer,
  type RunningJobOrder,
  type RunningJobRecord,
  type RunningJobReport,
  type RunningJobState,
  type RunningJobWanted,
} from "./running-job.ts";

export interface RunningJobsParts {
  readonly collections: () => readonly CollectionSettings[];
  /** null: the route has no shadow. */
  readonly lagMs: (route: string) => number | null;
  readonly clock: Pick<Clock, "now">;
  readonly audit: (change: AuditedChange) => void;
}

export interface RunningJobs {
  /** null: there is no such collection here. */
  begin(order: RunningJobOrder, by: string): RunningJobAnswer | null;
  /** null: there is none of that id. */
  report(id: string, report: RunningJobReport): RunningJobAnswer | null;
  /** running: it may go on. null: there is none of that id. `over`: it has ended. */
  want(
    id: string,
    state: "running" | "paused" | "stopped",
    by: string,
    reason: string | null,
  ): RunningJobRecord | "over" | null;
  /** The newest first. */
  jobs(): readonly RunningJobRecord[];
  job(id: string): RunningJobRecord | null;
  /** Those that have not ended, and are not long silent. */
  open(): readonly RunningJobRecord[];
}

interface Job {
  readonly id: string;
  readonly order: RunningJobOrder;
  readonly route: string;
  readonly by: string;
  readonly startedAt: number;
  heardAt: number;
  endedAt: number | null;
  report: RunningJobReport;
  wanted: RunningJobWanted;
}

const JOBS_KEPT = 20;
const SILENT_AFTER_MS = 60_000;
/** What was killed is shown for so long. */
const SHOWN_SILENT_MS = 10 * 60_000;
const UNTOLD: RunningJobReport = { ...NO_PROGRESS, end: null, error: null };

export function createRunningJobs({ collections, lagMs, clock, audit }: RunningJobsParts): RunningJobs {
  let jobs: readonly Job[] = [];
  const find = (id: string): Job | undefined => jobs.find((job) => job.id === id);

  function answerFor({ id, wanted, route }: Job): RunningJobAnswer {
    return { id, wanted, lagMs: lagMs(route) };
  }

  function stateOf(job: Job): RunningJobState {
    if (job.report.end !== null) return job.report.end;
    if (clock.now() - job.heardAt > SILENT_AFTER_MS) return "silent";
    return job.wanted?.state === "paused" ? "paused" : "running";
  }

  function recordOf(job: Job): RunningJobRecord {
    const time = (epochMs: number): string => new Date(epochMs).toISOString();
    return {
      id: job.id,
      ...job.order,
      route: job.route,
      state: stateOf(job),
      by: job.by,
      startedAt: time(job.startedAt),
      heardAt: time(job.heardAt),
      endedAt: job.endedAt === null ? null : time(job.endedAt),
      wanted: job.wanted,
      ...job.report,
    };
  }

  return {
    begin(order, by) {
      const route = collections().find(({ name }) => name === order.collection)?.route;
      if (route === undefined) return null;
      const now = clock.now();
      const job: Job = {
        id: makeUlid(now),
        order,
        route,
        by,
        startedAt: now,
        heardAt: now,
        endedAt: null,
        report: UNTOLD,
        wanted: null,
      };
      jobs = [job, ...jobs].slice(0, JOBS_KEPT);
      return answerFor(job);
    },
    report(id, report) {
      const job = find(id);
      if (job === undefined) return null;
      job.heardAt = clock.now();
      job.report = report;
      if (report.end !== null) job.endedAt ??= job.heardAt;
      return answerFor(job);
    },
    want(id, state, by, reason) {
      const job = find(id);
      if (job === undefined) return null;
      if (job.report.end !== null) return "over";
      job.wanted = state === "running" ? null : { state, by };
      const { kind, collection } = job.order;
      const what = `${kind} ${state === "running" ? "to go on" : state === "paused" ? "paused" : "to stop"}`;
      audit({ by, action: "backfill", subject: collection, what, reason });
      return recordOf(job);
    },
    jobs: () => jobs.map(recordOf),
    job(id) {
      const job = find(id);
      return job === undefined ? null : recordOf(job);
    },
    open() {
      const since = clock.now() - SHOWN_SILENT_MS;
      return jobs.filter(({ report, heardAt }) => report.end === null && heardAt > since).map(recordOf);
    },
  };
}
