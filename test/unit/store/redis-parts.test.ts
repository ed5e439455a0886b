import assert from "node:assert/strict";
import { test } from "node:test";
import { planEviction, type Sizes } from "../../../adapters/store/redis/eviction.ts";
import { Ledger } from "../../../adapters/store/redis/ledger.ts";
import { newestFirst, PartReader, takeMerged, type Placed } from "../../../adapters/store/redis/merge.ts";
import { replicationChanged } from "../../../adapters/store/redis/opening.ts";
import { Positions } from "../../../adapters/store/redis/order.ts";
import { partitionOf } from "../../../adapters/store/redis/keys.ts";
import { DEFAULT_RETENTION } from "../../../adapters/store/retention.ts";
import type { EssentialRows } from "../../../adapters/store/rows.ts";

const sizes = (given: Partial<Sizes>): Sizes => ({
  records: 0,
  bytes: 0,
  groups: 0,
  oldestRecord: Infinity,
  oldestGroup: Infinity,
  ...given,
});

test("what is evicted next is the oldest of all partitions, up to where the next one's begin", () => {
  const keep = { ...DEFAULT_RETENTION, keepMs: 1_000, keepRecords: 10, keepBytes: 100, keepGroups: 2 };
  const plan = (partitions: readonly Sizes[], now = 0) => planEviction(partitions, keep, now);
  assert.equal(plan([sizes({ records: 10, oldestRecord: 5, bytes: 100, groups: 2, oldestGroup: 1 })]), null);
  const two = [sizes({ records: 6, oldestRecord: 50 }), sizes({ records: 7, oldestRecord: 20 })];
  assert.deepEqual(plan(two)?.partition, 1);
  assert.deepEqual(plan(two)?.eviction, { records: 3, bytes: 0, most: 500, till: 50, groups: 0 });
  // By age, before anything else.
  assert.deepEqual(plan(two, 1_030)?.eviction.till, 29);
  // Bytes are freed from single records first, then from whole groups.
  assert.equal(plan([sizes({ records: 1, oldestRecord: 3, bytes: 130 })])?.eviction.bytes, 30);
  assert.equal(plan([sizes({ bytes: 130, groups: 1, oldestGroup: 3 })])?.eviction.groups, 1);
  const groups = [sizes({ groups: 2, oldestGroup: 9 }), sizes({ groups: 1, oldestGroup: 4 })];
  assert.deepEqual([plan(groups)?.partition, plan(groups)?.eviction.groups], [1, 1]);
});

const rows = (match: number, eligible: number): EssentialRows => ({
  outcomes: [{ route: "users", outcome: "match", reason: null, count: match }],
  totals: [{ route: "users", eligible, comparedReads: 1 }],
  repairs: [],
  gaps: [],
  journalMark: null,
  controls: [],
  places: [],
  gateEvidence: [],
  rowJobs: [],
});

test("a batch tells how far its counts have come, however often it is cut anew; all of them after a loss", () => {
  const ledger = new Ledger();
  assert.deepEqual(ledger.after(rows(2, 3), false), {
    outcomes: [["users", "match", "", 2]],
    totals: [["users", 3, 1]],
  });
  // It was not kept, and came again with more.
  assert.deepEqual(ledger.after(rows(5, 5), false).outcomes, [["users", "match", "", 5]]);
  ledger.add(rows(5, 5));
  assert.deepEqual(ledger.after(rows(1, 1), false).outcomes, [["users", "match", "", 6]]);
  const nothing: EssentialRows = {
    outcomes: [],
    totals: [],
    repairs: [],
    gaps: [],
    journalMark: null,
    controls: [],
    places: [],
    gateEvidence: [],
    rowJobs: [],
  };
  assert.deepEqual(ledger.after(nothing, false), { outcomes: [], totals: [] });
  assert.deepEqual(ledger.after(nothing, true).totals, [["users", 5, 1]]);
});

test("lists of partitions become one, each item once, and no more is read than is shown", async () => {
  const parts = [
    [[9, 7], [3]],
    [[8], [], [7, 1]],
  ];
  let read = 0;
  const readers = parts.map((pages, partition) => {
    const left = [...pages];
    return new PartReader(async (): Promise<readonly Placed<number>[] | null> => {
      read += 1;
      return left.shift()?.map((position) => ({ partition, position, item: position })) ?? null;
    });
  });
  const first = await takeMerged(readers, newestFirst, 3);
  assert.deepEqual(
    first.map(({ position, partition }) => [position, partition]),
    [
      [9, 0],
      [8, 1],
      [7, 1],
    ],
  );
  assert.equal(read, 4);
  const rest = await takeMerged(readers, newestFirst, 10);
  assert.deepEqual(
    rest.map(({ position, partition }) => [position, partition]),
    [
      [7, 0],
      [3, 0],
      [1, 1],
    ],
  );
});

test("positions go up whatever the clock does, are never below the arrival, and no wrong clock lifts them far", () => {
  const positions = new Positions();
  const given = [positions.next(1_000), positions.next(1_000), positions.next(10), positions.next(2_000, 3_000)];
  assert.deepEqual(given, [1_000_000, 1_000_001, 1_000_002, 3_000_000]);
  const day = 24 * 60 * 60 * 1000;
  assert.equal(positions.next(4_000, 9e15), (4_000 + day) * 1000);
  assert.ok(Number.isSafeInteger(positions.next(Date.UTC(2200, 0), NaN)));
});

test("a master's new id is a failover or a restart; a further node is none", () => {
  assert.equal(replicationChanged(["a"], ["a"]), false);
  assert.equal(replicationChanged(["a"], ["b"]), true);
  assert.equal(replicationChanged(["a", "b"], ["a", "b", "c"]), false);
  assert.equal(replicationChanged(["a", "b", "c"], ["a", "b"]), false);
});

test("routes are spread over the partitions, the same in every process", () => {
  const used = new Set(Array.from({ length: 200 }, (_, i) => partitionOf(`route-${i}`, 16)));
  assert.equal(used.size, 16);
  assert.equal(partitionOf("users", 1), 0);
  assert.equal(partitionOf("users", 16), partitionOf("users", 16));
});
