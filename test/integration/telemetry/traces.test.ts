import assert from "node:assert/strict";
import { test } from "node:test";
import type { SeenSpan } from "../../support/collector.ts";
import { allSpans, isLeg, isServer, startTraced, TRACES } from "../../support/traced.ts";
import { hang, json } from "../../support/service.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${CLIENT_SPAN}-01`;
const NOT_SAMPLED = `00-${TRACE}-${CLIENT_SPAN}-00`;

function only(spans: readonly SeenSpan[], wanted: (span: SeenSpan) => boolean): SeenSpan {
  const found = spans.filter(wanted);
  assert.equal(found.length, 1, JSON.stringify(spans, null, 1));
  return found[0] as SeenSpan;
}

test("a mirrored write has a span for the client, each service and the mismatch, in the client's trace", async (t) => {
  const bench = await startTraced(t, TRACES, { legacy: json(200, { total: 1 }), next: json(200, { total: 2 }) });
  const before = Date.now();
  const answer = await bench.send(
    "PUT",
    "/users/42?token=s3cr3t",
    { password: "s3cr3t" },
    { traceparent: SAMPLED, tracestate: "vendor=1" },
  );
  assert.equal(answer.status, 200);
  await bench.settled(1);
  const after = Date.now();
  const spans = await allSpans(bench);
  assert.equal(spans.length, 4);

  const server = only(spans, isServer);
  const primary = only(spans, isLeg("primary"));
  const shadow = only(spans, isLeg("shadow"));
  const compare = only(spans, ({ name }) => name === "compare");
  for (const span of spans) {
    assert.equal(span.traceId, TRACE);
    assert.equal(span.resource["service.name"], "crossfade");
    assert.ok(
      span.startMs >= before - 1 && span.endMs <= after + 1 && span.endMs >= span.startMs,
      JSON.stringify(span),
    );
  }
  assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, 4);
  assert.deepEqual([server.parentId, server.isParentRemote, server.name], [CLIENT_SPAN, true, "PUT /users/**"]);
  assert.deepEqual([primary.parentId, primary.isParentRemote, primary.name], [server.spanId, false, "PUT legacy"]);
  assert.deepEqual([shadow.parentId, shadow.name], [server.spanId, "PUT next"]);
  assert.deepEqual(compare.parentId, shadow.spanId);
  assert.deepEqual(shadow.links, [{ traceId: TRACE, spanId: primary.spanId }]);
  assert.ok(primary.startMs >= server.startMs && primary.endMs <= server.endMs);
  assert.ok(shadow.startMs >= primary.endMs);
  assert.deepEqual(
    [
      server.attributes["http.response.status_code"],
      server.attributes["crossfade.route"],
      server.attributes["http.route"],
    ],
    [200, "users", "/users/**"],
  );
  assert.equal(primary.attributes["server.port"], bench.legacy.port);
  assert.equal(shadow.attributes["server.port"], bench.next.port);
  assert.equal(shadow.attributes["crossfade.attempts"], 1);
  assert.deepEqual(compare.attributes["crossfade.kinds"], ["value"]);
  assert.equal(compare.attributes["crossfade.differences"], 1);
  assert.ok(spans.every(({ hasFailed }) => !hasFailed));

  // What each service was told lets its own spans follow on ours, and the shadow's be kept apart.
  assert.equal(bench.legacy.seen[0]?.header("traceparent"), `00-${TRACE}-${primary.spanId}-01`);
  assert.equal(bench.legacy.seen[0]?.header("tracestate"), "vendor=1");
  assert.equal(bench.next.seen[0]?.header("traceparent"), `00-${TRACE}-${shadow.spanId}-01`);
  assert.equal(bench.next.seen[0]?.header("tracestate"), "crossfade=shadow,vendor=1");
  assert.deepEqual(
    [primary.state, shadow.state, compare.state],
    ["vendor=1", "crossfade=shadow,vendor=1", "crossfade=shadow,vendor=1"],
  );

  // Of paths, keys, bodies and queries nothing is in any span.
  assert.doesNotMatch(JSON.stringify(spans), /s3cr3t|users\/42/);
  const [line] = (await import("node:fs")).readFileSync(`${bench.folder}/divergences.ndjson`, "utf8").split("\n");
  assert.equal((JSON.parse(line as string) as { traceId: string }).traceId, TRACE);
});

test("answers that match have no span of their own for that, and a read that is passed on has two", async (t) => {
  const bench = await startTraced(t);
  await bench.send("PUT", "/users/42", {}, { traceparent: SAMPLED });
  await bench.send("GET", "/users/42", undefined, { traceparent: SAMPLED });
  await bench.send("GET", "/elsewhere", undefined, { traceparent: SAMPLED });
  await bench.settled(1);
  const spans = await allSpans(bench);
  assert.deepEqual(spans.map(({ name }) => name).toSorted(), [
    "GET",
    "GET /users/**",
    "GET legacy",
    "GET legacy",
    "PUT /users/**",
    "PUT legacy",
    "PUT next",
  ]);
});

