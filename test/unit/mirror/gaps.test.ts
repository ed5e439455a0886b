import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { StoreWrite } from "../../../proxy/ports.ts";
import { Gaps } from "../../../proxy/mirror/gaps.ts";
import { handClock } from "../../support/evidence.ts";

/** Gaps of one route, and what they tell the store and the marker. */
function startGaps(): { readonly gaps: Gaps; readonly told: string[] } {
  const told: string[] = [];
  const store = {
    append: (writes: readonly { readonly type: string }[]) => void told.push(...writes.map(({ type }) => type)),
  };
  const marker = {
    open: () => {
      told.push("marked");
      return Promise.resolve();
    },
    close: () => void told.push("unmarked"),
  };
  return { gaps: new Gaps(store, handClock(), marker as never), told };
}

test("a gap whose intents were all recorded, merely late, ends without a next write, and is taken back", async () => {
  const { gaps, told } = startGaps();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  void gaps.unjournaled("users", first.promise, "next");
  void gaps.unjournaled("users", second.promise, "next");
  first.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked"], "one is late still");
  second.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "unmarked", "gap-closed", "gap-withdrawn"]);
  gaps.journaled("users");
  assert.equal(told.length, 5, "it is over");
});

test("a gap that is open while the roles are swapped ends, since it is another service that misses what follows", async () => {
  const opened: unknown[] = [];
  const store = { append: (writes: readonly StoreWrite[]) => void opened.push(...writes) };
  const gaps = new Gaps(store, handClock());
  const never = Promise.withResolvers<void>().promise;
  void gaps.unjournaled("users", never, "next");
  void gaps.unjournaled("users", never, "next");
  void gaps.unjournaled("users", never, "legacy");
  assert.deepEqual(
    (opened as { type: string; misses?: string }[]).map(({ type, misses }) => [type, misses]),
    [
      ["gap-opened", "next"],
      ["gap-closed", undefined],
      ["gap-opened", "legacy"],
    ],
  );
});

test("a gap with a write that is in no journal stays open until one is journaled, and stays listed", async () => {
  const { gaps, told } = startGaps();
  const [lost, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  void gaps.unjournaled("users", lost.promise, "next");
  void gaps.unjournaled("users", late.promise, "next");
  lost.reject(new Error("disk full"));
  late.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked"]);
  gaps.journaled("users");
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "unmarked", "gap-closed"]);
});
