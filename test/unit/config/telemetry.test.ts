import assert from "node:assert/strict";
import { test } from "node:test";
import { reloadProblems } from "../../../proxy/config/reload-rules.ts";
import { errorsOf, settingsOf } from "../../support/config-file.ts";

const SERVICES = "services: { legacy: { url: http://127.0.0.1:3000 }, next: { url: http://127.0.0.1:4000 } }\n";

test("nothing is sent unless the file says so, whatever the environment says", (t) => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
  assert.equal(settingsOf(t, SERVICES, { env }).settings.telemetry, null);
});

test("a collector's address is enough; its paths are added, and 1 % of requests is traced", (t) => {
  const text = `${SERVICES}telemetry: { otlp: "https://otlp.example.com/tenant/", headers: { Authorization: "Bearer \${TOKEN}" } }`;
  assert.deepEqual(settingsOf(t, text, { env: { TOKEN: "s3cret" } }).settings.telemetry, {
    urls: {
      traces: "https://otlp.example.com/tenant/v1/traces",
      metrics: "https://otlp.example.com/tenant/v1/metrics",
      logs: "https://otlp.example.com/tenant/v1/logs",
    },
    headers: [["authorization", "Bearer s3cret"]],
    traceShare: 0.01,
    metricsEveryMs: 15_000,
  });
});

test("signals are left out one by one", (t) => {
  const read = (rest: string) =>
    settingsOf(t, `${SERVICES}telemetry: { otlp: "http://127.0.0.1:4318", ${rest} }`).settings.telemetry;
  assert.deepEqual([read("traces: off")?.urls.traces, read("traces: off")?.traceShare], [null, null]);
  assert.deepEqual(
    [read("traces: 0%")?.urls.traces, read("traces: 0%")?.traceShare],
    ["http://127.0.0.1:4318/v1/traces", 0],
  );
  assert.equal(read("metrics: false")?.urls.metrics, null);
  assert.equal(read("logs: false")?.urls.logs, null);
});

test("what the file leaves out the environment of OpenTelemetry says", (t) => {
  const read = (env: Record<string, string>, telemetry = "{}") =>
    settingsOf(t, `${SERVICES}telemetry: ${telemetry}`, { env }).settings.telemetry;
  const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/" };
  assert.deepEqual(read(base)?.urls, {
    traces: "http://collector:4318/v1/traces",
    metrics: "http://collector:4318/v1/metrics",
    logs: "http://collector:4318/v1/logs",
  });
  // A signal's own address is whole.
  const own = { ...base, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs.example.com/in" };
  assert.equal(read(own)?.urls.logs, "https://logs.example.com/in");
  assert.equal(read(own, "{ otlp: http://file:1 }")?.urls.logs, "http://file:1/v1/logs");
  assert.equal(read({ ...base, OTEL_METRIC_EXPORT_INTERVAL: "60000" })?.metricsEveryMs, 60_000);
  assert.equal(read({ ...base, OTEL_METRIC_EXPORT_INTERVAL: "often" })?.metricsEveryMs, 15_000);
  assert.equal(read({ ...base, OTEL_SDK_DISABLED: "true" }), null);
});

test("what is wrong is told with its place, without its secrets, and with what to write instead", (t) => {
  const cases: readonly (readonly [telemetry: string, env: Record<string, string>, text: RegExp])[] = [
    [
      "{}",
      {},
      /crossfade\.yaml:2:1 telemetry says of no collector where it is; write otlp: http:\/\/127\.0\.0\.1:4318, or set OTEL_EXPORTER_OTLP_ENDPOINT/,
    ],
    ["{ otlp: collector:4318 }", {}, /telemetry\.otlp begins with "collector:"; write https:\/\/host\/path/],
    [
      '{ otlp: "https://ann:S3CRET@example.com" }',
      {},
      /telemetry\.otlp holds a user or password; send them in headers/,
    ],
    ['{ otlp: "http://a:1", traces: often }', {}, /telemetry\.traces is "often".*, or off/],
    ['{ otlp: "http://a:1", traces: 101% }', {}, /telemetry\.traces is "101%", above the whole.*, or off/],
    ['{ otlp: "http://a:1", headers: { content-type: S3CRET } }', {}, /content-type.*is written by Crossfade itself/],
    ['{ otlp: "http://a:1", header: {} }', {}, /did you mean headers\?/],
    [
      "{}",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "collector-S3CRET" },
      /telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says, which .*no URL/,
    ],
  ];
  for (const [telemetry, env, text] of cases) {
    const told = errorsOf(t, `${SERVICES}telemetry: ${telemetry}\n`, { env }).join("\n");
    assert.match(told, text);
    assert.doesNotMatch(told, /S3CRET/);
  }
});

test("what is likely wrong is a warning", (t) => {
  const warningsOf = (telemetry: string, env: Record<string, string> = {}): string =>
    settingsOf(t, `${SERVICES}telemetry: ${telemetry}\n`, { env })
      .warnings.map(({ text }) => text)
      .join("\n");
  assert.match(warningsOf('{ otlp: "http://127.0.0.1:4317" }'), /goes to port 4317, which mostly takes OTLP over gRPC/);
  const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  assert.match(
    warningsOf('{ otlp: "http://a:1" }', grpc),
    /OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", and is not followed/,
  );
  assert.match(
    warningsOf('{ otlp: "http://a:1" }', { OTEL_SDK_DISABLED: "TRUE" }),
    /sends nothing: OTEL_SDK_DISABLED is true/,
  );
  assert.equal(warningsOf('{ otlp: "http://a:1" }', { OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }), "");
});

test("the share of traces is taken over by a reload; where it is sent is not", (t) => {
  const read = (telemetry: string) => settingsOf(t, `${SERVICES}${telemetry}`).settings;
  const running = read('telemetry: { otlp: "http://a:1", traces: 1% }');
  const problems = (telemetry: string) => reloadProblems(running, read(telemetry)).map(({ path }) => path.join("."));
  assert.deepEqual(problems('telemetry: { otlp: "http://a:1", traces: 50% }'), []);
  assert.deepEqual(problems('telemetry: { otlp: "http://a:1", traces: off }'), ["telemetry"]);
  assert.deepEqual(problems('telemetry: { otlp: "http://b:1", traces: 1% }'), ["telemetry"]);
  assert.deepEqual(problems('telemetry: { otlp: "http://a:1", logs: false }'), ["telemetry"]);
  assert.deepEqual(problems(""), ["telemetry"]);
});
