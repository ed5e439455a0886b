import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { CELL_LIMIT } from "../../../adapters/telemetry/cells.ts";
import { createTelemetry, type TelemetryAdapter } from "../../../adapters/telemetry/telemetry.ts";
import type { Gauges } from "../../../proxy/ports.ts";

let adapter: TelemetryAdapter;
afterEach(() => adapter.close());

function open(): TelemetryAdapter {
  adapter = createTelemetry({ version: "1.2.3" });
  return adapter;
}

async function linesOf(name: string): Promise<string[]> {
  return (await adapter.metricsText()).split("\n").filter((line) => line.startsWith(name));
}

const GAUGES: Gauges = {
  journalDepth: 3,
  queueBytes: 4096,
  headroomSeconds: null,
  routes: [
    {
      name: "users",
      phase: "dual-write",
      lagSeconds: 0.5,
      breakerState: 2,
      repairsOpen: 7,
      repairsParked: 2,
      gapsOpen: 1,
      gateEvidence: 0.25,
      gateBound: 0.0001,
    },
  ],
  collections: [
    {
      name: "users",
      reconciled: [
        { of: "all", rows: 20, differing: { missing: 1, mismatched: 0, extra: 2, unmade: 0 } },
        { of: "sample", rows: 10, differing: { missing: 0, mismatched: 1, unmade: 0 } },
      ],
      cleanAgeSeconds: 3600,
    },
    { name: "orders", reconciled: [], cleanAgeSeconds: null },
  ],
  journalBytes: 8192,
  isStoreWell: true,
  members: { serving: 2, draining: 0, silent: 1 },
  variants: { settings: 2, version: 1 },
};

