import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
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
    const checkpoint = { collection: "users", fingerprint: "f", beside: true, after, done: false, ...counts };
    writeCheckpoint(file, checkpoint);
    assert.deepEqual(readCheckpoint(file), checkpoint);
  }
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, "{");
  assert.throws(
    () => readCheckpoint(file),
    (error) => error instanceof CrossfadeError && /cannot be used: .*--restart/.test(error.message),
  );
});
