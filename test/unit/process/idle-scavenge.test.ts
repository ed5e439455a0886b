import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleLooks } from "../../../proxy/process/idle-scavenge.ts";

const BUSY = 0.6;
const IDLE = 0.001;

test("young objects are collected only after a burst, only while the event loop idles, and not for ever", () => {
  const looks = new IdleLooks();
  assert.equal(looks.isDue(IDLE), false, "there was no burst");
  assert.equal(looks.isDue(BUSY), false, "it is busy");
  const due = Array.from({ length: 100 }, () => looks.isDue(IDLE));
  const times = due.filter(Boolean).length;
  assert.ok(times > 0 && times < 100);
  assert.ok(due.slice(0, times).every(Boolean), "from the end of the burst on");
  assert.equal(looks.isDue(BUSY), false);
  assert.equal(looks.isDue(IDLE), true, "again after the next burst");
});
