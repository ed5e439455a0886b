import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, nearestName } from "../../../proxy/config/nearest.ts";

test("a slip of the pen finds the name that was meant; something else finds none", () => {
  const known = ["listen", "admin", "store", "services", "defaults", "routes", "url", "at"];
  const table: readonly (readonly [string, string | null])[] = [
    ["lisen", "listen"],
    ["LISTEN", "listen"],
    ["serivces", "services"],
    ["route", "routes"],
    ["ulr", "url"],
    ["backend", null],
    ["xy", null],
    ["", null],
  ];
  for (const [wrong, name] of table) assert.equal(nearestName(wrong, known), name, wrong);
});

test("swapped neighbours are one edit, and long names stay cheap", () => {
  assert.equal(editDistance("ab", "ba"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("a".repeat(1e6), "a".repeat(1e6)), 0);
});
