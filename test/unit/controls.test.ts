import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROLS, MISLEADING, NOT_IN_FIELD, printable } from "../../proxy/controls.ts";

const UNITS = Array.from({ length: 0x1_0000 }, (_, unit) => String.fromCharCode(unit));

function unitsOf(holds: (c: string) => boolean): readonly string[] {
  return UNITS.filter(holds).map((c) => c.charCodeAt(0).toString(16));
}

function between(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => (from + i).toString(16));
}

test("of all characters these are controls, and no others", () => {
  const controls = [...between(0, 0x1f), ...between(0x7f, 0x9f)];
  assert.deepEqual(
    unitsOf((c) => c.replace(CONTROLS, "") === ""),
    controls,
  );
  const marks = ["61c", "200e", "200f", "2028", "2029", ...between(0x202a, 0x202e), ...between(0x2066, 0x2069)];
  assert.deepEqual(
    unitsOf((c) => c.replace(MISLEADING, "") === ""),
    [...controls, ...marks],
  );
  assert.deepEqual(
    unitsOf((c) => NOT_IN_FIELD.test(c)),
    [...between(0, 8), ...between(0xa, 0x1f), "7f"],
  );
});

test("texts of strangers are shown with escapes for what would rewrite a screen", () => {
  assert.equal(printable("a\tb\u001b[2K\u202ec"), "a\\u0009b\\u001b[2K\\u202ec");
});
