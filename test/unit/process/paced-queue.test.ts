import assert from "node:assert/strict";
import { test } from "node:test";
import { PacedQueue, type PacedQueueParts, type PacedWork } from "../../../proxy/process/paced-queue.ts";

interface Stage {
  readonly queue: PacedQueue<PacedWork>;
  /** In the order in which they began. */
  readonly begun: string[];
  /** Ends the one of that key. */
  end(key: string, error?: unknown): Promise<void>;
  at(now: number): void;
}

function stage(over: Partial<PacedQueueParts<PacedWork>> = {}): Stage {
  let now = 0;
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const queue = new PacedQueue<PacedWork>({
    clock: { monotonic: () => now },
    mostWaiting: 3,
    mostAtOnce: 2,
    laneOf: ({ key }) => key,
    ratePerSecond: () => 1e9,
    run({ key }) {
      begun.push(key);
      const end = Promise.withResolvers<void>();
      ends.set(key, end);
      return end.promise;
    },
    failed: (_, error) => assert.ifError(error),
    ...over,
  });
  return {
    queue,
    begun,
    at: (to) => void (now = to),
    async end(key, error) {
      if (error === undefined) ends.get(key)?.resolve();
      else ends.get(key)?.reject(error);
      await new Promise(setImmediate);
    },
  };
}

const of = (key: string, route = "users"): PacedWork => ({ route, key });

test("a few at once, the oldest first, and no more wait than there is room for", async () => {
  const { queue, begun, end, at } = stage();
  for (const [now, key] of ["a", "b", "c", "d", "e"].entries()) {
    at(now);
    queue.put(of(key));
  }
  assert.deepEqual(begun, ["a", "b"]);
  assert.deepEqual([queue.hasRoomFor("f"), queue.hasRoomFor("d")], [false, true]);
  at(10);
  await end("b");
  assert.deepEqual(begun, ["a", "b", "c"]);
  assert.equal(queue.hasRoomFor("f"), true);
});

test("one of a lane at a time, and one that waits for its lane holds up none behind it", async () => {
  const { queue, begun, end, at } = stage({ laneOf: ({ key }) => key.split("/")[0] ?? "", mostAtOnce: 3 });
  for (const [now, key] of ["a/1", "a/2", "b/1"].entries()) {
    at(now);
    queue.put(of(key));
  }
  assert.deepEqual(begun, ["a/1", "b/1"]);
  assert.equal(queue.runningIn("a")?.key, "a/1");
  at(10);
  await end("a/1");
  assert.deepEqual(begun, ["a/1", "b/1", "a/2"]);
});

test("a route's rate is kept, and another route goes on meanwhile", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { queue, begun, at } = stage({ ratePerSecond: () => 10, mostAtOnce: 10 });
  for (const key of ["a", "b", "c"]) queue.put(of(key));
  queue.put(of("d", "orders"));
  assert.deepEqual(begun, ["a", "d"]);
  at(99);
  t.mock.timers.tick(99);
  assert.deepEqual(begun, ["a", "d"]);
  at(100);
  t.mock.timers.tick(1);
  assert.deepEqual(begun, ["a", "d", "b"]);
});

test("a later one of a key takes the place of the one that waits; one whose route has gone is given up", () => {
  const { queue, begun } = stage({ mostAtOnce: 1, ratePerSecond: ({ route }) => (route === "gone" ? null : 1e9) });
  queue.put(of("z", "gone"));
  queue.put(of("a"));
  queue.put(of("b"));
  const later = of("b", "other");
  queue.put(later);
  assert.equal(queue.waitingOf("b"), later);
  assert.deepEqual(begun, ["a"]);
});

test("stopped, it tells what waits, begins nothing more, and waits for what was begun, also where that fails", async () => {
  const failures: unknown[] = [];
  const { queue, begun, end } = stage({ mostAtOnce: 1, failed: ({ key }) => failures.push(key) });
  queue.put(of("a"));
  queue.put(of("b"));
  const left: string[] = [];
  let stopped = false;
  const stopping = queue.stop(({ key }) => left.push(key)).then(() => (stopped = true));
  queue.put(of("c"));
  await new Promise(setImmediate);
  assert.deepEqual([begun, left, stopped], [["a"], ["b"], false]);
  await end("a", new Error("broken"));
  await stopping;
  assert.deepEqual([begun, failures], [["a"], ["a"]]);
});
