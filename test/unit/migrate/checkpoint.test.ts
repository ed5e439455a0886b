import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CrossfadeError } from "../../../proxy/errors.ts";
import { readCheckpoint, writeCheckpoint } from "../../../proxy/migrate/checkpoint.ts";
import type { RowKey } from "../../../proxy/rows/rows.ts";

test("a key of any kind comes back from a checkpoint as it was", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-checkpoint-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "c.json");
  assert.equal(readCheckpoint(file), null);
  const counts = {
    read: 1,
    written: 1,
    kept: 0,
    leftOut: 0,
    readAgain: 0,
    toRepair: 0,
    longestFreezeMs: 9,
    conflicts: [],
    setAside: [{ key: "1", why: "w" }],
  };
  const keys: (RowKey | null)[] = [
    null,
    [9223372036854775807n, "é/~", -0.5, Number.POSITIVE_INFINITY, true],
    [Buffer.from([0, 255])],
  ];
  for (const after of keys) {
    const ranges = [
      { after, upTo: [7n], done: false },
      { after: [7n], upTo: after, done: true },
    ];
    const left = after === null ? [] : [{ key: after, times: 3 }];
    for (const split of [null, ranges]) {
      const of = { collection: "users", fingerprint: "f", beside: true };
      const checkpoint = { ...of, after: split === null ? after : null, ranges: split, done: false, left, ...counts };
      writeCheckpoint(file, checkpoint);
      assert.deepEqual(readCheckpoint(file), checkpoint);
      const { ranges: _, left: __, ...earlier } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      writeFileSync(file, JSON.stringify(earlier));
      const read = readCheckpoint(file);
      assert.deepEqual([read?.ranges, read?.left], [null, []], "an earlier version knew of none");
    }
  }
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, "{");
  assert.throws(
    () => readCheckpoint(file),
    (error) => error instanceof CrossfadeError && /cannot be used: .*--restart/.test(error.message),
  );
});
