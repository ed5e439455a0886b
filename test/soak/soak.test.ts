/** The short form of `npm run soak`, and what it is judged by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UNBUILT_CLI } from "../bench/crossfade.ts";
import { beyond, growthOf, type Sample } from "./growth.ts";
import { runSoak } from "./soak.ts";

/** Memory is judged by the long form: ten seconds tell nothing of a leak, and what it may be at any time is missed (docs/chaos.md). */
test("under full load on a shadow that falls ill again and again, files and disk stay within their bounds, and no client sees an error", async (t) => {
  const plan = {
    seconds: 10,
    phaseSeconds: 1,
    sampleEveryMs: 200,
    grows: {},
    holds: ["files", "diskMib"] as const,
    cli: UNBUILT_CLI,
  };
  const report = await runSoak(plan, (line) => t.diagnostic(line));
  assert.deepEqual(report.beyond, []);
  assert.ok(report.requests > 0);
});

function ramp(perMinute: number): Sample[] {
  return Array.from({ length: 61 }, (_, n) => ({
    seconds: n * 60,
    rssMib: 200 + n * perMinute,
    heapMib: 50,
    files: 100,
    diskMib: 10,
  }));
}

test("growth is told from medians after the warm-up, with its slope and the most there ever was", () => {
  const growth = growthOf(ramp(2), "rssMib");
  assert.deepEqual([growth.early, growth.late, growth.most], [259, 300, 320]);
  assert.ok(Math.abs(growth.perHour - 120) < 0.001);
});

test("a leak is beyond its bound, one sample that stands out is not, and neither is what is flat", () => {
  const grows = { rssMib: 16 };
  assert.equal(beyond([growthOf(ramp(2), "rssMib")], { grows, most: {} }).length, 1);
  assert.deepEqual(beyond([growthOf(ramp(0), "rssMib")], { grows, most: {} }), []);
  const spike = ramp(0).with(50, { ...(ramp(0)[50] as Sample), rssMib: 900 });
  assert.deepEqual(beyond([growthOf(spike, "rssMib")], { grows, most: {} }), []);
  assert.equal(beyond([growthOf(spike, "rssMib")], { grows, most: { rssMib: 500 } }).length, 1);
});