test("every metric is there under its Prometheus name before anything was counted", async () => {
  open().observe(() => ({ ...GAUGES, headroomSeconds: 60 }));
  const text = await adapter.metricsText();
  const expected: readonly (readonly [name: string, type: string])[] = [
    ["http_server_request_duration", "histogram"],
    ["http_client_request_duration", "histogram"],
    ["crossfade_compare_duration", "histogram"],
    ["crossfade_exchanges_total", "counter"],
    ["dual_write_shadow_failures_total", "counter"],
    ["crossfade_differences_total", "counter"],
    ["crossfade_config_reloads_total", "counter"],
    ["crossfade_telemetry_items_total", "counter"],
    ["crossfade_journal_depth", "gauge"],
    ["crossfade_queue_bytes", "gauge"],
    ["crossfade_headroom", "gauge"],
    ["crossfade_lane_lag", "gauge"],
    ["crossfade_breaker_state", "gauge"],
    ["crossfade_phase", "gauge"],
    ["crossfade_repairs_open", "gauge"],
    ["crossfade_repairs_parked", "gauge"],
    ["crossfade_repairs_ended_total", "counter"],
    ["crossfade_repairs_age", "histogram"],
    ["crossfade_gaps_open", "gauge"],
    ["crossfade_gate_evidence", "gauge"],
    ["crossfade_gate_bound", "gauge"],
    ["crossfade_journal_bytes", "gauge"],
    ["crossfade_store_available", "gauge"],
    ["crossfade_members", "gauge"],
    ["crossfade_members_variants", "gauge"],
  ];
  for (const [name, type] of expected) assert.match(text, new RegExp(`^# TYPE ${name} ${type}$`, "m"));
  assert.match(text, /^target_info\{.*service_version="1\.2\.3"/m);
});

test("durations are recorded in ms, told in seconds, and counted into every bucket that holds them", async () => {
  open().telemetry.serverRequest("users", "GET", 200, 20);
  adapter.telemetry.serverRequest("users", "GET", 200, 0.5);
  adapter.telemetry.serverRequest("users", "GET", 200, 25);
  const labels = 'route="users",http_request_method="GET",http_response_status_code="200"';
  const lines = await linesOf("http_server_request_duration");
  assert.ok(lines.includes(`http_server_request_duration_count{${labels}} 3`));
  assert.ok(lines.includes(`http_server_request_duration_sum{${labels}} 0.0455`));
  assert.ok(lines.includes(`http_server_request_duration_bucket{${labels},le="0.001"} 1`));
  assert.ok(lines.includes(`http_server_request_duration_bucket{${labels},le="0.01"} 1`));
  assert.ok(lines.includes(`http_server_request_duration_bucket{${labels},le="0.025"} 3`));
  assert.ok(lines.includes(`http_server_request_duration_bucket{${labels},le="+Inf"} 3`));
});

test("methods and statuses that nobody knows make no series of their own", async () => {
  open().telemetry.serverRequest("users", "BREW", 200, 1);
  adapter.telemetry.serverRequest("users", "STEEP", 200, 1);
  adapter.telemetry.clientRequest("shadow", "users", null, 1);
  adapter.telemetry.clientRequest("shadow", "users", 1e9, 1);
  const served = await linesOf("http_server_request_duration_count");
  assert.deepEqual(served, [
    'http_server_request_duration_count{route="users",http_request_method="_OTHER",http_response_status_code="200"} 2',
  ]);
  const sent = await linesOf("http_client_request_duration_count");
  assert.deepEqual(sent, ['http_client_request_duration_count{crossfade_leg="shadow",route="users"} 2']);
});

test("counters keep their combinations apart, and an outcome without reason has no reason label", async () => {
  open().telemetry.outcome("users", "dual-write", "match", null);
  adapter.telemetry.outcome("users", "dual-write", "dropped", "queue-full");
  adapter.telemetry.outcome("users", "dual-write", "dropped", "queue-full");
  adapter.telemetry.shadowFailure("users", "timeout");
  adapter.telemetry.difference("users", "precision");
  adapter.telemetry.configReload("refused");
  const text = await adapter.metricsText();
  assert.match(text, /^crossfade_exchanges_total\{route="users",phase="dual-write",outcome="match"\} 1$/m);
  assert.match(
    text,
    /^crossfade_exchanges_total\{route="users",phase="dual-write",outcome="dropped",reason="queue-full"\} 2$/m,
  );
  assert.match(text, /^dual_write_shadow_failures_total\{route="users",reason="timeout"\} 1$/m);
  assert.match(text, /^crossfade_differences_total\{route="users",kind="precision"\} 1$/m);
  assert.match(text, /^crossfade_config_reloads_total\{result="applied"\} 0$/m);
  assert.match(text, /^crossfade_config_reloads_total\{result="refused"\} 1$/m);
});

test("beyond the limit of combinations everything is counted together, and nothing is lost", async () => {
  open();
  const beyond = 50;
  for (let i = 0; i < CELL_LIMIT + beyond; i++) adapter.telemetry.difference(`route ${i}`, "value");
  const lines = await linesOf("crossfade_differences_total{");
  assert.equal(lines.length, CELL_LIMIT + 1);
  assert.equal(lines.at(-1), `crossfade_differences_total{otel_metric_overflow="true"} ${beyond}`);
});

test("a duration that is negative or no number counts as 0", async () => {
  open().telemetry.compared(-5);
  adapter.telemetry.compared(Number.NaN);
  assert.deepEqual(await linesOf("crossfade_compare_duration_count"), ["crossfade_compare_duration_count 2"]);
  assert.deepEqual(await linesOf("crossfade_compare_duration_sum"), ["crossfade_compare_duration_sum 0"]);
});

test("gauges are read when scraped; headroom is absent while nothing queues", async () => {
  open().observe(() => GAUGES);
  assert.deepEqual(await linesOf("crossfade_lane_lag{"), ['crossfade_lane_lag{route="users"} 0.5']);
  assert.deepEqual(await linesOf("crossfade_members{"), [
    'crossfade_members{state="serving"} 2',
    'crossfade_members{state="draining"} 0',
    'crossfade_members{state="silent"} 1',
  ]);
  assert.deepEqual(await linesOf("crossfade_members_variants{"), [
    'crossfade_members_variants{of="settings"} 2',
    'crossfade_members_variants{of="version"} 1',
  ]);
  assert.deepEqual(await linesOf("crossfade_store_available "), ["crossfade_store_available 1"]);
  assert.deepEqual(await linesOf("crossfade_gate_bound{"), ['crossfade_gate_bound{route="users"} 0.0001']);
  assert.deepEqual(await linesOf("crossfade_phase{"), ['crossfade_phase{route="users",phase="dual-write"} 1']);
  assert.deepEqual(await linesOf("crossfade_headroom"), []);
  adapter.observe(() => ({ ...GAUGES, headroomSeconds: 12 }));
  assert.deepEqual(await linesOf("crossfade_headroom"), ["crossfade_headroom 12"]);
});

test("gauges that cannot be read do not take the counters with them", async () => {
  open().observe(() => {
    throw new Error("no gauges today");
  });
  adapter.telemetry.difference("users", "value");
  assert.equal((await linesOf("crossfade_differences_total{")).length, 1);
});

test("label values are escaped", async () => {
  open().telemetry.difference('a"b\\c\nd', "value");
  assert.deepEqual(await linesOf("crossfade_differences_total{"), [
    'crossfade_differences_total{route="a\\"b\\\\c\\nd",kind="value"} 1',
  ]);
});
