import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOfKey, UnitBlock } from "../../../proxy/phase/unit-block.ts";
import { seeded } from "../../support/seeded.ts";

const none = { clean: 0, divergent: 0, excused: 0 };
const hash = (key: string): number => hashOfKey(key, 42);

test("a key is one unit of its block, divergent if any of its exchanges is", () => {
  const block = new UnitBlock(0);
  for (let i = 0; i < 100; i++) block.add(hash("users/1"), 200, i === 50 ? "divergent" : "clean");
  for (let i = 0; i < 100; i++) block.add(hash("users/2"), 200, i === 50 ? "excused" : "clean");
  block.add(hash("users/3"), 200, "clean");
  const all = { clean: 2, divergent: 1, excused: 1 };
  assert.deepEqual(block.counts(), { all, "2xx": all, "3xx": none, "4xx": none, "5xx": none });
});

test("classes of the primary's status are counted apart, and what has no status with all of them alone", () => {
  const block = new UnitBlock(0);
  block.add(hash("users/1"), 200, "clean");
  block.add(hash("users/1"), 404, "divergent");
  block.add(hash("users/2"), null, "divergent");
  block.add(hash("users/3"), 999, "clean");
  assert.deepEqual(block.counts(), {
    all: { clean: 1, divergent: 2, excused: 0 },
    "2xx": { clean: 1, divergent: 0, excused: 0 },
    "3xx": none,
    "4xx": { clean: 0, divergent: 1, excused: 0 },
    "5xx": none,
  });
});

test("of more keys than are followed, a choice is that knows nothing of how they compare", () => {
  const most = 4096;
  let [units, divergent] = [0, 0];
  for (let round = 0; round < 20; round++) {
    const block = new UnitBlock(0, {}, most);
    // The last tenth to come is the one that diverges.
    for (let i = 0; i < 40_000; i++) {
      block.add(hashOfKey(`users/${i}`, round), 200, i >= 36_000 ? "divergent" : "clean");
    }
    const { all } = block.counts();
    assert.ok(all.clean + all.divergent <= most);
    assert.ok(all.clean + all.divergent > most / 4, "no more is left out than has to be");
    units += all.clean + all.divergent;
    divergent += all.divergent;
  }
  const share = divergent / units;
  assert.ok(Math.abs(share - 0.1) < 0.01, `${share}`);
});

test("hashes of keys that differ in little are spread evenly, and are others under another seed", () => {
  const hashes = Array.from({ length: 20_000 }, (_, i) => hashOfKey(`u/${i}`, 1));
  assert.equal(new Set(hashes).size, hashes.length);
  const buckets = new Array<number>(16).fill(0);
  for (const one of hashes) {
    assert.ok(Number.isSafeInteger(one) && one >= 0);
    const bucket = Math.floor(one / 2 ** 49);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(Math.abs(count - 1_250) < 150, buckets.join());
  assert.notEqual(hashOfKey("u/1", 1), hashOfKey("u/1", 2));
});

test("divergent units of the process before count again, its clean ones do not", () => {
  const block = new UnitBlock(0, { all: 2, "2xx": 1 });
  block.add(hash("users/1"), 200, "clean");
  assert.deepEqual(block.counts().all, { clean: 1, divergent: 2, excused: 0 });
  assert.deepEqual(block.counts()["2xx"], { clean: 1, divergent: 1, excused: 0 });
});

test("chance of the simulations is even, and the gaps that it draws are as long as they should be", () => {
  const chance = seeded(3);
  let sum = 0;
  for (let i = 0; i < 100_000; i++) sum += chance.next();
  assert.ok(Math.abs(sum / 100_000 - 0.5) < 0.005);
  let gaps = 0;
  for (let i = 0; i < 20_000; i++) gaps += chance.before(0.01);
  assert.ok(Math.abs(gaps / 20_000 - 99) < 3, `${gaps / 20_000}`);
});
