import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog } from "../../../proxy/mirror/backlog.ts";

test("the lag of a route is the age of its oldest copy without an outcome, in whatever order they end", () => {
  const backlog = new Backlog();
  assert.equal(backlog.lagMs("users", 100), 0);
  const [first, second, third] = [10, 20, 30].map((at) => backlog.add("users", at)) as [never, never, never];
  const other = backlog.add("orders", 90);
  assert.equal(backlog.lagMs("users", 100), 90);
  backlog.remove(second);
  assert.equal(backlog.lagMs("users", 100), 90);
  backlog.remove(first);
  assert.equal(backlog.lagMs("users", 100), 70);
  assert.equal(backlog.size(), 2);
  backlog.remove(third);
  assert.equal(backlog.lagMs("users", 100), 0);
  assert.equal(backlog.lagMs("orders", 100), 10);
  backlog.remove(other);
  backlog.remove(backlog.add("users", 95));
  assert.equal(backlog.size(), 0);
});
