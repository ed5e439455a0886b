import assert from "node:assert/strict";
import { test } from "node:test";
import { CopyChoice, copyText } from "../../../adapters/rows/postgres/copy.ts";

test("what the text format gives a meaning to is escaped, and nothing else", () => {
  const rows = [
    { a: "tab\there", b: "line\r\n", c: "\\N" },
    { a: null, b: "", c: "NULL" },
    { a: true, b: 5n, c: -0 },
    { a: ["x\ty", null], b: new Uint8Array([0, 92]), c: "👩‍🚀" },
  ];
  assert.equal(
    copyText(["a", "b", "c"], rows),
    'tab\\there\tline\\r\\n\t\\\\N\n\\N\t\tNULL\ntrue\t5\t-0\n{"x\\ty",NULL}\t\\\\x005c\t👩‍🚀\n',
  );
  assert.throws(() => copyText(["a"], [{ a: "\ud800" }]), /the text for column a has half a character/);
});

test("where rows are there copying is tried less and less, and into an empty table always", () => {
  const choice = new CopyChoice();
  assert.equal(choice.isWorth(99), false);
  const tried: number[] = [];
  for (let batch = 0; batch < 40; batch += 1) {
    if (!choice.isWorth(1_000)) continue;
    tried.push(batch);
    choice.metRows();
  }
  assert.deepEqual(tried, [0, 2, 5, 10, 19, 36]);
  while (!choice.isWorth(1_000));
  choice.passed();
  assert.equal(choice.isWorth(1_000), true);
  choice.impossible();
  assert.equal(choice.isWorth(1_000), false);
});
