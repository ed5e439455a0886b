import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DEAREST, planRuns, testFiles } from "../../deploy/tests.mjs";

const ROOT = join(import.meta.dirname, "../..");

test("each test file is in one run, and each that is said to take long is there", () => {
  const files = testFiles();
  assert.deepEqual(files, globSync("test/**/*.test.ts", { cwd: ROOT }).sort());
  const { crowd, quiet } = planRuns(files);
  assert.deepEqual([...crowd, ...quiet].flat().sort(), files);
  assert.deepEqual(
    crowd.slice(0, DEAREST.length),
    DEAREST.map((file) => [file]),
  );
});
