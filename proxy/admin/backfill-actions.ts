/** What a backfill that runs beside live writes asks of the proxy (docs/rows.md). */
import type { OfBackfill } from "../rows/backfill-window.ts";
import type { Action } from "./action.ts";
import {
  IDS_MAX_BYTES,
  readEnd,
  readFreeze,
  readFreezeOrder,
  readIds,
  readNothing,
  readOpening,
  readRowJobReport,
  readRowValues,
  refuseOtherKinds,
} from "./backfill-requests.ts";
import { Problem } from "./problem.ts";

const SMALL_BYTES = 8 * 1024;

export const BACKFILL_ACTIONS: readonly Action[] = [
  {
    path: "/api/v1/backfills",
    summary:
      "Begins a backfill of a collection beside its live writes, in place of an earlier one; 409 where they cannot be told apart from rows",
    takes: "BackfillOpen",
    answers: "BackfillOpened",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, body, by }) => {
      const name = readOpening(body);
      const opening = parts.backfills.open(name, by);
      if (opening.end === "opened") return await Promise.resolve(opening.opened);
      if (opening.end === "refused")
        throw new Problem(409, `${name} cannot be brought over beside live writes: ${opening.why}`);
      const names = parts.snapshot().settings.collections.map((collection) => collection.name);
      const there = names.length === 0 ? "it has none" : `there are ${names.join(", ")}`;
      throw new Problem(
        404,
        `the configuration that runs here has no collection ${JSON.stringify(name.slice(0, 100))}; ${there}`,
      );
    },
  },
  {
    path: "/api/v1/backfills/{id}/window",
    summary: "Opens a window: all that mirrored writes do from here on is remembered for this backfill",
    takes: "BackfillNothing",
    answers: "BackfillMark",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      readNothing(body);
      return { at: await answerOf(parts.backfills.window(id), id) };
    },
  },
  {
    path: "/api/v1/backfills/{id}/mark",
    summary: "The position of now, within the window",
    takes: "BackfillNothing",
    answers: "BackfillMark",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      readNothing(body);
      return { at: await answerOf(parts.backfills.mark(id), id) };
    },
  },
  {
    path: "/api/v1/backfills/{id}/freeze",
    summary:
      "Holds back copies of writes to these rows, for 5 s at most, but for those that were touched in the window, which are named; clients wait for nothing",
    takes: "BackfillFreeze",
    answers: "BackfillFrozen",
    maxBytes: IDS_MAX_BYTES,
    reply: async ({ parts, id, body }) => await answerOf(parts.backfills.freeze(id, readFreezeOrder(body)), id),
  },
  {
    path: "/api/v1/backfills/{id}/confirm",
    summary: "Whether a freeze has held without a break; then it holds for 5 s more, 30 s in all at most",
    takes: "BackfillHeld",
    answers: "BackfillConfirmed",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => ({
      holds: await answerOf(parts.backfills.confirm(id, readFreeze(body)), id),
    }),
  },
  {
    path: "/api/v1/backfills/{id}/thaw",
    summary: "Ends a freeze",
    takes: "BackfillHeld",
    answers: "BackfillThawed",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      const freeze = readFreeze(body);
      await answerOf(parts.backfills.thaw(id, freeze), id);
      return { thawed: freeze };
    },
  },
  {
    path: "/api/v1/backfills/{id}/repairs",
    summary: "Puts rows that were written too often to be brought over on the repair list",
    takes: "BackfillRows",
    answers: "BackfillLeft",
    maxBytes: IDS_MAX_BYTES,
    reply: async ({ parts, id, body }) =>
      await Promise.resolve({ left: answerOf(parts.backfills.leaveToRepair(id, readIds(body)), id) }),
  },
  {
    path: "/api/v1/backfills/{id}/end",
    summary: "The backfill is done, or stops",
    takes: "BackfillEnd",
    answers: "BackfillEnded",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      await answerOf(parts.backfills.end(id, readEnd(body)), id);
      return { ended: id };
    },
  },
  {
    path: "/api/v1/collections/{name}/begin",
    summary: "A job over the rows of a collection begins: what it ends with is told under this id",
    takes: "BackfillNothing",
    answers: "RowJobBegun",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id: name, body }) => {
      readNothing(body);
      const job = await parts.rowJobs.begin(name);
      if (job !== null) return { id: job };
      throw noCollection(name);
    },
  },
  {
    path: "/api/v1/row-jobs/{id}/end",
    summary:
      "How a job over rows ended, for the gate; a comparison that found nothing ends gaps that were over when it began, and repairs of whole collections",
    takes: "RowJobEnd",
    answers: "RowJobTold",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body, by }) => {
      const told = await parts.rowJobs.end(id, readRowJobReport(body), by);
      if (told !== null) return told;
      const shown = JSON.stringify(id.slice(0, 100));
      throw new Problem(404, `no job over rows has the id ${shown}; the proxy was restarted since, or it ended`);
    },
  },
  {
    path: "/api/v1/collections/{name}/values",
    summary:
      "What values of a collection's rows are at the other service; those that are given as a pair are taught, unless one of them has another partner",
    takes: "RowValues",
    answers: "RowValuePairs",
    maxBytes: IDS_MAX_BYTES,
    reply: async ({ parts, id: name, body }) => {
      const asked = readRowValues(body);
      const collection = parts.snapshot().settings.collections.find((one) => one.name === name);
      if (collection === undefined) throw noCollection(name);
      const { learn, apply } = collection.values;
      refuseOtherKinds(asked, [...new Set([...learn, ...apply].map(({ kind }) => kind))]);
      return { values: await parts.rowValues(asked) };
    },
  },
];

function noCollection(name: string): Problem {
  return new Problem(404, `the configuration that runs here has no collection ${JSON.stringify(name.slice(0, 100))}`);
}

/** @throws Problem 404, 409 */
function answerOf<T>(of: OfBackfill<T>, id: string): T {
  const shown = JSON.stringify(id.slice(0, 100));
  if (of === "replaced") throw new Problem(409, `backfill ${shown} was replaced by a later one of its collection`);
  if (of === null)
    throw new Problem(404, `no backfill has the id ${shown}; the proxy was restarted since, or it ended`);
  return of.answer;
}