test("what is not sampled leaves no span, and the primary gets the headers as they came", async (t) => {
  const bench = await startTraced(t, TRACES + ", traces: 100%");
  const cases: readonly Record<string, string>[] = [
    { traceparent: NOT_SAMPLED, tracestate: "vendor=1, other=2" },
    { traceparent: `${NOT_SAMPLED.slice(0, -2)}02` },
  ];
  for (const [n, headers] of cases.entries()) {
    await bench.send("PUT", `/users/${n}`, {}, headers);
    await bench.send("GET", `/users/${n}`, undefined, headers);
  }
  await bench.settled(cases.length);
  for (const [n, seen] of bench.legacy.seen.entries()) {
    const headers = cases[n >> 1] as Record<string, string>;
    assert.equal(seen.header("traceparent"), headers["traceparent"]);
    assert.equal(seen.header("tracestate"), headers["tracestate"] ?? null);
  }
  // The copy is a child all the same, and says that it is not recorded.
  for (const [n, seen] of bench.next.seen.entries()) {
    const [, traceId, spanId, flags] = (seen.header("traceparent") ?? "").split("-");
    assert.deepEqual([traceId, flags], [TRACE, n === 0 ? "00" : "02"]);
    assert.notEqual(spanId, CLIENT_SPAN);
    assert.equal(seen.header("tracestate"), n === 0 ? "vendor=1,other=2" : null);
  }
  assert.deepEqual(await allSpans(bench), []);
});

test("of requests without a trace the share that is asked for begins one, which the services are told of", async (t) => {
  const bench = await startTraced(t, TRACES + ", traces: 100%");
  await bench.send("PUT", "/users/42", {});
  await bench.settled(1);
  const spans = await allSpans(bench);
  const server = only(spans, isServer);
  assert.equal(server.parentId, "");
  assert.match(server.traceId, /^(?!0{32})[0-9a-f]{32}$/);
  const { spanId: ofPrimary } = only(spans, isLeg("primary"));
  const { spanId: ofShadow } = only(spans, isLeg("shadow"));
  assert.equal(bench.legacy.seen[0]?.header("traceparent"), `00-${server.traceId}-${ofPrimary}-01`);
  assert.equal(bench.next.seen[0]?.header("traceparent"), `00-${server.traceId}-${ofShadow}-01`);
});

test("at 0 % only what comes sampled is traced, and with traces: off nothing is", async (t) => {
  const bench = await startTraced(t, TRACES + ", traces: 0%");
  await bench.send("GET", "/users/1");
  await bench.send("GET", "/users/2", undefined, { traceparent: SAMPLED });
  assert.deepEqual(
    (await allSpans(bench)).map(({ traceId }) => traceId),
    [TRACE, TRACE],
  );
  assert.equal(bench.legacy.seen[0]?.header("traceparent"), null);

  const off = await startTraced(t, TRACES + ", traces: off");
  await off.send("PUT", "/users/2", {}, { traceparent: SAMPLED });
  await off.settled(1);
  assert.equal(off.legacy.seen[0]?.header("traceparent"), SAMPLED);
  // Others may record it.
  assert.equal(off.next.seen[0]?.header("tracestate"), "crossfade=shadow");
  assert.deepEqual(await allSpans(off), []);
});

test("a traceparent that is not valid is none: a trace begins anew, without the tracestate that came with it", async (t) => {
  const bench = await startTraced(t, TRACES + ", traces: 100%");
  const malformed = [
    `00-${TRACE.toUpperCase()}-${CLIENT_SPAN}-01`,
    `00-${"0".repeat(32)}-${CLIENT_SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `ff-${TRACE}-${CLIENT_SPAN}-01`,
    `${SAMPLED}-more`,
    `00-${TRACE}-${CLIENT_SPAN}`,
    "nonsense",
  ];
  for (const [n, traceparent] of malformed.entries()) {
    await bench.send("PUT", `/users/${n}`, {}, { traceparent, tracestate: "vendor=1" });
  }
  await bench.settled(malformed.length);
  for (const seen of [...bench.legacy.seen, ...bench.next.seen]) {
    assert.match(seen.header("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.ok(!(seen.header("traceparent") ?? "").includes(TRACE));
    assert.ok(!(seen.header("tracestate") ?? "").includes("vendor"));
  }
  const servers = (await allSpans(bench)).filter(isServer);
  assert.equal(new Set(servers.map(({ traceId }) => traceId)).size, malformed.length);
  assert.ok(servers.every(({ parentId }) => parentId === ""));
});

test("services that fail leave spans that have failed, with what went wrong as a closed word", async (t) => {
  const bench = await startTraced(t, TRACES, { nextService: "effects: suppressed\nasShadow: { timeout: 300ms }" });
  bench.next.answerWith(hang);
  await bench.send("PUT", "/users/1", {}, { traceparent: SAMPLED });
  await bench.settled(1);
  bench.legacy.answerWith((_seen, response) => response.destroy());
  assert.equal((await bench.send("PUT", "/users/2", {}, { traceparent: SAMPLED })).status, 502);
  await bench.settled(2);
  await bench.legacy.close();
  assert.equal((await bench.send("GET", "/users/3", undefined, { traceparent: SAMPLED })).status, 502);
  const spans = await allSpans(bench);
  const shadow = only(spans, isLeg("shadow"));
  assert.deepEqual([shadow.hasFailed, shadow.attributes["error.type"]], [true, "timeout"]);
  assert.ok(shadow.endMs - shadow.startMs >= 250);
  const primaries = spans.filter(isLeg("primary"));
  assert.deepEqual(
    primaries.map(({ attributes }) => attributes["error.type"] ?? null),
    [null, "unknown", "unreached"],
  );
  const servers = spans.filter(isServer);
  assert.deepEqual(
    servers.map(({ hasFailed }) => hasFailed),
    [false, true, true],
  );
  assert.deepEqual(
    servers.map(({ attributes }) => attributes["error.type"] ?? null),
    [null, "502", "502"],
  );
});
