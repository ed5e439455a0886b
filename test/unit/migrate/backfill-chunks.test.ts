import assert from "node:assert/strict";
import { test } from "node:test";
import { firstCheckpoint, runBackfill } from "../../../proxy/migrate/backfill.ts";
import { AS_THEY_ARE } from "../../../proxy/migrate/transformer.ts";
import type { Row, RowTarget } from "../../../proxy/rows/rows.ts";

const ROWS = 5_000;

/** A table of numbers; each call takes its time of `clock`. */
function tableOf(clock: { ms: number }, limits: number[]): RowTarget {
  const row = (id: number): Row => ({ id: BigInt(id) });
  return {
    name: "numbers",
    key: ["id"],
    digests: null,
    describe: async () => await Promise.resolve({ columns: [], estimate: ROWS }),
    async page(after, limit) {
      limits.push(limit);
      const from = Number(after?.[0] ?? 0);
      const count = Math.min(limit, ROWS - from);
      clock.ms += count / 100;
      return await Promise.resolve({
        rows: Array.from({ length: count }, (_, i) => row(from + i + 1)),
        isFull: count === limit,
      });
    },
    byKeys: async () => await Promise.resolve([]),
    upsert: async (rows) => await Promise.resolve({ written: rows.length, kept: 0 }),
    async upsertConfirmed(rows, { confirm }) {
      clock.ms += rows.length / 100;
      return (await confirm()) ? { written: rows.length, kept: 0 } : null;
    },
    revise: async () => await Promise.resolve(),
    remove: async () => await Promise.resolve(0),
    settleCounters: async () => await Promise.resolve(),
    close: async () => await Promise.resolve(),
  };
}

test("chunks beside live writes grow with what their rows take, however long members take to answer", async () => {
  const clock = { ms: 0 };
  const limits: number[] = [];
  const table = tableOf(clock, limits);
  const slowly = async <T>(answer: T): Promise<T> => {
    clock.ms += 1_000;
    return await Promise.resolve(answer);
  };
  const end = await runBackfill(
    {
      source: table,
      target: table,
      transformer: AS_THEY_ARE,
      mapped: null,
      live: {
        writes: {
          window: () => slowly(1),
          mark: () => slowly(2),
          freeze: () => slowly({ end: "frozen", freeze: 1, touched: [] }),
          confirm: () => slowly(true),
          thaw: () => slowly(undefined),
          leaveToRepair: () => slowly(undefined),
        },
        idOf: ({ id }) => String(id),
        behind: () => Promise.resolve(null),
        upsertConfirmed: (rows, guard) => table.upsertConfirmed?.(rows, guard) ?? Promise.resolve(null),
        waits: () => undefined,
      },
      conflictsOf: async () => await Promise.resolve([]),
      note: () => undefined,
      progress: () => undefined,
      throttle: { pass: async () => await Promise.resolve() },
      now: () => clock.ms,
      wait: async () => await Promise.resolve(),
    },
    firstCheckpoint("numbers", "f", true),
    { mostSetAside: 0, chunkRows: null, signal: new AbortController().signal },
  );
  assert.equal(end.kind, "done");
  assert.deepEqual([end.checkpoint.read, end.checkpoint.written], [ROWS, ROWS]);
  assert.deepEqual(limits, [500, 750, 1_125, 1_687, 2_530]);
  // The confirmation and the thaw, and what the rows took to be written.
  assert.ok(end.checkpoint.longestFreezeMs >= 2_000);
});
