/** How a job over rows tells the proxy of itself, and what it is told in return (docs/rows.md, "Progress"). */
import type { Action } from "./action.ts";
import { Problem } from "./problem.ts";
import { readRunningJobOrder, readRunningJobReport } from "./running-job-requests.ts";

const SMALL_BYTES = 8 * 1024;

export const RUNNING_JOB_ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/running-jobs",
    summary: "A backfill or a comparison of rows tells that it begins; it is among the jobs from here on",
    takes: "RunningJobOrder",
    answers: "RunningJobAnswer",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, body, by }) => {
      const order = readRunningJobOrder(body);
      const answer = parts.runningJobs.begin(order, by);
      if (answer !== null) return await Promise.resolve(answer);
      const names = parts.snapshot().settings.collections.map(({ name }) => name);
      const there = names.length === 0 ? "it has none" : `there are ${names.join(", ")}`;
      const shown = JSON.stringify(order.collection.slice(0, 100));
      throw new Problem(404, `the configuration that runs here has no collection ${shown}; ${there}`);
    },
  },
  {
    path: "/api/v1/running-jobs/{id}/progress",
    summary: "It tells how far it is, or that it ends; the answer says whether it is to pause or to stop",
    takes: "RunningJobReport",
    answers: "RunningJobAnswer",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      const answer = parts.runningJobs.report(id, readRunningJobReport(body));
      if (answer !== null) return await Promise.resolve(answer);
      throw new Problem(404, `no job over rows has the id ${JSON.stringify(id.slice(0, 100))}; tell that it begins`);
    },
  },
];
