import assert from "node:assert/strict";
import { test } from "node:test";
import { CrossingWrites } from "../../../proxy/mirror/crossing-writes.ts";
import type { Reach } from "../../../proxy/reach.ts";

function of(...keys: string[]): Reach {
  return { keys, lateOf: [], anyOf: [] };
}
const LATE: Reach = { keys: [], lateOf: ["users"], anyOf: [] };
const ANY: Reach = { keys: [], lateOf: [], anyOf: ["users"] };

/** On a clock of its own, in ms. */
function setup() {
  let now = 0;
  const writes = new CrossingWrites(() => now);
  return {
    writes,
    at(ms: number) {
      now = ms;
      return writes;
    },
  };
}

test("a read is crossed by a write of its key that was under way at any time since it came, and by no other", async () => {
  const { writes, at } = setup();
  at(0).began("1", of("users/1"));
  at(10).ended("1", null);
  at(20).began("2", of("users/2", "stock/9"));
  at(30);
  assert.equal(await writes.crossed(["users/1"], 19), false, "it ended before");
  assert.equal(await writes.crossed(["users/1"], 20), true, "it ended as the read came");
  assert.equal(await writes.crossed(["users/2"], 1), true, "it is under way");
  assert.equal(await writes.crossed(["stock/9"], 1), true, "it touches this one too");
  assert.equal(await writes.crossed(["users/3"], 30), false);
  assert.equal(await writes.crossed(["users/3", "users/2"], 1), true);
});

test("a list is crossed by any write of its entity, and a key by a write of which nobody knows what it changes", async () => {
  const { writes, at } = setup();
  at(0).began("1", of("users/1"));
  at(5);
  assert.deepEqual(
    [await writes.crossed(["users:/users"], 1), await writes.crossed(["stock:/stock"], 1)],
    [true, false],
  );
  at(10).ended("1", null);
  at(20);
  assert.deepEqual(
    [await writes.crossed(["users:/users"], 10), await writes.crossed(["users:/users"], 9)],
    [true, false],
  );
  at(30).began("2", ANY);
  assert.equal(await writes.crossed(["users/8"], 0), true);
  at(40).ended("2", null);
  at(50);
  assert.deepEqual([await writes.crossed(["users/8"], 10), await writes.crossed(["users/8"], 9)], [true, false]);
});

test("a write whose key only its end tells is waited for; one that takes too long is taken to be of another key", async () => {
  const { writes, at } = setup();
  at(0).began("same", LATE);
  const same = writes.crossed(["users/7"], 0);
  const list = writes.crossed(["users:/users"], 0);
  at(1).ended("same", of("users/7"));
  assert.deepEqual([await same, await list], [true, true]);
  at(10).began("other", LATE);
  const other = writes.crossed(["users/7"], 5);
  at(11).ended("other", of("users/8"));
  assert.equal(await other, false);
  at(20).began("slow", LATE);
  at(2_000);
  assert.equal(await writes.crossed(["users/7"], 5), false);
});

test("what nobody heard the end of may change its key for as long as its service may be at it", async () => {
  const { writes, at } = setup();
  at(0).began("1", of("users/1"));
  at(10).ended("1", null, 1_000);
  at(500);
  assert.equal(await writes.crossed(["users/1"], 0), true);
  at(1_011);
  assert.equal(await writes.crossed(["users/1"], 0), false);
});

test("of what was forgotten nobody says that it was not written", async () => {
  const { writes, at } = setup();
  at(0).began("first", of("users/first"));
  writes.ended("first", null);
  at(10);
  for (let n = 0; n < 11_000; n++) {
    writes.began(String(n), of(`users/${n}`));
    writes.ended(String(n), null);
  }
  at(20);
  assert.equal(await writes.crossed(["users/first"], 20), true);
  assert.equal(await writes.crossed(["users/first"], 9), false);
});
