import assert from "node:assert/strict";
import { test } from "node:test";
import { json } from "../../support/service.ts";
import { allSpans, isLeg, isServer, startTraced, TRACES } from "../../support/traced.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN = "b7ad6b7169203331";

test("with workers the spans are the same: what a worker records is sent by its parent", async (t) => {
  const bench = await startTraced(t, TRACES, {
    limits: "workers: 2",
    legacy: json(200, { total: 1 }),
    next: json(200, { total: 2 }),
  });
  await bench.send("PUT", "/users/42", {}, { traceparent: `00-${TRACE}-${CLIENT_SPAN}-01`, tracestate: "vendor=1" });
  await bench.send("GET", "/users/42", undefined, { traceparent: `00-${TRACE}-${CLIENT_SPAN}-00` });
  await bench.send("GET", "/users/42", undefined, { traceparent: `00-${TRACE}-${CLIENT_SPAN}-01` });
  await bench.settled(1);
  const spans = await allSpans(bench);
  assert.deepEqual(spans.map(({ name }) => name).toSorted(), [
    "GET /users/**",
    "GET legacy",
    "PUT /users/**",
    "PUT legacy",
    "PUT next",
    "compare",
  ]);
  const [server] = spans.filter((span) => isServer(span) && span.name.startsWith("PUT"));
  const [primary] = spans.filter((span) => isLeg("primary")(span) && span.name.startsWith("PUT"));
  const [shadow] = spans.filter(isLeg("shadow"));
  const [compare] = spans.filter(({ name }) => name === "compare");
  assert.equal(server?.parentId, CLIENT_SPAN);
  assert.deepEqual([primary?.parentId, shadow?.parentId], [server?.spanId, server?.spanId]);
  assert.equal(compare?.parentId, shadow?.spanId);
  assert.deepEqual(shadow?.links, [{ traceId: TRACE, spanId: primary?.spanId }]);
  assert.equal(bench.legacy.seen[0]?.header("traceparent"), `00-${TRACE}-${primary?.spanId}-01`);
  assert.equal(bench.next.seen[0]?.header("traceparent"), `00-${TRACE}-${shadow?.spanId}-01`);
  assert.equal(bench.next.seen[0]?.header("tracestate"), "crossfade=shadow,vendor=1");
  assert.equal(bench.legacy.seen[1]?.header("traceparent"), `00-${TRACE}-${CLIENT_SPAN}-00`);
  // Two processes, one clock.
  assert.ok((shadow?.startMs ?? 0) >= (server?.startMs ?? Infinity) - 2);
});
