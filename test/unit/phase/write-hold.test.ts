import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenWrites } from "../../../proxy/phase/open-writes.ts";
import { WriteHold } from "../../../proxy/phase/write-hold.ts";

function writes() {
  const said: string[] = [];
  const write = (name: string) => ({
    goOn: () => said.push(`${name} went on`),
    refuse: () => said.push(`${name} refused`),
  });
  return { said, write };
}
const LONG = { atMost: 2, forMs: 60_000 };

test("what is held goes on in the order of its coming; what left meanwhile does not, and there is one hold at a time", () => {
  const hold = new WriteHold();
  const { said, write } = writes();
  assert.equal(hold.holds("users"), false);
  hold.begin(["users", "orders"], { ...LONG, atMost: 3 });
  assert.deepEqual([hold.holds("users"), hold.holds("carts"), hold.held], [true, false, 0]);
  assert.throws(() => hold.begin(["carts"], LONG), TypeError);
  hold.take(write("a"));
  const leave = hold.take(write("b"));
  hold.take(write("c"));
  leave();
  assert.equal(hold.held, 2);
  hold.release();
  assert.deepEqual(said, ["a went on", "c went on"]);
  assert.deepEqual([hold.holds("users"), hold.held, hold.refused], [false, 0, 0]);
  // A second release is none.
  hold.release();
});

test("beyond its number a write is refused; a further hold counts anew", () => {
  const hold = new WriteHold();
  const { said, write } = writes();
  hold.begin(["users"], LONG);
  for (const name of ["a", "b", "c"]) hold.take(write(name))();
  // Those that left made room.
  assert.deepEqual(said, []);
  for (const name of ["d", "e", "f"]) hold.take(write(name));
  assert.deepEqual([said, hold.refused], [["f refused"], 1]);
  hold.release();
  hold.begin(["users"], LONG);
  assert.equal(hold.refused, 0);
  hold.release();
});

test("past its time all that wait are refused, and so is what comes, until it is released", async () => {
  const hold = new WriteHold();
  const { said, write } = writes();
  hold.begin(["users"], { atMost: 10, forMs: 1 });
  const late = new Promise<void>((resolve) => hold.take({ goOn: () => said.push("went on"), refuse: resolve }));
  await late;
  hold.take(write("a"));
  assert.deepEqual([said, hold.refused, hold.holds("users")], [["a refused"], 2, true]);
  hold.release();
  assert.deepEqual([said, hold.holds("users")], [["a refused"], false]);
});

test("writes under way are counted by route, once each, and waited for until none is left", async () => {
  const open = new OpenWrites();
  const never = new AbortController().signal;
  await open.whenNone(["users"], never);
  open.enter("1", "users");
  open.enter("1", "users");
  open.enter("2", "orders");
  open.enter("3", "carts");
  assert.deepEqual([open.count(["users"]), open.count(["users", "orders"])], [1, 2]);
  let isDone = false;
  const done = open.whenNone(["users", "orders"], never).then(() => (isDone = true));
  open.leave("1");
  open.leave("1");
  open.leave("unknown");
  await new Promise(setImmediate);
  assert.equal(isDone, false);
  open.leave("2");
  await done;
  assert.equal(open.count(["users", "orders", "carts"]), 1);
  await open.whenNone(["carts"], AbortSignal.timeout(1));
  assert.equal(open.count(["carts"]), 1);
});

test("writes that wait in the journal alone are under way: counted there, told as the oldest, and waited for", async () => {
  const journal = { users: 1 };
  const answeredAt = Date.now() - 5_000;
  const open = new OpenWrites({
    waiting: (route) => (route === "users" ? journal.users : 0),
    waitingSince: (route) => (route === "users" && journal.users > 0 ? answeredAt : null),
  });
  assert.deepEqual([open.count(["users"]), open.count(["orders"]), open.count(["users", "orders"])], [1, 0, 1]);
  assert.ok((open.oldest(["users"])?.ms ?? 0) >= 5_000);
  assert.equal(open.oldest(["orders"]), null);
  let isDone = false;
  const done = open.whenNone(["users"], new AbortController().signal).then(() => (isDone = true));
  open.enter("another", "users");
  open.leave("another");
  await new Promise(setImmediate);
  assert.equal(isDone, false);
  // Taken from there.
  journal.users = 0;
  open.enter("kept", "users");
  await new Promise(setImmediate);
  assert.equal(isDone, false);
  open.leave("kept");
  await done;
});

test("the oldest write is told wherever it is: in memory, or in the journal", async () => {
  let answeredAt = Date.now();
  const open = new OpenWrites({ waiting: () => 1, waitingSince: () => answeredAt });
  open.enter("1", "users", "PUT /users/1");
  await new Promise((resolve) => setTimeout(resolve, 20));
  answeredAt = Date.now();
  assert.equal(open.oldest(["users"])?.what, "PUT /users/1");
  answeredAt -= 5_000;
  const oldest = open.oldest(["users"]);
  assert.deepEqual([oldest?.what, (oldest?.ms ?? 0) >= 5_000], ["a write", true]);
});
