import assert from "node:assert/strict";
import { test } from "node:test";
import { youngGrowth } from "../../../proxy/process/heap-growth.ts";

const MIB = 1024 * 1024;

test("young memory grows up to its bound and no further, and again once V8 has taken some away", () => {
  assert.deepEqual(
    [1, 2, 8, 15, 16, 64].map((mib) => youngGrowth(mib * MIB)),
    [2, 2, 2, 2, 1, 1],
  );
});
