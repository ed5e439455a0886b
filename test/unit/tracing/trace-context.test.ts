import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clientTrace,
  clientTraceState,
  isSampled,
  maySample,
  parseTraceParent,
  withStateMember,
} from "../../../proxy/tracing/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

test("a traceparent is read as W3C Trace Context has it", () => {
  const read = { traceId: TRACE, parentId: SPAN };
  const valid: readonly (readonly [header: string, flags: string])[] = [
    [`00-${TRACE}-${SPAN}-00`, "00"],
    [`00-${TRACE}-${SPAN}-01`, "01"],
    // The random flag of Level 2 is passed on; flags that nobody has defined are not.
    [`00-${TRACE}-${SPAN}-03`, "03"],
    [`00-${TRACE}-${SPAN}-ff`, "03"],
    [`00-${TRACE}-${SPAN}-0c`, "00"],
    // A version to come: what is known of it stands in front.
    [`01-${TRACE}-${SPAN}-01`, "01"],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-holds`, "01"],
  ];
  for (const [header, flags] of valid) assert.deepEqual(parseTraceParent(header), { ...read, flags }, header);
});

test("what is no traceparent is none", () => {
  const invalid = [
    "",
    "00",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-011`,
    `01-${TRACE}-${SPAN}-01more`,
    `ff-${TRACE}-${SPAN}-01`,
    `0x-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    `00_${TRACE}_${SPAN}_01`,
  ];
  for (const header of invalid) assert.equal(parseTraceParent(header), null, JSON.stringify(header));
});

test("the header is found in any case, and two of it are none", () => {
  const header = `00-${TRACE}-${SPAN}-01`;
  assert.equal(clientTrace(["host", "a", "TraceParent", header])?.traceId, TRACE);
  assert.equal(clientTrace(["traceparent", header, "traceparent", header]), null);
  assert.equal(clientTrace(["host", "a"]), null);
});

test("the sampled flag is the last bit", () => {
  assert.deepEqual(
    ["00", "01", "02", "03"].map((flags) => isSampled({ flags })),
    [false, true, false, true],
  );
});

test("a traceparent that is not read beforehand is never one that is sampled", () => {
  for (let flags = 0; flags < 256; flags++) {
    const digits = flags.toString(16).padStart(2, "0");
    for (const header of [`00-${TRACE}-${SPAN}-${digits}`, `01-${TRACE}-${SPAN}-${digits}-more`]) {
      assert.equal(maySample(header), (flags & 1) === 1, header);
    }
  }
  assert.equal(maySample(""), false);
  assert.equal(maySample(`00-${TRACE}-${SPAN}-0`), false);
});

test("a tracestate is kept member by member, in its order, over several headers", () => {
  const cases: readonly (readonly [headers: readonly string[], state: string | null])[] = [
    [["tracestate", "a=1"], "a=1"],
    [["tracestate", "a=1,b=2", "x", "y", "TraceState", "c=3"], "a=1,b=2,c=3"],
    [["tracestate", " a=1 ,\t, b=x y"], "a=1,b=x y"],
    [["tracestate", "fw529a3039@dt=FfFf,a_-*/1=!~"], "fw529a3039@dt=FfFf,a_-*/1=!~"],
    [["tracestate", "1a=2"], "1a=2"],
    [[], null],
    [["tracestate", ""], null],
    [["tracestate", "a"], null],
    [["tracestate", "a=1,b"], null],
    [["tracestate", "A=1"], null],
    [["tracestate", "a=1,a=2"], null],
    [["tracestate", "a=b=c"], null],
    [["tracestate", `a=${"x".repeat(257)}`], null],
    [
      ["tracestate", Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(",")],
      Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(","),
    ],
    [["tracestate", Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(",")], null],
  ];
  for (const [headers, state] of cases) assert.equal(clientTraceState(headers), state, JSON.stringify(headers));
});

test("a member of ours stands in front, once, and the list never grows beyond 32", () => {
  assert.equal(withStateMember(null, "us=1"), "us=1");
  assert.equal(withStateMember("a=1,us=0,b=2", "us=1"), "us=1,a=1,b=2");
  const full = Array.from({ length: 32 }, (_, n) => `k${n}=1`).join(",");
  assert.equal(withStateMember(full, "us=1"), `us=1,${full.slice(0, full.lastIndexOf(","))}`);
});
