import assert from "node:assert/strict";
import { test } from "node:test";
import { PairQueue, WAITING_MAX_BYTES } from "../../../proxy/record/pair-queue.ts";

function* steps(log: string[], name: string, count: number): Generator<void, void> {
  for (let i = 0; i < count; i++) {
    log.push(`${name}${i}`);
    yield;
  }
  log.push(`${name} done`);
}

test("nothing is done at once, one after another is done in steps, and other work comes in between", async () => {
  const log: string[] = [];
  const queue = new PairQueue(
    () => performance.now(),
    (error) => assert.fail(String(error)),
  );
  assert.ok(queue.add(steps(log, "a", 2), 1) && queue.add(steps(log, "b", 1), 1));
  assert.equal(log.length, 0);
  let isDone = false;
  void queue.whenDone().then(() => (isDone = true));
  let turns = 0;
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  assert.deepEqual(log, ["a0", "a1", "a done", "b0", "b done"]);
  assert.ok(turns >= 5, `${turns} turns`);
});

test("what waits is bounded in bytes, and room comes back as it is done", () => {
  const queue = new PairQueue(
    () => 0,
    (error) => assert.fail(String(error)),
  );
  const log: string[] = [];
  assert.ok(queue.add(steps(log, "a", 1), WAITING_MAX_BYTES - 10));
  assert.equal(queue.add(steps(log, "b", 1), 11), false);
  assert.ok(queue.add(steps(log, "c", 1), 10));
  queue.finish();
  assert.deepEqual(log, ["a0", "a done", "c0", "c done"]);
  assert.ok(queue.add(steps(log, "d", 1), WAITING_MAX_BYTES));
  queue.finish();
});

test("one that throws is told of, and the next goes on", () => {
  const caught: unknown[] = [];
  const queue = new PairQueue(
    () => 0,
    (error) => caught.push(error),
  );
  const log: string[] = [];
  function* broken(): Generator<void, void> {
    yield;
    throw new Error("broken");
  }
  queue.add(broken(), 1);
  queue.add(steps(log, "a", 1), 1);
  queue.finish();
  assert.equal(caught.length, 1);
  assert.deepEqual(log, ["a0", "a done"]);
});
