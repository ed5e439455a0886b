import assert from "node:assert/strict";
import { test } from "node:test";
import { Latencies } from "../../../../proxy/cli/demo/latencies.ts";

test("a window holds what ended in it, its end not included", () => {
  const latencies = new Latencies();
  for (let at = 0; at < 2_000; at += 10) latencies.add(at, at < 1_000 ? 5 : 50, at === 1_500);
  assert.deepEqual(latencies.between(0, 1_000), { requests: 100, errors: 0, rate: 100, p50: 5, p99: 5 });
  assert.deepEqual(latencies.between(1_000, 2_000), { requests: 100, errors: 1, rate: 100, p50: 50, p99: 50 });
  assert.equal(latencies.requests, 200);
  assert.equal(latencies.errors, 1);
});

test("a hundredth of slow requests does not move p99, a fiftieth does", () => {
  for (const [slow, p99] of [
    [1, 1],
    [2, 900],
  ] as const) {
    const latencies = new Latencies();
    for (let i = 0; i < 100; i++) latencies.add(0, i < slow ? 900 : 1, false);
    assert.equal(latencies.between(0, 1).p99, p99);
  }
});

test("nothing measured is not zero", () => {
  assert.deepEqual(new Latencies().between(0, 1_000), { requests: 0, errors: 0, rate: 0, p50: null, p99: null });
});

test("old measurements are forgotten, their number is not", () => {
  const latencies = new Latencies();
  for (let at = 0; at < 25_000; at++) latencies.add(at, 1, false);
  assert.equal(latencies.requests, 25_000);
  assert.equal(latencies.between(24_000, 25_000).requests, 1_000);
  assert.ok(latencies.between(0, 25_000).requests <= 20_000);
});
