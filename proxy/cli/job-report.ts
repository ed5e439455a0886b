/**
 * Tells the proxy, where one answers, how far a job over rows is, and hears from it whether somebody wants it to pause or to
 * stop. Nothing that the proxy does or leaves undone stops the job: it goes on untold.
 */
import {
  NO_PROGRESS,
  type RunningJobAnswer,
  type RunningJobEnd,
  type RunningJobOrder,
  type RunningJobProgress,
  type RunningJobReport,
  type RunningJobWanted,
} from "../rows/running-job.ts";
import type { Api } from "./api.ts";

const EVERY_MS = 1_000;
/** It is reported again soon; whoever ends a job does not want to wait. */
const TIMEOUT_MS = 5_000;
const WORDS_MAX_CHARS = 500;

export interface JobReport {
  /** Once the proxy has been asked for the first time. */
  readonly asked: Promise<void>;
  progress(progress: Partial<RunningJobProgress>): void;
  /** What somebody wants; it stands until something else is heard, also while nothing answers. */
  wanted(): RunningJobWanted;
  /** How far behind the copies of the route are; null: nobody knows, or not lately. */
  lagMs(): number | null;
  /** Told at once. */
  end(end: RunningJobEnd, error: string | null): Promise<void>;
}

/** `api` null: nobody is told. `onStop`: somebody wants the job to stop. */
export function openJobReport(api: Api | null, order: RunningJobOrder, onStop: () => void): JobReport {
  let report: RunningJobReport = { ...NO_PROGRESS, end: null, error: null };
  let id: string | null = null;
  let wanted: RunningJobWanted = null;
  let lagMs: number | null = null;
  let asking: Promise<void> = Promise.resolve();
  let isAsking = false;

  async function ask(to: Api): Promise<void> {
    try {
      const known = id === null ? null : await post(to, `/api/v1/running-jobs/${id}/progress`, report);
      const answer = known ?? (await beginAt(to));
      id = answer?.id ?? null;
      lagMs = answer?.lagMs ?? null;
      if (known !== null) wanted = known.wanted;
      if (wanted?.state === "stopped") onStop();
    } catch {
      lagMs = null;
    }
  }

  /** Of a proxy that was restarted meanwhile it is another job, which is as paused as the one before. */
  async function beginAt(to: Api): Promise<RunningJobAnswer | null> {
    const answer = await post(to, "/api/v1/running-jobs", order);
    if (answer !== null && wanted?.state === "paused") await to.patch(`/api/v1/jobs/${answer.id}`, { state: "paused" });
    return answer;
  }

  function tell(): Promise<void> {
    if (api === null || isAsking) return asking;
    isAsking = true;
    asking = ask(api).finally(() => (isAsking = false));
    return asking;
  }

  const asked = tell();
  const timer = setInterval(() => void tell(), EVERY_MS);
  timer.unref();
  return {
    asked,
    progress(progress) {
      report = { ...report, ...progress };
    },
    wanted: () => wanted,
    lagMs: () => lagMs,
    async end(end, error) {
      clearInterval(timer);
      await asking;
      report = { ...report, waiting: null, end, error: error?.slice(0, WORDS_MAX_CHARS) ?? null };
      if (id !== null) await tell();
    },
  };
}

async function post(api: Api, path: string, body: unknown): Promise<RunningJobAnswer | null> {
  return await api.post<RunningJobAnswer>(path, body, TIMEOUT_MS);
}
