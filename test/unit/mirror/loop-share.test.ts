import assert from "node:assert/strict";
import { test } from "node:test";
import { inSlices, untilLaterTurn } from "../../../proxy/mirror/loop-share.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("copies that become due together go on in their order, a few each turn", async () => {
  const went: number[] = [];
  const all = Array.from({ length: 100 }, (_, i) => untilLaterTurn().then(() => went.push(i)));
  assert.deepEqual(went, []);
  const after: number[] = [];
  while (went.length < 100) {
    await turn();
    after.push(went.length);
  }
  await Promise.all(all);
  assert.deepEqual(
    went,
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.deepEqual(after, [32, 64, 96, 100]);
});

test("work that is put off is done in its order, and between slices others have their turn", async () => {
  const done: number[] = [];
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  for (let i = 0; i < 20; i++) {
    inSlices(() => {
      const until = performance.now() + 2;
      while (performance.now() < until);
      done.push(i);
      // What comes meanwhile waits behind what is there.
      if (i === 0) inSlices(() => done.push(20));
    });
  }
  assert.deepEqual(done, []);
  while (done.length < 21) await turn();
  clearInterval(others);
  assert.deepEqual(
    done,
    Array.from({ length: 21 }, (_, i) => i),
  );
  assert.ok(turns >= 10, `${turns} other turns among 20 slices`);
});

test("of much that is put off, more is done in each turn than its slice has room for", async () => {
  let done = 0;
  for (let i = 0; i < 320; i++) {
    inSlices(() => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      done++;
    });
  }
  await turn();
  assert.ok(done >= 10 && done < 20, `${done} of 320 in the first turn`);
  while (done < 320) await turn();
});
