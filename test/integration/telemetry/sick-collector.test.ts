import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { request } from "undici";
import type { TelemetryHealth } from "../../../proxy/process/telemetry-health.ts";
import { startCollector } from "../../support/collector.ts";
import { type Answer, hang } from "../../support/service.ts";
import { startTraced, type Traced, TRACES } from "../../support/traced.ts";
import { until } from "../../support/until.ts";

const EVERY = `${TRACES}, traces: 100%`;
/** The exporters' own; they would try for 10 s. */
const TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT";

afterEach(() => delete process.env[TIMEOUT]);

async function health({ api }: Traced): Promise<TelemetryHealth> {
  const { telemetry } = await api<{ telemetry: TelemetryHealth | null }>("/api/v1/status");
  assert.ok(telemetry !== null);
  return telemetry;
}

async function metric({ crossfade }: Traced, result: string): Promise<number> {
  const text = await (await request(`${crossfade.adminUrl}/metrics`)).body.text();
  const line = text
    .split("\n")
    .find((one) => one.startsWith(`crossfade_telemetry_items_total{signal="traces",result="${result}"}`));
  return Number(line?.split(" ").at(-1));
}

const SICK: readonly (readonly [what: string, answer: Answer, problem: string])[] = [
  ["hangs", hang, "no answer in time"],
  ["refuses what it gets", (_seen, response) => response.writeHead(400).end(), "answered 400"],
  ["is overloaded", (_seen, response) => response.writeHead(503).end(), "answered that it cannot take it now"],
  ["hangs up", (_seen, response) => response.destroy(), "ECONNRESET"],
];

for (const [what, answer, problem] of SICK) {
  test(`a collector that ${what} delays no client; what it did not take is counted, and what comes later is sent`, async (t) => {
    process.env[TIMEOUT] = "300";
    const bench = await startTraced(t, EVERY);
    bench.collector.answerWith(answer);
    assert.equal((await bench.send("PUT", "/users/1", {})).status, 200);
    await bench.settled(1);
    await until(async () => (await health(bench)).failed === 3);
    assert.deepEqual(await health(bench), {
      origin: bench.collector.url,
      sent: 0,
      failed: 3,
      dropped: 0,
      waiting: 0,
      problem,
    });
    assert.deepEqual([await metric(bench, "failed"), await metric(bench, "sent")], [3, 0]);
    const { warnings } = await bench.status();
    assert.ok(
      warnings.includes(`telemetry to ${bench.collector.url}: 3 items lost since the start (${problem})`),
      JSON.stringify(warnings),
    );
    bench.collector.answerWith(null);
    await bench.send("GET", "/users/1");
    await until(async () => (await health(bench)).sent === 2);
    assert.equal((await health(bench)).problem, null);
  });
}

test("a collector that is gone is survived, and sent to again once it is back", async (t) => {
  process.env[TIMEOUT] = "300";
  const bench = await startTraced(t, EVERY);
  await bench.collector.close();
  assert.equal((await bench.send("GET", "/users/1")).status, 200);
  await until(async () => (await health(bench)).failed === 2);
  assert.equal((await health(bench)).problem, "ECONNREFUSED");
  const back = await startCollector(bench.collector.service.port);
  t.after(() => back.close());
  await bench.send("GET", "/users/2");
  assert.equal((await back.sawSpans(2)).length, 2);
});

test("what a hanging collector leaves waiting is bounded, and each span beyond is counted", async (t) => {
  const bench = await startTraced(t, EVERY);
  bench.collector.answerWith(hang);
  const asked = 2_500;
  for (let n = 0; n < asked; n += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => bench.send("GET", "/users/1")));
    for (const { status } of answers) assert.equal(status, 200);
  }
  await until(async () => {
    const { waiting, dropped, failed } = await health(bench);
    return waiting + dropped + failed === 2 * asked;
  });
  const { waiting, dropped, sent } = await health(bench);
  assert.equal(sent, 0);
  assert.ok(waiting <= 4_096 && dropped > 0, JSON.stringify({ waiting, dropped }));
});

test("a proxy that ends does not wait for a collector that hangs", async (t) => {
  const bench = await startTraced(t, EVERY);
  bench.collector.answerWith(hang);
  await bench.send("GET", "/users/1");
  await bench.crossfade.stop(200);
  assert.ok(bench.collector.service.seen.length > 0);
  await until(() => bench.collector.service.openSockets() === 0);
});
