/** The short form of `npm run scale`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { MIB, runScale } from "./scale.ts";

const ENTRY = join(import.meta.dirname, "../../proxy/cli/main.ts");

test("idle connections, event streams, tunnels and large bodies at once stay within the memory that docs/limits.md states", async (t) => {
  const plan = {
    idle: 1_000,
    streams: 200,
    tunnels: 50,
    transferBytes: 200 * MIB,
    mirroredBytes: 48 * MIB,
    bodyOnDiskMib: 64,
  };
  const report = await runScale(ENTRY, plan, (line) => t.diagnostic(line));
  assert.ok(report.peakMib <= report.boundMib, `${report.peakMib} MiB, ${report.boundMib} allowed`);
});
