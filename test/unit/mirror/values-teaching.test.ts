import assert from "node:assert/strict";
import { test } from "node:test";
import { Teachings } from "../../../proxy/mirror/values/teaching.ts";

const user = { kind: "user", text: "1" };

test("only those before it are waited for, the earliest first", () => {
  const teachings = new Teachings();
  const first = teachings.begin([user]);
  const second = teachings.begin([user]);
  assert.deepEqual(teachings.teacherOf(user, first.position), { found: "nobody" });
  assert.deepEqual(teachings.teacherOf(user, second.position), { found: "teaching", teaching: first });
  teachings.end(first, () => false);
  assert.deepEqual(teachings.teacherOf(user, second.position + 1), { found: "teaching", teaching: second });
  assert.deepEqual(teachings.teacherOf({ kind: "order", text: "1" }, Infinity), { found: "nobody" });
});

test("a value that nobody taught is remembered until somebody does", async () => {
  const teachings = new Teachings();
  const lost = teachings.begin([user]);
  teachings.end(lost, () => false);
  await lost.ended;
  assert.deepEqual(teachings.teacherOf(user, Infinity), { found: "not-taught" });
  const again = teachings.begin([user]);
  teachings.end(again, () => true);
  teachings.end(again, () => false);
  assert.deepEqual(teachings.teacherOf(user, Infinity), { found: "nobody" });
});

test("of values that nobody taught the oldest is forgotten beyond ten thousand", () => {
  const teachings = new Teachings();
  for (let i = 0; i < 10_001; i++) teachings.end(teachings.begin([{ kind: "user", text: String(i) }]), () => false);
  const found = (text: string) => teachings.teacherOf({ kind: "user", text }, Infinity).found;
  assert.deepEqual([found("0"), found("1"), found("10000")], ["nobody", "not-taught", "not-taught"]);
});
