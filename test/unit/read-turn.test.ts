import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadTurn } from "../../proxy/upstream/read-turn.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("a turn takes so much, from however many connections, and who waits goes on in the next", async () => {
  const turn = new ReadTurn(100);
  assert.equal(turn.take(60), false);
  assert.equal(turn.take(60), true);
  let wentOn = 0;
  turn.wait(() => (wentOn += 1));
  turn.wait(() => (wentOn += 1));
  await Promise.resolve();
  assert.equal(wentOn, 0);
  await nextTurn();
  assert.equal(wentOn, 2);
  assert.equal(turn.take(60), false);
  await nextTurn();
  assert.equal(turn.take(60), false, "each turn begins anew");
  assert.equal(wentOn, 2);
});
