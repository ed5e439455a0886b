import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Gaps } from "../../../proxy/mirror/gaps.ts";
import { handClock } from "../../support/evidence.ts";

interface Started {
  readonly gaps: Gaps;
  readonly told: string[];
  /** Both may be made to take their time. */
  readonly marked: PromiseWithResolvers<void>;
  readonly store: { problem: string | null; flushed: Promise<void> };
}

/** Gaps of one route, and what they tell the store and the marker. */
function startGaps(): Started {
  const told: string[] = [];
  const marked = Promise.withResolvers<void>();
  const store: Started["store"] = { problem: null, flushed: Promise.resolve() };
  const port = {
    append: (writes: readonly { readonly type: string }[]) => void told.push(...writes.map(({ type }) => type)),
    flush: () => store.flushed,
    health: () => ({ problem: store.problem }),
  };
  const marker = {
    open: () => {
      told.push("marked");
      return marked.promise;
    },
    close: () => void told.push("unmarked"),
  };
  return { gaps: new Gaps(port as never, handClock(), marker as never), told, marked, store };
}

test("a gap whose intents were all recorded, merely late, ends without a next write, and is taken back", async () => {
  const { gaps, told } = startGaps();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  void gaps.unjournaled("users", first.promise);
  void gaps.unjournaled("users", second.promise);
  first.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked"], "one is late still");
  second.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "unmarked", "gap-closed", "gap-withdrawn"]);
  gaps.journaled("users");
  assert.equal(told.length, 5, "it is over");
});

test("a gap with a write that is in no journal stays open until one is journaled, and stays listed", async () => {
  const { gaps, told } = startGaps();
  const [lost, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  void gaps.unjournaled("users", lost.promise);
  void gaps.unjournaled("users", late.promise);
  lost.reject(new Error("disk full"));
  late.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked"]);
  gaps.journaled("users");
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "gap-closed", "unmarked"]);
});

test("all writes of a gap wait until its marker is durable, and none for longer than the first", async () => {
  const { gaps, marked } = startGaps();
  const never = new Promise<void>(() => undefined);
  const waits = [gaps.unjournaled("users", never), gaps.unjournaled("users", never)];
  let gone = 0;
  for (const wait of waits) void wait?.then(() => (gone += 1));
  await turn();
  assert.equal(gone, 0);
  marked.resolve();
  for (const wait of waits) await wait;
  assert.deepEqual([gone, gaps.unjournaled("users", never)], [2, null]);

  const hung = startGaps();
  await hung.gaps.unjournaled("users", never);
  assert.equal(hung.gaps.unjournaled("users", never), null, "a disk that hangs holds up nobody any more");
});

test("where writes are in no journal the marker stays until the store has the gap", async () => {
  const { gaps, told, store } = startGaps();
  const flushed = Promise.withResolvers<void>();
  store.flushed = flushed.promise;
  void gaps.unjournaled("users", Promise.reject(new Error("disk full")));
  await turn();
  gaps.journaled("users");
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "gap-closed"]);
  flushed.resolve();
  await turn();
  assert.deepEqual(told, ["gap-opened", "marked", "gap-closed", "unmarked"]);

  const away = startGaps();
  away.store.problem = "it is away";
  void away.gaps.unjournaled("users", Promise.reject(new Error("disk full")));
  await turn();
  away.gaps.journaled("users");
  await turn();
  assert.deepEqual(away.told, ["gap-opened", "marked", "gap-closed"]);
});
