import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Unsettled, type Place } from "../../../proxy/mirror/unsettled.ts";
import { Taints } from "../../../proxy/mirror/taints.ts";

test("whoever waits goes on when everything that was answered earlier has left, in whatever order", async () => {
  const unsettled = new Unsettled();
  const [a, b, c, d] = [unsettled.add("next"), unsettled.add("next"), unsettled.add("next"), unsettled.add("next")] as [
    Place,
    Place,
    Place,
    Place,
  ];
  const told: string[] = [];
  void unsettled.whenFirst(c, 60_000).then((first) => told.push(`c ${first}`));
  assert.equal(unsettled.isFirst(a), true);
  unsettled.remove(b);
  unsettled.remove(d);
  await Promise.resolve();
  assert.deepEqual(told, []);
  unsettled.remove(a);
  await Promise.resolve();
  assert.deepEqual(told, ["c true"]);
  assert.equal(await unsettled.whenFirst(c, 0), true);
  unsettled.remove(c);
});

test("those of another shadow are not waited for, and no more wait at once than can be served one after another", async () => {
  const unsettled = new Unsettled();
  unsettled.add("legacy");
  const first = unsettled.add("next");
  assert.equal(unsettled.isFirst(first), true);
  const places = Array.from({ length: 65 }, () => unsettled.add("next"));
  const ends = places.map((place) => unsettled.whenFirst(place, 60_000));
  assert.equal(await ends[64], false);
  unsettled.remove(first);
  for (const [i, place] of places.entries()) {
    assert.equal(await ends[i], i < 64);
    unsettled.remove(place);
  }
});

test("the wait is bounded", async () => {
  const unsettled = new Unsettled();
  const first = unsettled.add("next");
  const second = unsettled.add("next");
  assert.equal(await unsettled.whenFirst(second, 5), false);
  unsettled.remove(first);
  unsettled.remove(second);
});

test("when all wait that can, the first of them goes on: they never wait for one another", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), fc.nat(), async (waits, seed) => {
      const unsettled = new Unsettled();
      const places = waits.map(() => unsettled.add("next"));
      let left = 0;
      const ends: Promise<void>[] = [];
      const others: Place[] = [];
      for (const [i, place] of places.entries()) {
        if (waits[i] !== true) {
          others.push(place);
          continue;
        }
        ends.push(
          unsettled.whenFirst(place, 60_000).then((first) => {
            assert.equal(first, true);
            assert.equal(unsettled.isFirst(place), true);
            unsettled.remove(place);
            left++;
          }),
        );
      }
      while (others.length > 0) unsettled.remove(others.splice(seed % others.length, 1)[0] as Place);
      await Promise.all(ends);
      assert.equal(left, waits.filter(Boolean).length);
    }),
    { numRuns: 200 },
  );
});

test("only what was answered after a failed write follows from it, and only that lifts the taint", () => {
  const taints = new Taints();
  taints.add(["users/1", "users/2"], "lost", 10);
  assert.equal(taints.taintedBy(["users/1"], 9), null, "it was before it in the lane");
  assert.equal(taints.taintedBy(["users/3", "users/2"], 11), "lost");
  taints.lift(["users/1"], 9);
  assert.equal(taints.taintedBy(["users/1"], 11), "lost");
  taints.add(["users/1"], "later", 12);
  assert.equal(taints.taintedBy(["users/1"], 13), "lost", "later ones follow from it");
  taints.lift(["users/1"], 11);
  assert.equal(taints.taintedBy(["users/1"], 13), null);
  assert.equal(taints.taintedBy(["users/2"], 13), "lost");
});
