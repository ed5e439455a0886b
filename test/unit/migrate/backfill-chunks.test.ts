import assert from "node:assert/strict";
import { test } from "node:test";
import { firstCheckpoint, runBackfill } from "../../../proxy/migrate/backfill.ts";
import type { Checkpoint } from "../../../proxy/migrate/checkpoint.ts";
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
    async byKeys(keys) {
      // Each is a way of its own.
      clock.ms += keys.length * 100;
      return await Promise.resolve(keys.map(([id]) => row(Number(id))));
    },
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

/** Of a table of numbers beside live writes; each answer of the proxy takes `answerMs`. */
async function copied({ answerMs, touched }: { readonly answerMs: number; readonly touched: Touched }) {
  const clock = { ms: 0 };
  const limits: number[] = [];
  const table = tableOf(clock, limits);
  const written = new Map<string, number>();
  const noted: Checkpoint[] = [];
  const slowly = async <T>(answer: T): Promise<T> => {
    clock.ms += answerMs;
    return await Promise.resolve(answer);
  };
  let freezes = 0;
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
          freeze: ({ ids }) => slowly({ end: "frozen", freeze: 1, touched: touched(ids, ++freezes) }),
          confirm: () => slowly(true),
          thaw: () => slowly(undefined),
          leaveToRepair: () => slowly(undefined),
        },
        idOf: ({ id }) => String(id),
        behind: () => Promise.resolve(null),
        async upsertConfirmed(rows, guard) {
          for (const { id } of rows) written.set(String(id), (written.get(String(id)) ?? 0) + 1);
          return (await table.upsertConfirmed?.(rows, guard)) ?? null;
        },
        waits: () => undefined,
      },
      conflictsOf: async () => await Promise.resolve([]),
      note: (checkpoint) => noted.push(checkpoint),
      progress: () => undefined,
      throttle: { pass: async () => await Promise.resolve() },
      now: () => clock.ms,
      wait: async () => await Promise.resolve(),
    },
    firstCheckpoint("numbers", "f", true),
    { mostSetAside: 0, chunkRows: null, signal: new AbortController().signal },
  );
  return { end, limits, written, noted };
}

type Touched = (ids: readonly string[], freeze: number) => readonly string[];

test("chunks beside live writes grow with what their rows take, however long members take to answer", async () => {
  const { end, limits } = await copied({ answerMs: 1_000, touched: () => [] });
  assert.equal(end.kind, "done");
  assert.deepEqual([end.checkpoint.read, end.checkpoint.written], [ROWS, ROWS]);
  assert.deepEqual(limits, [500, 750, 1_125, 1_687, 2_530]);
  // The confirmation and the thaw, and what the rows took to be written.
  assert.ok(end.checkpoint.longestFreezeMs >= 2_000);
});

test("a row that was touched goes from chunk to chunk and into the checkpoint, and does not keep chunks from growing", async () => {
  const touched: Touched = (ids, freeze) => (freeze < 3 ? ids.filter((id) => id === "7" || id === "9") : []);
  const { end, limits, written, noted } = await copied({ answerMs: 1, touched });
  assert.equal(end.kind, "done");
  const left = (times: number) => [7n, 9n].map((id) => ({ key: [id], times }));
  assert.deepEqual(
    noted.map((checkpoint) => checkpoint.left),
    [left(1), left(2), [], [], []],
  );
  assert.deepEqual(limits, [500, 750, 1_125, 1_687, 2_530]);
  assert.deepEqual([written.size, new Set(written.values())], [ROWS, new Set([1])]);
  assert.deepEqual([end.checkpoint.read, end.checkpoint.readAgain, end.checkpoint.toRepair], [ROWS, 4, 0]);
});
