import assert from "node:assert/strict";
import { test } from "node:test";
import { Headroom } from "../../../proxy/process/headroom.ts";

test("the time left is what is free, at the rate of the last ten seconds", () => {
  const headroom = new Headroom();
  // Long ago it grew fast: that counts no more.
  headroom.observe(0, 0);
  headroom.observe(1_000, 500_000);
  for (let s = 1; s <= 12; s++) headroom.observe(1_000 + s * 1_000, 500_000 + s * 1_000);
  assert.equal(headroom.secondsLeft(612_000), 100);
  assert.equal(headroom.secondsLeft(512_000), 0);
  assert.equal(headroom.secondsLeft(400_000), 0, "a limit that was lowered below what is held");
});

test("nothing is told of what does not grow, nor of a moment", () => {
  const headroom = new Headroom();
  assert.equal(headroom.secondsLeft(1_000), null);
  headroom.observe(0, 10);
  headroom.observe(400, 500);
  assert.equal(headroom.secondsLeft(1_000), null);
  headroom.observe(1_000, 10);
  assert.equal(headroom.secondsLeft(1_000), null);
  headroom.observe(2_000, 5);
  assert.equal(headroom.secondsLeft(1_000), null);
});
