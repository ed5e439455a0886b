import assert from "node:assert/strict";
import { test } from "node:test";
import { toldTrace } from "../../../proxy/tracing/trace.ts";
import { beginTrace, tracedHeaders, traceFrom } from "../../../proxy/tracing/tracing.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const NOT_SAMPLED = `00-${TRACE}-${SPAN}-00`;
const MALFORMED = `00-${TRACE}-${SPAN}-01-more`;
const clock = { now: () => 1_700_000_000_000, monotonic: () => 5_000.25 };

test("the client's flag decides, and where there is none the share does", () => {
  const cases: readonly (readonly [headers: readonly string[], share: number, drawn: number, traced: boolean])[] = [
    [[], 0, 0, false],
    [[], 0.01, 0.0099, true],
    [[], 0.01, 0.01, false],
    [[], 1, 0.999, true],
    [["traceparent", SAMPLED], 0, 0.5, true],
    [["traceparent", SAMPLED], 1, 0, true],
    [["traceparent", NOT_SAMPLED], 1, 0, false],
    [["traceparent", NOT_SAMPLED], 0, 0, false],
    [["traceparent", MALFORMED], 0, 0, false],
    [["traceparent", MALFORMED], 0.5, 0.4, true],
    [["traceparent", MALFORMED], 0.5, 0.6, false],
    [["traceparent", SAMPLED, "traceparent", SAMPLED], 0, 0, false],
    [["traceparent", SAMPLED, "traceparent", SAMPLED], 0.5, 0.4, true],
  ];
  for (const [headers, share, drawn, traced] of cases) {
    assert.equal(
      beginTrace(headers, share, clock, () => drawn) !== null,
      traced,
      JSON.stringify([headers, share, drawn]),
    );
  }
});

test("a trace goes on with the client's ids and state, or begins with its own", () => {
  const goesOn = beginTrace(["traceparent", SAMPLED, "tracestate", "a=1 , b=2"], 0, clock);
  assert.deepEqual([goesOn?.traceId, goesOn?.parentId, goesOn?.flags, goesOn?.state], [TRACE, SPAN, "01", "a=1,b=2"]);
  assert.equal(goesOn?.startedAt, 1_700_000_000_000);
  const begins = beginTrace(["traceparent", MALFORMED, "tracestate", "a=1"], 1, clock);
  assert.deepEqual([begins?.parentId, begins?.flags, begins?.state], [null, "01", null]);
  assert.notEqual(begins?.traceId, TRACE);
  const ids = [goesOn, begins].flatMap((trace) => Object.values(trace?.spans ?? {}));
  assert.equal(new Set(ids).size, 6);
  for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
});

test("headers of a traced request name our span where the client's stood, once, in the client's spelling", () => {
  const trace = beginTrace(["traceparent", SAMPLED, "tracestate", "a=1"], 0, clock);
  assert.ok(trace !== null);
  const own = `00-${TRACE}-${trace.spans.primary}-01`;
  const told = (headers: readonly string[], of = trace): string[] => tracedHeaders(headers, of, trace.spans.primary);
  assert.deepEqual(told(["host", "a", "TraceParent", SAMPLED, "TraceState", "a=1", "x", "y"]), [
    ...["host", "a", "TraceParent", own, "TraceState", "a=1", "x", "y"],
  ]);
  assert.deepEqual(told(["host", "a"]), ["host", "a", "traceparent", own]);
  assert.deepEqual(told(["traceparent", "x", "traceparent", "y", "tracestate", "!"], { ...trace, state: null }), [
    "traceparent",
    own,
  ]);
});

test("another process goes on with a trace by its own clock", () => {
  const trace = beginTrace(["traceparent", SAMPLED], 0, clock);
  assert.ok(trace !== null);
  const told = JSON.parse(JSON.stringify(toldTrace(trace))) as typeof trace;
  const other = traceFrom(told, { now: () => 1_700_000_000_100, monotonic: () => 40 });
  assert.deepEqual(other, { ...trace, epochOffset: 1_700_000_000_060 });
});
