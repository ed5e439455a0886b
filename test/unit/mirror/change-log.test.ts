import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeLog, type Looked } from "../../../proxy/mirror/change-log.ts";
import type { Reach } from "../../../proxy/reach.ts";

function of(...keys: string[]): Reach {
  return { keys, lateOf: [], anyOf: [] };
}
const LATE: Reach = { keys: [], lateOf: ["users"], anyOf: [] };
const ANY: Reach = { keys: [], lateOf: [], anyOf: ["users"] };

function look(log: ChangeLog, since: number, read: number, ids: readonly string[], now = 0): unknown {
  const looked: Looked = log.look({ entity: "users", since, read }, new Set(ids), now);
  return looked.kind === "known" ? [...looked.touched].toSorted() : looked.kind;
}

test("what ended before the window is not in it; what was under way at any time of it is", () => {
  const log = new ChangeLog();
  log.began("before", "users", of("users/1"));
  log.ended("before", null);
  log.began("across", "users", of("users/2"));
  const since = log.openWindow("job");
  log.ended("across", null);
  log.began("within", "users", of("users/3", "orders/4"));
  log.ended("within", null);
  log.began("open", "users", of("users/007"));
  const read = log.mark();
  log.began("after", "users", of("users/8"));
  assert.deepEqual(look(log, since, read, ["1", "2", "3", "4", "7", "8", "9"]), ["2", "3", "7", "8"]);
});

test("a write whose key is yet to be told stands in the way only if it began before all was read", () => {
  const log = new ChangeLog();
  const since = log.openWindow("job");
  log.began("early", "users", LATE);
  const read = log.mark();
  log.began("late", "users", LATE);
  assert.equal(look(log, since, read, ["1"]), "later");
  log.answered("early", of("users/1"));
  assert.deepEqual(look(log, since, read, ["1"]), ["1"]);
  log.answered("late", of("users/2"));
  assert.deepEqual(look(log, since, read, ["1", "2"]), ["1", "2"]);
});

test("a write that may change any row leaves every window dirty that it was under way in", () => {
  const log = new ChangeLog();
  log.began("any", "import", ANY);
  const since = log.openWindow("job");
  assert.equal(look(log, since, log.mark(), ["1"]), "dirty");
  log.ended("any", null);
  assert.equal(look(log, since, log.mark(), ["1"]), "dirty");
  const next = log.openWindow("job");
  assert.deepEqual(look(log, next, log.mark(), ["1"]), []);
  // Of another entity it says nothing.
  log.began("other", "orders", { ...ANY, anyOf: ["orders"] });
  assert.deepEqual(look(log, next, log.mark(), ["1"]), []);
});

test("an attempt that nobody heard the end of is under way until it can land no more, and in that window still", () => {
  const log = new ChangeLog();
  log.began("lost", "users", of("users/1"));
  log.ended("lost", 1_000);
  const since = log.openWindow("job");
  assert.deepEqual(look(log, since, log.mark(), ["1"], 999), ["1"]);
  assert.deepEqual(look(log, since, log.mark(), ["1"], 1_000), ["1"]);
  const next = log.openWindow("job");
  assert.deepEqual(look(log, next, log.mark(), ["1"], 1_001), []);
});

test("a window that is not open any more, or was never, is dirty: nobody remembers for it", () => {
  const log = new ChangeLog();
  const first = log.openWindow("job");
  const second = log.openWindow("job");
  assert.equal(look(log, first, second, ["1"]), "dirty");
  assert.deepEqual(look(log, second, second, ["1"]), []);
  log.closeWindow("job");
  log.began("x", "users", of("users/1"));
  log.ended("x", null);
  assert.equal(look(log, second, second, ["2"]), "dirty");
});

test("a window of one reader keeps what another one needs no more", () => {
  const log = new ChangeLog();
  const slow = log.openWindow("slow");
  log.began("x", "users", of("users/1"));
  log.ended("x", null);
  log.openWindow("fast");
  log.openWindow("fast");
  assert.deepEqual(look(log, slow, log.mark(), ["1"]), ["1"]);
});

test("what is remembered is bounded: a window that more falls into is dirty", () => {
  const log = new ChangeLog();
  const since = log.openWindow("job");
  for (let i = 0; i <= 100_000; i++) {
    log.began("x", "users", of(`users/${i}`));
    log.ended("x", null);
  }
  assert.equal(look(log, since, log.mark(), ["1"]), "dirty");
  const next = log.openWindow("job");
  assert.deepEqual(look(log, next, log.mark(), ["1"]), []);
  for (let i = 0; i <= 50_000; i++) {
    log.began("late", "users", of(`users/${i}`));
    log.ended("late", 5_000 + i);
  }
  const last = log.openWindow("job");
  assert.equal(look(log, last, log.mark(), ["1"], 4_000), "dirty");
});

test("a write that is brought back from the journal is the one that it was", () => {
  const log = new ChangeLog();
  log.began("x", "users", LATE);
  const since = log.openWindow("job");
  log.began("x", "users", of("users/1"));
  assert.deepEqual(log.reachOf("x"), of("users/1"));
  log.ended("x", null);
  log.ended("x", null);
  assert.equal(log.reachOf("x"), null);
  assert.deepEqual(look(log, since, log.mark(), ["1"]), ["1"]);
});

test("whether anything under way may change an entity: of its key, of one that is not told yet, or of any", () => {
  const log = new ChangeLog();
  assert.equal(log.mayChange("users/7"), false);
  for (const reach of [
    { keys: ["users/007"], lateOf: [], anyOf: [] },
    { keys: [], lateOf: ["users"], anyOf: [] },
    { keys: ["orders/1"], lateOf: [], anyOf: ["users"] },
  ]) {
    log.began("1", "users", reach);
    assert.deepEqual([log.mayChange("users/7"), log.mayChange("people/7")], [true, false]);
    log.ended("1", null);
    assert.equal(log.mayChange("users/7"), false);
  }
  log.began("2", "users", { keys: [], lateOf: ["users"], anyOf: [] });
  log.answered("2", { keys: ["users/8"], lateOf: [], anyOf: [] });
  assert.deepEqual([log.mayChange("users/7"), log.mayChange("users/8")], [false, true]);
});

test("of what waits in the journal alone nothing is kept: everything may change until it has begun again and ended", () => {
  const journal = { waiting: 0 };
  const log = new ChangeLog(() => journal.waiting);
  const since = log.openWindow("job");
  log.began("kept", "users", of("users/1"));
  journal.waiting = 1;
  log.postponed("kept");
  assert.equal(log.reachOf("kept"), null);
  assert.equal(look(log, since, log.mark(), ["1", "2"]), "dirty");
  assert.equal(log.mayChange("users/2"), true);
  // Taken from there.
  journal.waiting = 0;
  log.began("kept", "users", of("users/1"));
  assert.deepEqual(look(log, since, log.mark(), ["1", "2"]), ["1"]);
  assert.deepEqual([log.mayChange("users/1"), log.mayChange("users/2")], [true, false]);
  log.ended("kept", null);
  assert.deepEqual(look(log, since, log.mark(), ["1", "2"]), ["1"]);
  assert.deepEqual(look(log, log.openWindow("job"), log.mark(), ["1"]), []);
});
