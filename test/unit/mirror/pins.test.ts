import assert from "node:assert/strict";
import { test } from "node:test";
import { Pins } from "../../../proxy/mirror/pins.ts";
import type { SharedPins } from "../../../proxy/members/pins.ts";

/** What others would be told, in order. */
function shared(): SharedPins & { readonly said: string[]; tell(): void } {
  const said: string[] = [];
  const waiting: (() => void)[] = [];
  return {
    said,
    tell: () => waiting.splice(0).forEach((resolve) => resolve()),
    hold(names) {
      said.push(`hold ${names.join(" ")}`);
      return new Promise((resolve) => waiting.push(resolve));
    },
    release: (names) => void said.push(`release ${names.join(" ")}`),
    say: (spec) => void said.push(`say ${spec ?? "nothing"}`),
    settledEarlierLives: () => undefined,
    areFree: () => Promise.resolve(true),
  };
}

test("a name is held for as long as any write holds it", () => {
  const pins = new Pins(null);
  pins.pinFor("key", []);
  pins.began("1", ["k:a/1", "s:a"]);
  pins.began("2", ["k:a/2", "s:a"]);
  assert.equal(pins.told("1"), null);
  pins.ended("1", null);
  assert.deepEqual([pins.holdsAny(["k:a/1"]), pins.holdsAny(["s:a"])], [false, true]);
  pins.ended("2", null);
  pins.ended("2", null);
  pins.ended("unheard of", null);
  assert.equal(pins.holdsAny(["k:a/2", "s:a"]), false);
});

test("what a write turns out to be about is held before what it might have been about is let go of", () => {
  const others = shared();
  const pins = new Pins(others);
  pins.pinFor("key", []);
  pins.began("1", ["a:a", "s:a"]);
  pins.changed("1", ["k:a/1", "s:a"]);
  assert.equal(pins.holdsAny(["a:a"]), false);
  assert.equal(pins.holdsAny(["k:a/1"]), true);
  assert.deepEqual(others.said, ["say key", "hold a:a s:a", "hold k:a/1 s:a", "release a:a"]);
});

test("an answer waits until the names of its write were told to others", async () => {
  const others = shared();
  const pins = new Pins(others);
  pins.pinFor("key", []);
  pins.began("1", ["k:a/1"]);
  let isTold = false;
  const told = pins.told("1")?.then(() => (isTold = true));
  await Promise.resolve();
  assert.equal(isTold, false);
  others.tell();
  await told;
  pins.began("2", []);
  assert.equal(pins.told("2"), null);
  pins.changed("2", ["k:a/2"]);
  pins.ended("2", 0);
  assert.notEqual(pins.told("2"), null, "it ended in doubt, and its client waits all the same");
});

test("a write that ended in doubt stays pinned until whoever takes it lets go", () => {
  const pins = new Pins(null);
  pins.pinFor("key", []);
  pins.began("1", ["k:a/1"]);
  pins.ended("1", 30_000);
  const doubtful = pins.takeDoubtful();
  assert.deepEqual(doubtful, [{ names: ["k:a/1"], unsureForMs: 30_000 }]);
  assert.deepEqual([pins.holdsAny(["k:a/1"]), pins.takeDoubtful()], [true, []]);
  pins.letGo(["k:a/1"]);
  assert.equal(pins.holdsAny(["k:a/1"]), false);
});

test("pins are whole, and others told so, once every write that began under other ones has ended", () => {
  const others = shared();
  const pins = new Pins(others);
  assert.deepEqual([pins.isNeeded, pins.isWhole, pins.areShared], [false, false, false]);
  pins.began("before", []);
  pins.pinFor("key", []);
  pins.began("after", ["k:a/1"]);
  assert.deepEqual([pins.isNeeded, pins.isWhole, pins.areShared], [true, false, true]);
  pins.ended("after", null);
  assert.equal(pins.isWhole, false);
  pins.ended("before", null);
  assert.equal(pins.isWhole, true);
  assert.deepEqual(
    others.said.filter((words) => words.startsWith("say")),
    ["say nothing", "say key"],
  );
  pins.pinFor(null, []);
  assert.deepEqual([pins.isNeeded, pins.isWhole], [false, false]);
});

test("of a write that waits in the journal alone only pins are kept, and pins are whole once none waits", () => {
  const others = shared();
  const pins = new Pins(others);
  pins.began("unpinned", []);
  pins.postponed("unpinned");
  pins.pinFor("key", [], true);
  assert.equal(pins.isWhole, false);
  // Taken from there.
  pins.began("unpinned", ["k:a/1"]);
  pins.caughtUp();
  assert.deepEqual([pins.isWhole, pins.holdsAny(["k:a/1"])], [true, true]);
  pins.postponed("unpinned");
  assert.equal(pins.holdsAny(["k:a/1"]), true);
  pins.ended("unpinned", null);
  assert.equal(pins.holdsAny(["k:a/1"]), false);
  assert.deepEqual(
    others.said.filter((words) => words.startsWith("say")),
    ["say nothing", "say key"],
  );
  // What began under other pins counts until it ends, wherever it waits.
  pins.began("earlier", []);
  pins.pinFor("user", []);
  pins.postponed("earlier");
  assert.equal(pins.isWhole, false);
  pins.ended("earlier", null);
  assert.equal(pins.isWhole, true);
});
