/** What the admin listener does when it is asked to with `POST`: one table for routing and the OpenAPI document. */
import type { Action } from "./action.ts";
import { BACKFILL_ACTIONS } from "./backfill-actions.ts";
import { readForget } from "./forget-request.ts";
import { readMirrorSwitch } from "./override-change.ts";
import { readPhaseMove } from "./phase-request.ts";
import { Problem } from "./problem.ts";
import { PURGE_MAX_BYTES, readPurge } from "./purge-request.ts";
import { readRepairRun } from "./repair-request.ts";
import { readReplay } from "./replay-request.ts";
import { RUNNING_JOB_ACTIONS } from "./running-job-actions.ts";

/** A reason of 500 characters fits, however it is spelled. */
const REPLAY_MAX_BYTES = 8 * 1024;

export const ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/mirror",
    summary: "The kill switch: off, nothing is mirrored, whatever file and overrides say; on, both decide again",
    takes: "MirrorSwitch",
    answers: "MirrorState",
    maxBytes: 8 * 1024,
    reply: async ({ parts, body, by }) => {
      const change = readMirrorSwitch(body, by);
      const { kept } = await parts.override(change);
      return { enabled: change.mirror === true, kept };
    },
  },
  {
    path: "/api/v1/routes/{name}/phase",
    summary:
      "Moves a route, and those that move together with it, to the neighbouring phase; 409 with the same report where it was not moved",
    takes: "PhaseMove",
    answers: "PhaseMoved",
    maxBytes: 8 * 1024,
    reply: async ({ parts, id, body, by }) => {
      const report = await parts.move(readPhaseMove(body, id, by));
      if (report === null) throw new Problem(404, `no route is named ${JSON.stringify(id.slice(0, 100))}`);
      if (report.end === "moved" || report.dryRun) return report;
      throw new Problem(409, report.sentence, { members: { report } });
    },
  },
  {
    path: "/api/v1/members/{id}/forget",
    summary:
      "Takes a silent member off the list, for good: what it had under way is no longer waited for; 409 while it is heard",
    takes: "Forget",
    answers: "Forgotten",
    maxBytes: 8 * 1024,
    reply: async ({ parts, id, body, by }) => {
      const { reason } = readForget(body);
      const shown = JSON.stringify(id.slice(0, 100));
      const end = await parts.members.forget(id);
      if (end === "unknown") throw new Problem(404, `no member has the id ${shown}; crossfade instances lists them`);
      if (end === "settling") {
        const why = "the store was restarted or has lost who is registered, and members are being heard again";
        throw new Problem(409, `member ${shown} may be alive: ${why}; try again in some seconds`);
      }
      if (end === "alive") {
        throw new Problem(409, `member ${shown} is alive; stop it, and it leaves by itself: silent ones are forgotten`);
      }
      parts.audit({ by, action: "forget", subject: id, what: "member forgotten", reason });
      return { forgotten: id };
    },
  },
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
  {
    path: "/api/v1/divergences/{id}/replay",
    summary:
      "Sends the request of a divergence once more, a read to both services and a write to the shadow alone, and compares the answers; 409 where it cannot be sent",
    takes: "Replay",
    answers: "Replayed",
    maxBytes: REPLAY_MAX_BYTES,
    reply: async ({ parts, id, body, by }) => {
      const ended = await parts.replay(readReplay(body, id, by));
      if (ended.end === "replayed") return ended.result;
      if (ended.end === "refused") throw new Problem(409, ended.detail, { members: { why: ended.why } });
      const shown = JSON.stringify(id.slice(0, 100));
      throw new Problem(404, `no divergence has the id ${shown}; it may have been evicted by age, or was never kept`);
    },
  },
  ...BACKFILL_ACTIONS,
  ...RUNNING_JOB_ACTIONS,
];
