import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { markUnjournaled, openGapMarker, readGapMarker } from "../../../adapters/journal/gap-marker.ts";

function fileOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "crossfade-marker-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "lanes", "gaps");
}

test("what is marked before the journal is opened stands beside what was there, from the earlier time on", async (t) => {
  const file = fileOf(t);
  markUnjournaled(file, ["users"], 200);
  markUnjournaled(file, ["users", "rest"], 300);
  const read = () => readGapMarker(file, ["users", "rest", "more"], 400);
  assert.deepEqual(read(), [
    { route: "users", from: 200 },
    { route: "rest", from: 300 },
  ]);
  // Whoever opens it has accounted for that.
  const marker = await openGapMarker(file, "process");
  assert.deepEqual(read(), []);
  await marker.end();
  // What cannot be read stands for every route, and goes on to.
  writeFileSync(file, "no digest\n[]\n");
  markUnjournaled(file, ["users"], 500);
  assert.deepEqual(
    read().map(({ route }) => route),
    ["users", "rest", "more"],
  );
});
