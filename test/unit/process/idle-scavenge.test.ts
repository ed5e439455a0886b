import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleLooks } from "../../../proxy/process/idle-scavenge.ts";

const BUSY = 0.6;
const IDLE = 0.001;
const MIB = 1024 * 1024;

test("young objects are collected only after a burst, only while the process idles, and not for ever", () => {
  const looks = new IdleLooks();
  assert.equal(looks.due(IDLE, MIB), null, "there was no burst");
  assert.equal(looks.due(BUSY, MIB), null, "it is busy");
  const due = Array.from({ length: 100 }, () => looks.due(IDLE, MIB));
  const times = due.filter((one) => one !== null).length;
  assert.ok(times > 0 && times < 100);
  assert.ok(
    due.slice(0, times).every((one) => one !== null),
    "from the end of the burst on",
  );
  assert.equal(looks.due(BUSY, MIB), null);
  assert.equal(looks.due(IDLE, MIB), "young", "again after the next burst");
});

test("all is collected once a burst, at the end, unless V8 has given back by then", () => {
  const looks = new IdleLooks();
  const after = (given: number): readonly string[] => {
    looks.due(BUSY, 100 * MIB);
    return Array.from({ length: 100 }, (_, n) => looks.due(IDLE, (n < 3 ? 100 : 100 - given) * MIB) ?? "none");
  };
  assert.equal(after(0).filter((one) => one === "all").length, 1);
  const last = after(5).lastIndexOf("all");
  assert.equal(after(5)[last + 1], "none");
  assert.equal(after(11).includes("all"), false);
});
