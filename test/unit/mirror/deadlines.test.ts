import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadlines, type Limited } from "../../../proxy/mirror/deadlines.ts";

const monotonic = () => performance.now();

function limited(ms: number): Limited & { readonly expired: Promise<number>; count: number } {
  const { promise, resolve } = Promise.withResolvers<number>();
  return {
    dueAt: monotonic() + ms,
    place: -1,
    count: 0,
    expired: promise,
    expire() {
      this.count++;
      resolve(monotonic());
    },
  };
}

test("each expires once, at its limit and not before, whatever the order in which they were watched", async (t) => {
  const deadlines = new Deadlines(monotonic);
  const all = [60, 20, 90, 40].map(limited);
  for (const one of all) deadlines.watch(one);
  // What is watched does not hold the process; something else has to.
  const hold = setInterval(() => {}, 1000);
  t.after(() => clearInterval(hold));
  const times = await Promise.all(all.map((one) => one.expired));
  for (const [i, one] of all.entries()) {
    assert.ok((times[i] as number) >= one.dueAt);
    assert.equal(one.count, 1);
  }
});

test("what has ended never expires, and forgetting it leaves the others watched", async (t) => {
  const deadlines = new Deadlines(monotonic);
  const all = [10, 20, 30, 40].map(limited);
  for (const one of all) deadlines.watch(one);
  const [first, second, third, last] = all as [Limited, Limited & { count: number }, Limited, (typeof all)[number]];
  for (const one of [third, first, first]) deadlines.forget(one);
  const hold = setInterval(() => {}, 1000);
  t.after(() => clearInterval(hold));
  await last.expired;
  assert.deepEqual(
    all.map(({ count }) => count),
    [0, 1, 0, 1],
  );
  assert.equal(second.place, -1);
});
