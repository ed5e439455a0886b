/** What the admin listener does when it is asked to with `POST`: one table for routing and the OpenAPI document. */
import type { AdminParts } from "./parts.ts";
import { Problem } from "./problem.ts";
import { PURGE_MAX_BYTES, readPurge } from "./purge-request.ts";
import { readRepairRun } from "./repair-request.ts";
import type { SchemaName } from "./schemas.ts";

/** Asked for by someone with the role operate. */
export interface ActionCall {
  readonly parts: AdminParts;
  /** The body's text. */
  readonly body: string;
  /** Who asks. */
  readonly by: string;
}

export interface Action {
  readonly path: string;
  readonly summary: string;
  readonly takes: SchemaName;
  readonly answers: SchemaName;
  /** Of the request's body. */
  readonly maxBytes: number;
  /** It may take minutes; whoever goes away meanwhile does not stop it. */
  readonly reply: (call: ActionCall) => Promise<unknown>;
}

export const ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/divergences/purge",
    summary:
      "Erases the divergences of one entity key, shown plain or redacted, from the store and the divergence log; the repair list stays",
    takes: "Purge",
    answers: "Purged",
    maxBytes: PURGE_MAX_BYTES,
    reply: ({ parts, body, by }) => parts.purge(readPurge(body, by)),
  },
  {
    path: "/api/v1/repairs/run",
    summary:
      "Starts a run over the repair list: reads each key on both services and makes the shadow equal; the answer is its job",
    takes: "RepairRun",
    answers: "Job",
    maxBytes: 8 * 1024,
    reply: async ({ parts, body, by }) => {
      const routes = parts.snapshot().settings.routes.map(({ name }) => name);
      const job = await parts.repairs.start(readRepairRun(body, by, routes));
      if (job !== null) return job;
      const running = parts.repairs.running();
      const which = running === null ? "the process ends" : `run ${running} is under way; wait for it, or cancel it`;
      throw new Problem(409, `no second run is started: ${which}`, { members: { job: running } });
    },
  },
];
