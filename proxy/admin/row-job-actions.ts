/** How a job over rows tells the proxy of itself, and what it is told in return (docs/rows.md, "Progress"). */
import type { Action } from "./action.ts";
import { Problem } from "./problem.ts";
import { readRowJobOrder, readRowJobReport } from "./row-job-requests.ts";

const SMALL_BYTES = 8 * 1024;

export const ROW_JOB_ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/row-jobs",
    summary: "A backfill or a comparison of rows tells that it begins; it is among the jobs from here on",
    takes: "RowJobOrder",
    answers: "RowJobAnswer",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, body, by }) => {
      const order = readRowJobOrder(body);
      const answer = parts.rowJobs.begin(order, by);
      if (answer !== null) return await Promise.resolve(answer);
      const names = parts.snapshot().settings.collections.map(({ name }) => name);
      const there = names.length === 0 ? "it has none" : `there are ${names.join(", ")}`;
      const shown = JSON.stringify(order.collection.slice(0, 100));
      throw new Problem(404, `the configuration that runs here has no collection ${shown}; ${there}`);
    },
  },
  {
    path: "/api/v1/row-jobs/{id}/progress",
    summary: "It tells how far it is, or that it ends; the answer says whether it is to pause or to stop",
    takes: "RowJobReport",
    answers: "RowJobAnswer",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      const answer = parts.rowJobs.report(id, readRowJobReport(body));
      if (answer !== null) return await Promise.resolve(answer);
      throw new Problem(404, `no job over rows has the id ${JSON.stringify(id.slice(0, 100))}; tell that it begins`);
    },
  },
];
