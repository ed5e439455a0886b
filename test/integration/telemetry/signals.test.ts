import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { request } from "undici";
import type { Value } from "../../support/collector.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { json } from "../../support/service.ts";
import { startTraced } from "../../support/traced.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const NOT_SAMPLED = `00-${TRACE}-b7ad6b7169203331-00`;

test("each line of the divergence log is a log record too, with the trace of its request, sampled or not", async (t) => {
  const bench = await startTraced(t, "traces: off, metrics: false", {
    legacy: json(200, { total: 1, password: "s3cr3t" }),
    next: json(200, { total: 2, password: "other-s3cr3t" }),
  });
  await bench.send("PUT", "/users/42?token=s3cr3t", { password: "s3cr3t" }, { traceparent: NOT_SAMPLED });
  bench.next.answerWith(json(200, { total: 1, password: "s3cr3t" }));
  await bench.send("PUT", "/users/43", {}, { traceparent: NOT_SAMPLED });
  bench.next.answerWith(json(503, {}));
  await bench.send("PUT", "/users/44", {});
  await bench.settled(3);
  await bench.crossfade.stop();
  const lines = readFileSync(`${bench.folder}/divergences.ndjson`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, Value>);
  const records = bench.collector.logs.filter(({ eventName }) => eventName === "crossfade.divergence");
  assert.equal(lines.length, 2);
  assert.deepEqual(
    records.map(({ body }) => body),
    lines,
  );
  const [first, second] = records;
  assert.deepEqual([first?.traceId, first?.severity], [TRACE, "WARN"]);
  assert.equal(second?.traceId, lines[1]?.["traceId"]);
  assert.equal(first?.timeMs, Date.parse(lines[0]?.["time"] as string));
  assert.equal(first?.attributes["crossfade.route"], "users");
  assert.equal(first?.attributes["crossfade.outcome"], "divergent");
  assert.equal(first?.attributes["crossfade.group"], lines[0]?.["group"]);
  assert.equal(first?.attributes["crossfade.exchange"], lines[0]?.["id"]);
  assert.doesNotMatch(JSON.stringify(bench.collector.logs), /s3cr3t/);
  assert.deepEqual(bench.collector.spans, []);
});

test("what /metrics shows is sent, with the same numbers, and once more at the end", async (t) => {
  const bench = await startTraced(t, "traces: off, logs: false", { next: json(200, { other: true }) });
  for (const n of [1, 2, 3]) await bench.send("PUT", `/users/${n}`, {});
  await bench.settled(3);
  const text = await (await request(`${bench.crossfade.adminUrl}/metrics`)).body.text();
  await bench.crossfade.stop();
  const sent = new Map(bench.collector.metrics.map((metric) => [metric.name, metric]));
  const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name as string);
  const spelled = [...sent.values()].map(({ name }) => name.replaceAll(".", "_"));
  for (const name of names.filter((one) => one !== "target_info")) {
    assert.ok(
      spelled.some((one) => name === one || name === `${one}_total` || name.startsWith(`${one}_`)),
      name,
    );
  }
  assert.ok(names.length > 15);
  const exchanges = sent.get("crossfade.exchanges")?.points;
  assert.deepEqual(exchanges, [
    { attributes: { route: "users", phase: "dual-write", outcome: "divergent" }, value: 3 },
  ]);
  assert.match(text, /^crossfade_exchanges_total\{[^}]*outcome="divergent"[^}]*\} 3$/m);
  const served = sent.get("http.server.request.duration");
  assert.deepEqual([served?.unit, served?.points.map(({ value }) => value)], ["s", [3]]);
  assert.equal(sent.get("crossfade.phase")?.points[0]?.attributes["phase"], "dual-write");
});

test("headers go along, from the file and from the environment", async (t) => {
  process.env["OTEL_EXPORTER_OTLP_HEADERS"] = "x-tenant=acme,x-both=environment";
  t.after(() => delete process.env["OTEL_EXPORTER_OTLP_HEADERS"]);
  const bench = await startTraced(t, 'traces: 100%, headers: { Authorization: "Bearer s3cr3t", x-both: file }');
  await bench.send("GET", "/users/1");
  await bench.crossfade.stop();
  const { seen } = bench.collector.service;
  assert.deepEqual([...new Set(seen.map(({ target }) => target))].toSorted(), ["/v1/metrics", "/v1/traces"]);
  for (const one of seen) {
    assert.equal(one.header("authorization"), "Bearer s3cr3t");
    assert.equal(one.header("x-tenant"), "acme");
    assert.equal(one.header("x-both"), "file");
    assert.match(one.header("user-agent") ?? "", /^crossfade\/\S+ OTel-OTLP-Exporter-JavaScript\//);
  }
});

test("lines of the process's own log are log records; one about a request has its trace", async (t) => {
  const bench = await startTraced(t, "traces: off, metrics: false", {
    routes:
      'routes: [{ name: users, match: { path: /users/** }, entity: users, key: ["path:id"], transform: { module: ./toNext.mjs } }]',
    files: { "toNext.mjs": 'export function toNext() { throw new Error("broken on purpose"); }\n' },
    logLevel: "info",
  });
  await bench.send("PUT", "/users/42", {}, { traceparent: NOT_SAMPLED });
  await bench.settled(1);
  await bench.crossfade.stop();
  const said = bench.collector.logs.filter(({ eventName }) => eventName === "");
  const about = said.filter(({ traceId }) => traceId === TRACE);
  assert.equal(about.length, 1, JSON.stringify(said));
  assert.equal(about[0]?.severity, "ERROR");
  assert.match(String(about[0]?.attributes["exception.message"]), /threw an Error at toNext\.mjs/);
  assert.match(String(about[0]?.attributes["crossfade.exchange"]), /^[0-9A-Z]{26}$/);
});

test("a collector behind TLS is believed by the authority that the environment names, asks for our certificate, and gets gzip", async (t) => {
  const authority = makeAuthority(t);
  const [server, client] = [authority.issue(["127.0.0.1"]), authority.issue(["crossfade"])];
  const env = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: authority.caFile,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.certFile,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: client.keyFile,
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
  };
  Object.assign(process.env, env);
  t.after(() => {
    for (const name of Object.keys(env)) delete process.env[name];
  });
  const { cert, key } = server;
  const tls = { cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: true };
  const bench = await startTraced(t, "traces: 100%, logs: false", {}, tls);
  await bench.send("GET", "/users/1");
  await bench.crossfade.stop();
  assert.equal(bench.collector.spans.length, 2);
  assert.notEqual(bench.collector.metrics.length, 0);
  assert.ok(bench.collector.service.seen.every((seen) => seen.header("content-encoding") === "gzip"));
});
