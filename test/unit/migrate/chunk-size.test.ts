import assert from "node:assert/strict";
import { test } from "node:test";
import { nextChunkRows } from "../../../proxy/migrate/chunk-size.ts";

const MIB = 1024 * 1024;

test("a chunk grows by half at most, shrinks at once, and stays within its bounds", () => {
  const table: readonly (readonly [what: string, rows: number, bytes: number, ms: number, next: number])[] = [
    ["a fast one grows by half", 1_000, 1_000, 1, 1_500],
    ["one that takes its time stays", 1_000, 1_000, 250, 1_000],
    ["a slow one shrinks to what fits", 1_000, 1_000, 500, 500],
    ["a very slow one by a fifth of it at most", 1_000, 1_000, 60_000, 200],
    ["large rows shrink it, however fast", 1_000, 64 * MIB, 1, 250],
    ["never below a few rows", 10, 640 * MIB, 60_000, 10],
    ["never above the most", 20_000, 1_000, 1, 20_000],
    ["nothing was read: as at first", 0, 0, 1, 500],
  ];
  for (const [what, rows, bytes, ms, next] of table)
    assert.equal(nextChunkRows({ rows, bytes, ms, waitedMs: 0 }), next, what);
});

test("a chunk that waits long for others may take as long for its rows, up to a second", () => {
  const table: readonly (readonly [ms: number, waitedMs: number, next: number])[] = [
    [500, 100, 500],
    [500, 500, 1_000],
    [500, 600, 1_200],
    [1_000, 60_000, 1_000],
    [2_000, 60_000, 500],
  ];
  for (const [ms, waitedMs, next] of table) {
    assert.equal(nextChunkRows({ rows: 1_000, bytes: 1_000, ms, waitedMs }), next, `${ms} and ${waitedMs} ms`);
  }
});
