import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Op, TurnLine } from "../../../adapters/store/redis/turn-line.ts";

test("what was to be said of places that are given up is never said: Redis would take it for said of the next ones", async () => {
  const scripts: (readonly Op[])[] = [];
  const first = Promise.withResolvers<unknown>();
  const link = {
    isUp: true,
    run(_script: unknown, _base: string, order: object): Promise<unknown> {
      const { ops } = order as { readonly ops: readonly Op[] };
      scripts.push(ops);
      return scripts.length === 1 ? first.promise : Promise.resolve(["1", ...ops.map(() => 0)]);
    },
  };
  const clock = { monotonic: () => 0 };
  const settings = { link, prefix: "", partitions: 1, run: "R", secret: Buffer.alloc(0), clock };
  const line = new TurnLine({ ...settings, openedAtUs: 0, trustMs: 1_000 }, "base");
  const came: string[] = [];
  const add = (...op: Op): void => {
    const name = op.join(" ");
    line.add({ op, answered: () => came.push(`${name}: answered`), failed: () => came.push(`${name}: failed`) });
  };
  add("take", "one");
  await nextTurn();
  // While Redis does not answer, a write of the key begins, and an earlier one's answer comes.
  add("take", "two");
  add("answered", "two");
  add("withdraw", "two", "5");
  add("done", "two", "5");
  first.reject(new Error("the answer is lost"));
  while (came.length < 5) await nextTurn();
  assert.deepEqual(scripts.slice(1), [
    [
      ["reset", ""],
      ["take", "two"],
    ],
  ]);
  assert.deepEqual(came.toSorted(), [
    "answered two: failed",
    "done two 5: failed",
    "take one: failed",
    "take two: answered",
    "withdraw two 5: failed",
  ]);
});
