/** What a backfill that runs beside live writes asks of the proxy (docs/rows.md). */
import type { OfBackfill } from "../backfill-window.ts";
import type { Action } from "./action.ts";
import {
  IDS_MAX_BYTES,
  readEnd,
  readFreeze,
  readFreezeOrder,
  readIds,
  readNothing,
  readOpening,
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
      return await Promise.resolve({ at: answerOf(parts.backfills.window(id), id) });
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
      return await Promise.resolve({ at: answerOf(parts.backfills.mark(id), id) });
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
    reply: async ({ parts, id, body }) =>
      await Promise.resolve({ holds: answerOf(parts.backfills.confirm(id, readFreeze(body)), id) }),
  },
  {
    path: "/api/v1/backfills/{id}/thaw",
    summary: "Ends a freeze",
    takes: "BackfillHeld",
    answers: "BackfillThawed",
    maxBytes: SMALL_BYTES,
    reply: async ({ parts, id, body }) => {
      const freeze = readFreeze(body);
      answerOf(parts.backfills.thaw(id, freeze), id);
      return await Promise.resolve({ thawed: freeze });
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
      answerOf(parts.backfills.end(id, readEnd(body)), id);
      return await Promise.resolve({ ended: id });
    },
  },
];

/** @throws Problem 404, 409 */
function answerOf<T>(of: OfBackfill<T>, id: string): T {
  const shown = JSON.stringify(id.slice(0, 100));
  if (of === "replaced") throw new Problem(409, `backfill ${shown} was replaced by a later one of its collection`);
  if (of === null)
    throw new Problem(404, `no backfill has the id ${shown}; the proxy was restarted since, or it ended`);
  return of.answer;
}
